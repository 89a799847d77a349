"""What stands before every request: security headers, the one origin that may call from elsewhere, no forged requests."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CSRF_HEADER = "x-isthmus-console"  #: no form and no other site's script can set it without asking CORS first
MAX_BODY = 1_000_000  #: bytes; the largest that the page sends is a list of a thousand ids
MAX_AGE = "600"  #: seconds for which a browser remembers what CORS allowed
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

#: The page's own scripts only; Mantine writes style elements and attributes.
POLICY = (
    "default-src 'none'; script-src 'self'{google}; style-src 'self' 'unsafe-inline'{google}; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'{google}; frame-src {frames}; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",  # browsers heed it over https only
}


class Guards:
    """An ASGI layer around the application.

    Args:
        origin: Where the page lives when it lives elsewhere; empty: only here.
        google: Whether people sign in with Google's button.
    """

    def __init__(self, app: ASGIApp, *, origin: str = "", google: bool = False) -> None:
        self._app = app
        self._origin = origin
        accounts = " https://accounts.google.com/gsi/"
        policy = POLICY.format(google=accounts if google else "", frames=accounts.strip() if google else "'none'")
        # Google's button answers through a window that it opens.
        opener = "same-origin-allow-popups" if google else "same-origin"
        self._headers = HEADERS | {"Content-Security-Policy": policy, "Cross-Origin-Opener-Policy": opener}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._add(MutableHeaders(scope=message), headers, scope["path"])
            await send(message)

        refused = self._refusal(scope["method"], headers)
        await (refused or self._app)(scope, receive, guarded)

    def _refusal(self, method: str, headers: Headers) -> Response | None:
        if method == "OPTIONS":
            return Response(status_code=204)
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > MAX_BODY or "chunked" in headers.get("transfer-encoding", ""):
            return _problem(
                413, "body_too_large", f"a body of {length} bytes", f"Send {MAX_BODY} at most, with its length."
            )
        if method not in _SAFE and not self._asked_by_us(headers):
            return _problem(
                403, "forged", "the request does not come from the console's page",
                f"Send the header {CSRF_HEADER}: 1, from the console's own origin.",
            )  # fmt: skip
        return None

    def _asked_by_us(self, headers: Headers) -> bool:
        if headers.get(CSRF_HEADER) != "1":
            return False
        origin = headers.get("origin")
        if origin is None:  # no browser
            return True
        return origin == self._origin or origin.partition("://")[2] == headers.get("host")

    def _add(self, answer: MutableHeaders, asked: Headers, path: str) -> None:
        for name, value in self._headers.items():
            answer.setdefault(name, value)
        if path.startswith("/api/"):
            answer["Cache-Control"] = "no-store"
        answer.add_vary_header("Origin")
        if self._origin and asked.get("origin") == self._origin:
            answer["Access-Control-Allow-Origin"] = self._origin
            answer["Access-Control-Allow-Headers"] = f"authorization, content-type, {CSRF_HEADER}"
            answer["Access-Control-Allow-Methods"] = "GET, POST, PUT, DELETE"
            answer["Access-Control-Max-Age"] = MAX_AGE


def _problem(status: int, reason: str, detail: str, hint: str) -> Response:
    return JSONResponse({"reason": reason, "detail": detail, "hint": hint}, status)
