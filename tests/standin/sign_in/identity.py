"""Who somebody is: the identity URL, and OpenID's userinfo."""

from tests.standin.clock import epoch_of
from tests.standin.org import Org
from tests.standin.sign_in.auth import bearer
from tests.standin.table import Record
from tests.standin.web import Json, Reply, Request

PLAIN_TEXT = "text/html;charset=UTF-8"  #: as Salesforce calls the one word that it answers
REST_PATHS = {
    "rest": "",
    "sobjects": "sobjects/",
    "search": "search/",
    "query": "query/",
    "recent": "recent/",
    "tooling_rest": "tooling/",
    "feeds": "chatter/feeds",
    "groups": "chatter/groups",
    "users": "chatter/users",
    "feed_items": "chatter/feed-items",
    "feed_elements": "chatter/feed-elements",
}


def identity(org: Org, request: Request, org_id: str, user_id: str) -> Reply:
    """GET /id/{org}/{user}; refusals are one word of plain text, as Salesforce documents them."""
    request.resource = "id"
    problem = _problem(org, request)
    if problem is not None:
        return problem
    if org_id[:15] != org.id[:15]:
        return _word(403, "Wrong_Org")
    user = org.store.tables["User"].records.get(user_id)
    return Reply(200, _identity_body(org, request, user)) if user else _word(404, "Bad_Id")


def userinfo(org: Org, request: Request) -> Reply:
    """GET or POST /services/oauth2/userinfo."""
    request.resource = "oauth2/userinfo"
    problem = _problem(org, request)
    if problem is not None:
        return problem
    session = org.sessions.find(_token(request))
    user = org.store.tables["User"].records[session.user_id] if session else {}
    return Reply(200, _userinfo_body(org, request, user))


def _token(request: Request) -> str:
    return bearer(request) or request.query.get("oauth_token") or request.query.get("access_token", "")


def _problem(org: Org, request: Request) -> Reply | None:
    token = _token(request)
    if not token:
        return _word(403, "Missing_OAuth_Token")
    return None if org.sessions.find(token) else _word(403, "Bad_OAuth_Token")


def _word(status: int, word: str) -> Reply:
    return Reply(status, word.encode(), content_type=PLAIN_TEXT)


def _urls(org: Org, base: str, user_id: str) -> Json:
    soap = {
        name: f"{base}/services/Soap/{path}/{{version}}/{org.id[:15]}"
        for name, path in (("enterprise", "c"), ("metadata", "m"), ("partner", "u"), ("tooling_soap", "T"))
    }
    rest = {name: f"{base}/services/data/v{{version}}/{path}" for name, path in REST_PATHS.items()}
    return {**soap, **rest, "profile": f"{base}/{user_id}", "custom_domain": base}


def _common(org: Org, request: Request, user: Record) -> Json:
    base = request.base_url or org.base_url
    return {
        "user_id": user["Id"],
        "organization_id": org.id,
        "email": user.get("Email"),
        "email_verified": True,
        "urls": _urls(org, base, user["Id"]),
        "active": user.get("IsActive", True),
        "user_type": "STANDARD",
        "language": "en_US",
        "locale": "en_US",
        "utcOffset": 0,
    }


def _identity_body(org: Org, request: Request, user: Record) -> Json:
    base = request.base_url or org.base_url
    names = ("addr_street", "addr_city", "addr_state", "addr_country", "addr_zip", "mobile_phone")
    return {
        "id": f"{base}/id/{org.id}/{user['Id']}",
        "asserted_user": True,
        "username": user.get("Username"),
        "nick_name": user.get("Alias", user.get("Username")),
        "display_name": user.get("Name"),
        "first_name": user.get("FirstName"),
        "last_name": user.get("LastName"),
        "timezone": "GMT",
        "photos": {"picture": f"{base}/profilephoto/005/F", "thumbnail": f"{base}/profilephoto/005/T"},
        **dict.fromkeys(names),
        "mobile_phone_verified": False,
        "is_lightning_login_user": False,
        "status": {"created_date": None, "body": None},
        "last_modified_date": user.get("LastModifiedDate"),
        "is_app_installed": True,
        **_common(org, request, user),
    }


def _userinfo_body(org: Org, request: Request, user: Record) -> Json:
    base = request.base_url or org.base_url
    stamp = user.get("LastModifiedDate")
    return {
        "sub": f"{base}/id/{org.id}/{user['Id']}",
        "preferred_username": user.get("Username"),
        "nickname": user.get("Alias", user.get("Username")),
        "name": user.get("Name"),
        "given_name": user.get("FirstName"),
        "family_name": user.get("LastName"),
        "zoneinfo": "GMT",
        "photos": {"picture": f"{base}/profilephoto/005/F", "thumbnail": f"{base}/profilephoto/005/T"},
        "profile": f"{base}/{user['Id']}",
        "picture": f"{base}/profilephoto/005/F",
        "address": {},
        "is_salesforce_integration_user": False,
        "updated_at": int(epoch_of(stamp)) if stamp else None,
        **_common(org, request, user),
    }
