"""Google's word on who somebody is: an ID token, or Identity-Aware Proxy's assertion. Verified here, not believed."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from common.errors import Transient

if TYPE_CHECKING:  # late where it is used: only who signs in through Google needs it
    from jwt import PyJWKClient

CERTIFICATES = "https://www.googleapis.com/oauth2/v3/certs"
IAP_KEYS = "https://www.gstatic.com/iap/verify/public_key-jwk"
ACCOUNTS = ("https://accounts.google.com", "accounts.google.com")
IAP_ISSUERS = ("https://cloud.google.com/iap",)
LEEWAY_SECONDS = 30  #: clocks differ
KEYS_SECONDS = 3600.0  #: Google changes its keys about once a day
FETCH_SECONDS = 10


class Verifier:
    """Verifies one kind of token for one audience. Safe to share between threads."""

    def __init__(self, audience: str, *, keys: str, issuers: tuple[str, ...], algorithm: str) -> None:
        self._audience = audience
        self._keys = keys
        self._issuers = issuers
        self._algorithm = algorithm
        self._lock = threading.Lock()
        self._client: PyJWKClient | None = None

    def address(self, token: str) -> str | None:
        """The e-mail address that the token vouches for, in lower case; None where it vouches for none.

        Raises:
            Transient: Google's keys could not be fetched.
        """
        import jwt

        try:
            key = self._fetching().get_signing_key_from_jwt(token)
            claims: dict[str, Any] = jwt.decode(
                token, key, algorithms=[self._algorithm], audience=self._audience, issuer=self._issuers,
                leeway=LEEWAY_SECONDS, options={"require": ["exp", "iat", "aud", "iss"]},
            )  # fmt: skip
        except jwt.PyJWKClientConnectionError as exc:
            raise Transient(
                "keys_unreachable", str(exc), "Google's public keys could not be fetched; try again."
            ) from exc
        except jwt.PyJWTError:
            return None
        if claims.get("email_verified", True) is not True or not isinstance(claims.get("email"), str):
            return None
        return str(claims["email"]).lower()

    def _fetching(self) -> PyJWKClient:
        from jwt import PyJWKClient

        with self._lock:
            if self._client is None:
                self._client = PyJWKClient(self._keys, lifespan=KEYS_SECONDS, timeout=FETCH_SECONDS)
            return self._client


def id_tokens(client_id: str, *, keys: str = CERTIFICATES) -> Verifier:
    """Google ID tokens made for one client."""
    return Verifier(client_id, keys=keys, issuers=ACCOUNTS, algorithm="RS256")


def iap(audience: str, *, keys: str = IAP_KEYS) -> Verifier:
    """Assertions that Identity-Aware Proxy puts into each request."""
    return Verifier(audience, keys=keys, issuers=IAP_ISSUERS, algorithm="ES256")
