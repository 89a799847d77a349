"""What is answered when something is refused or cannot be done: reason, detail, hint, under a status that fits."""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from common import log
from common.errors import IsthmusError, Misconfigured, Terminal, Transient

DOOR = "console"

_STATUS = {
    "mapping_missing": 404, "letter_missing": 404, "conflict_missing": 404, "record_unknown": 404, "schedule_missing": 404,
    "nothing_failed": 404, "nothing_held": 404, "backfill_missing": 404,
    "mapping_exists": 409, "table_exists": 409, "changed_meanwhile": 409, "moved_on": 409, "gone": 409, "other_org": 409,
    "captured_by_debezium": 409,
    "backfill_open": 409,
    "backfill_over": 409,
}  # fmt: skip
_THEIRS = frozenset({"object_missing", "field_missing", "external_id", "parent_key", "write_back", "filter", "rule"})


class Problem(BaseModel):
    """Why something was not done."""

    reason: str
    detail: str
    hint: str


class Refusal(Exception):
    """A request that is answered with a problem."""

    def __init__(self, status: int, reason: str, detail: str, hint: str) -> None:
        super().__init__(detail)
        self.status = status
        self.problem = Problem(reason=reason, detail=detail, hint=hint)


#: What every route may answer besides what it is for.
ANSWERS: dict[int | str, dict[str, object]] = {
    400: {"model": Problem, "description": "The body is no text"},
    401: {"model": Problem, "description": "Nobody is signed in"},
    403: {"model": Problem, "description": "Whoever is signed in may not"},
    404: {"model": Problem, "description": "There is no such thing"},
    409: {"model": Problem, "description": "It is not as it was, or there already"},
    413: {"model": Problem, "description": "More than a megabyte"},
    422: {"model": Problem, "description": "The request cannot be understood, or cannot be carried out"},
    503: {"model": Problem, "description": "Try again later, or mend what the hint names"},
}


def status_of(exc: IsthmusError) -> int:
    """The HTTP status of one of our errors."""
    if exc.reason in _STATUS:
        return _STATUS[exc.reason]
    if isinstance(exc, Terminal) or exc.reason in _THEIRS:
        return 422
    return 503


def answer_with_problems(app: FastAPI) -> None:
    """Let the application answer every error in the one shape."""

    @app.exception_handler(Refusal)
    def refused(_: Request, exc: Refusal) -> JSONResponse:
        return JSONResponse(exc.problem.model_dump(), exc.status)

    @app.exception_handler(IsthmusError)
    def failed(_: Request, exc: IsthmusError) -> JSONResponse:
        if isinstance(exc, Transient | Misconfigured):
            log.trouble(DOOR, exc)
        return _problem(status_of(exc), exc.reason, exc.detail, exc.hint)

    @app.exception_handler(RequestValidationError)
    def misunderstood(_: Request, exc: RequestValidationError) -> JSONResponse:
        told = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in exc.errors())
        return _problem(422, "request_refused", told, "See /docs for what is accepted.")

    @app.exception_handler(HTTPException)
    def plain(_: Request, exc: HTTPException) -> JSONResponse:
        words = str(exc.detail)
        answer = _problem(exc.status_code, words.lower().replace(" ", "_"), words, "See /docs for what there is.")
        answer.headers.update(exc.headers or {})
        return answer


def _problem(status: int, reason: str, detail: str, hint: str) -> JSONResponse:
    return JSONResponse(Problem(reason=reason, detail=detail, hint=hint).model_dump(), status)
