"""Live updates: one short word over a stream that ends by itself, so that an open page keeps nothing awake."""

from collections.abc import AsyncIterator

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from common.console.access import Viewer
from common.console.problems import ANSWERS
from common.console.world import TheWorld

router = APIRouter(tags=["events"], responses=ANSWERS)


@router.get("/api/events", response_class=StreamingResponse, responses={200: {"content": {"text/event-stream": {}}}})
async def events(_: Viewer, world: TheWorld) -> StreamingResponse:
    """Server-sent events: `changed` whenever something has happened, `ended` after five minutes at most.

    The page opens it while a person looks at it and closes it when it is hidden; it is not opened again by itself.
    """

    async def told() -> AsyncIterator[bytes]:
        async for event in world.watch.events():
            yield f"event: {event.name}\ndata: {event.mark}\n\n".encode()

    return StreamingResponse(told(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
