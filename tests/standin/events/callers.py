"""Who calls: the three metadata headers, held against the org's sessions."""

from typing import Any

from tests.standin.events.failures import Failed
from tests.standin.sign_in.auth import Session, Sessions

ID_LENGTH = 18


def session_of(sessions: Sessions, metadata: Any) -> Session:
    """The session of a call.

    Raises:
        Failed: a header is blank or has not its shape, or the token is not of this org or no longer in force.
    """
    given = {str(name).lower(): str(value).strip() for name, value in metadata or ()}
    token, url, tenant = (given.get(name, "") for name in ("accesstoken", "instanceurl", "tenantid"))
    if not token or not url.startswith(("https://", "http://")) or len(tenant) != ID_LENGTH:
        raise Failed("service.auth.headers.invalid")
    if tenant != sessions.org_id:
        raise Failed("service.auth.error", "The tenant is another one.")
    return in_force(sessions, token)


def in_force(sessions: Sessions, token: str) -> Session:
    """The session of a token, if it still holds."""
    session = sessions.find(token)
    if session is None:
        raise Failed("service.auth.error")
    return session
