"""Small signed texts: the link that signs in once, and the session that follows. No vendor: the command line makes links."""

import base64
import hmac
import json
import secrets
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

LINK = "link"
SESSION = "session"
LINK_LIFE = timedelta(days=1)
SESSION_LIFE = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Token:
    """What a token says, once its signature was found to be ours."""

    who: str
    role: str
    kind: str  #: link, session
    number: str  #: no two tokens share it
    until: datetime


class Signer:
    """Makes and reads tokens of one secret; a link is read once. Safe to share between threads."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        self._lock = threading.Lock()
        self._used: dict[str, datetime] = {}

    @property
    def cookie(self) -> str:
        """The session's cookie: browsers send a host's cookies to every port, and two consoles may share a host."""
        return f"isthmus-{sha256(self._secret).hexdigest()[:8]}"

    def link(self, who: str, role: str, now: datetime) -> str:
        """A token that signs in once, within a day."""
        return self._made(LINK, who, role, now + LINK_LIFE)

    def session(self, link: Token, now: datetime) -> str:
        """What a browser carries for half a day."""
        return self._made(SESSION, link.who, link.role, now + SESSION_LIFE)

    def read(self, text: str, kind: str, now: datetime) -> Token | None:
        """What a token says; None where it is not ours, over, of another kind, or a link that was used."""
        body, _, signature = text.partition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(body).encode()):
            return None
        held = json.loads(base64.urlsafe_b64decode(body))
        token = Token(held["who"], held["role"], held["kind"], held["number"], datetime.fromisoformat(held["until"]))
        if token.kind != kind or token.until < now or (kind == LINK and not self._first(token, now)):
            return None
        return token

    def _first(self, token: Token, now: datetime) -> bool:
        with self._lock:
            self._used = {number: until for number, until in self._used.items() if until >= now}
            if token.number in self._used:
                return False
            self._used[token.number] = token.until
            return True

    def _made(self, kind: str, who: str, role: str, until: datetime) -> str:
        held = {"who": who, "role": role, "kind": kind, "number": secrets.token_hex(8), "until": until.isoformat()}
        body = base64.urlsafe_b64encode(json.dumps(held).encode()).decode()
        return f"{body}.{self._signature(body)}"

    def _signature(self, body: str) -> str:
        return hmac.new(self._secret, body.encode(), sha256).hexdigest()
