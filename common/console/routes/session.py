"""Signing in and out, and who one is."""

from fastapi import APIRouter, Request, Response

from common.console import tokens
from common.console.access import Viewer
from common.console.problems import ANSWERS, Refusal
from common.console.shapes import Link, Me, Ways
from common.console.world import TheWorld

public = APIRouter(tags=["session"])
router = APIRouter(tags=["session"], responses=ANSWERS)


@public.get("/api/sign-in")
def ways_to_sign_in(world: TheWorld) -> Ways:
    """How one may sign in here."""
    held = world.access.settings
    return Ways(link=bool(held.secret), google_client_id=held.google_client_id or None, iap=bool(held.iap_audience))


@public.post("/api/session", status_code=204, responses={k: ANSWERS[k] for k in (400, 401, 403, 413, 422)})
def sign_in(link: Link, request: Request, response: Response, world: TheWorld) -> None:
    """Trade a link's token, which works once, for a session in a cookie."""
    session = world.access.sign_in(link.token)
    if session is None or world.access.signer is None:
        raise Refusal(
            401,
            "link_used",
            "the link is not ours, over, or was used already",
            "Ask for a new one: `isthmus console link`.",
        )
    response.set_cookie(
        world.access.signer.cookie, session, max_age=int(tokens.SESSION_LIFE.total_seconds()), httponly=True,
        secure=request.url.scheme == "https", samesite="strict", path="/",
    )  # fmt: skip


@router.get("/api/session")
def who_am_i(person: Viewer) -> Me:
    """Whoever is signed in, and what they may do."""
    return Me(who=person.who, role=person.role.value)


@router.delete("/api/session", status_code=204)
def sign_out(_: Viewer, response: Response, world: TheWorld) -> None:
    """Forget the session of this browser."""
    if world.access.signer:
        response.delete_cookie(world.access.signer.cookie, httponly=True, samesite="strict", path="/")
