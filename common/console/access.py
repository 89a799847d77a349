"""Who calls, and what they may do: a session of one machine, a Google ID token, or Identity-Aware Proxy's word."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from fastapi import Depends, Request

from common.clock import Clock
from common.config import SignIn
from common.console import google, tokens
from common.console.google import Verifier
from common.console.problems import Refusal

IAP_HEADER = "x-goog-iap-jwt-assertion"


class Role(StrEnum):
    VIEWER = "viewer"  #: looks
    OPERATOR = "operator"  #: changes things too


@dataclass(frozen=True, slots=True)
class Person:
    who: str
    role: Role


class Access:
    """Knows the ways to sign in that the settings allow."""

    def __init__(
        self, settings: SignIn, now: Clock, *, id_tokens: Verifier | None = None, iap: Verifier | None = None
    ) -> None:
        self.settings = settings
        self.signer = tokens.Signer(settings.secret) if settings.secret else None
        self._now = now
        audience, client = settings.iap_audience, settings.google_client_id
        self._iap = iap or (google.iap(audience) if audience else None)
        self._id_tokens = id_tokens or (google.id_tokens(client) if client else None)

    def person(self, headers: Mapping[str, str], cookies: Mapping[str, str]) -> Person | None:
        """Whoever calls; None where they have not said so in a way that counts.

        Raises:
            Refusal: they have, and are on no list.
            Transient: Google's keys could not be fetched.
        """
        if self.signer and (held := cookies.get(self.signer.cookie)):
            session = self.signer.read(held, tokens.SESSION, self._now())
            if session:
                return Person(session.who, Role(session.role))
        address = self._address(headers)
        return self._listed(address) if address else None

    def sign_in(self, link: str) -> str | None:
        """A session for a link that was not used yet."""
        if self.signer is None:
            return None
        token = self.signer.read(link, tokens.LINK, self._now())
        return self.signer.session(token, self._now()) if token else None

    def _address(self, headers: Mapping[str, str]) -> str | None:
        if self._iap and (assertion := headers.get(IAP_HEADER)):
            return self._iap.address(assertion)
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if self._id_tokens and scheme.lower() == "bearer" and token:
            return self._id_tokens.address(token)
        return None

    def _listed(self, address: str) -> Person:
        for role, listed in ((Role.OPERATOR, self.settings.operators), (Role.VIEWER, self.settings.viewers)):
            if address in listed or "@" + address.rpartition("@")[2] in listed:
                return Person(address, role)
        raise Refusal(
            403, "not_listed", f"{address} is on no list of the console's",
            "Ask for CONSOLE_VIEWERS or CONSOLE_OPERATORS to name it.",
        )  # fmt: skip


def needs(role: Role) -> Callable[[Request], Person]:
    """A dependency: whoever calls has the role, or is refused with 401 or 403."""

    def check(request: Request) -> Person:
        access: Access = request.app.state.world.access
        person = access.person(request.headers, request.cookies)
        if person is None:
            raise Refusal(401, "not_signed_in", "nobody is signed in", "Sign in first.")
        if role is Role.OPERATOR and person.role is not Role.OPERATOR:
            raise Refusal(403, "viewer", f"{person.who} may look, not change", "Ask an operator.")
        return person

    return check


Viewer = Annotated[Person, Depends(needs(Role.VIEWER))]
Operator = Annotated[Person, Depends(needs(Role.OPERATOR))]
