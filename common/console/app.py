"""The application, put together: guards, routes, the page."""

from anyio import to_thread
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from common import health
from common.console import page
from common.console.guards import Guards
from common.console.problems import answer_with_problems
from common.console.routes import (
    conflicts,
    events,
    failures,
    letters,
    loads,
    mappings,
    overview,
    records,
    schedules,
    session,
    trends,
)
from common.console.world import World

ROUTERS = (
    session.public,
    session.router,
    overview.router,
    mappings.router,
    trends.router,
    letters.router,
    failures.router,
    conflicts.router,
    records.router,
    loads.router,
    schedules.router,
    events.router,
)


class Console:
    """The whole console as one ASGI application."""

    def __init__(self, world: World) -> None:
        self.api = build(world)
        settings = world.access.settings
        self._threads = world.threads
        self._guarded: ASGIApp = Guards(self.api, origin=settings.origin, google=bool(settings.google_client_id))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Each thread holds a connection to the database, and those are counted.
        to_thread.current_default_thread_limiter().total_tokens = self._threads
        await self._guarded(scope, receive, send)


def build(world: World) -> FastAPI:
    """The API and the page, without what stands before them."""
    app = FastAPI(
        title="Isthmus",
        version=health.release(),
        description="What is synced, how far behind, what failed, why, and what to do about it.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    app.state.world = world
    answer_with_problems(app)
    for router in ROUTERS:
        app.include_router(router)
    page.mount(app, world.page)
    return app
