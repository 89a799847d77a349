"""The control API below /standin: what tests and the stack ask of the stand-in itself, without a session."""

from collections.abc import Callable

from tests.standin import records, schema_change, settings
from tests.standin.clock import rest_time
from tests.standin.control import bin_and_rules
from tests.standin.errors import Refused, not_found
from tests.standin.events import control as event_control
from tests.standin.org import Org
from tests.standin.outbound import wsdl
from tests.standin.sign_in.auth import Client, Login
from tests.standin.web import Reply, Request, wrong_method

Handler = Callable[[Org, Request], Reply]
FARTHEST_SECONDS = 1_000_000_000  #: some 30 years: no date leaves the calendar


def answer(org: Org, request: Request, rest: list[str]) -> Reply:
    """Everything below /standin; `rest` are the path's segments after it."""
    try:
        return _route(org, request, rest)
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as exc:
        raise Refused("BAD_ORDER", f"{type(exc).__name__}: {exc}") from exc


def _route(org: Org, request: Request, rest: list[str]) -> Reply:
    match rest:
        case [name] if name in PLAIN:
            return PLAIN[name](org, request)
        case []:
            return Reply(200, {path: text for path, text in CALLS})
        case ["objects", name, "fields"]:
            return _fields(org, request, name)
        case ["objects", name, "fields", field]:
            return _field(org, request, name, field)
        case ["events", *more]:
            return event_control.answer(org, request, more)
        case ["faults", "late"]:
            return Reply(200, {"waiting": len(org.late)})
        case ["calls", "summary"]:
            return Reply(200, org.calls.summary())
        case ["outbound-messages", "queue"]:
            return Reply(200, org.queue.overview())
        case ["outbound-messages", definition_id]:
            return _remove_outbound(org, request, definition_id)
        case ["outbound-messages", definition_id, "wsdl"]:
            return _wsdl(org, definition_id)
        case ["sessions", "expire"] if request.method == "POST":
            return Reply(200, {"expired": org.sessions.expire_all()})
        case ["records", record_id, order] if request.method == "POST":
            return bin_and_rules.with_record(org, record_id, order, request)
    raise not_found()


def _clock(org: Org, request: Request) -> Reply:
    if request.method == "POST":
        seconds = float(request.json_object()["move_seconds"])
        if not abs(org.clock.offset_seconds + seconds) <= FARTHEST_SECONDS:
            raise Refused("BAD_ORDER", f"The clock goes at most {FARTHEST_SECONDS} s away from now")
        org.move_clock(seconds)
    return Reply(200, {"now": rest_time(org.clock.now()), "offset_seconds": org.clock.offset_seconds})


def _reset(org: Org, request: Request) -> Reply:
    _posted(request)
    org.reset(bool(request.body) and bool(request.json_object().get("objects")))
    return Reply(200, {"reset": True})


def _objects(org: Org, request: Request) -> Reply:
    """GET: names and counts. POST: one describe body or compact form, or a list of them."""
    if request.method == "POST":
        given = request.json()
        names = [org.upload(one).name for one in (given if isinstance(given, list) else [given])]
        return Reply(201, {"uploaded": names})
    shown = [
        {
            "name": name,
            "keyPrefix": table.sobject.prefix,
            "fields": len(table.sobject.fields),
            "records": table.living(),
            "deleted": len(table.deleted),
        }
        for name, table in org.store.tables.items()
    ]
    return Reply(200, shown)


def _fields(org: Org, request: Request, name: str) -> Reply:
    """GET: names, types, durable ids. POST, in the compact form: one field, a list, or {"fields": [...]}."""
    table = org.store.table(name)
    if request.method == "GET":
        ids = table.sobject.field_ids
        fields = table.sobject.fields.values()
        return Reply(200, [{"name": f.name, "type": f.type, "id": ids.get(f.name)} for f in fields])
    _posted(request)
    given = request.json()
    listed = given.get("fields", [given]) if isinstance(given, dict) else given
    org.store.place(table.sobject.with_fields(listed, org.clock.now()))
    return Reply(201, {"fields": [field["name"] for field in listed]})


def _field(org: Org, request: Request, name: str, field: str) -> Reply:
    """POST: rename (`name`), widen or retype. DELETE: remove with its values."""
    table = org.store.table(name)
    if request.method == "DELETE":
        schema_change.remove(org.store, table, field)
        return Reply(204)
    _posted(request)
    renamed = schema_change.change(org.store, table, field, request.json_object())
    org.queue.rename_field(table.sobject.name, field, renamed)
    return Reply(200, {"name": renamed, "id": table.sobject.field_ids.get(renamed)})


def _calls(org: Org, request: Request) -> Reply:
    if request.method == "DELETE":
        org.calls.clear()
        return Reply(200, {"cleared": True})
    return Reply(200, org.calls.recent(int(request.query.get("limit", "100"))))


def _outbound(org: Org, request: Request) -> Reply:
    if request.method == "POST":
        return Reply(201, org.define_outbound(request.json_object()).as_json())
    return Reply(200, [definition.as_json() for definition in org.queue.definitions()])


def _remove_outbound(org: Org, request: Request, definition_id: str) -> Reply:
    if request.method != "DELETE":
        raise wrong_method(request)
    if not org.queue.remove(definition_id):
        raise not_found()
    return Reply(204)


def _wsdl(org: Org, definition_id: str) -> Reply:
    found = next((d for d in org.queue.definitions() if d.id == definition_id), None)
    if found is None:
        raise not_found()
    fields = org.outbound_fields(found, org.store.table(found.object).sobject)
    return Reply(200, wsdl.wsdl(found.object, fields, found.endpoint).encode(), content_type="text/xml;charset=UTF-8")


def _sessions(org: Org, request: Request) -> Reply:
    """Open a session for a user, also with a token of one's own choice."""
    _posted(request)
    given = request.json_object() if request.body else {}
    login = org.sessions.logins[given.get("username", "integration@standin.test").lower()]
    session = org.sessions.open(login.user_id, given.get("client_id", "isthmus"), given.get("token"))
    body = {"access_token": session.token, "instance_url": org.base_url, "user_id": session.user_id}
    if given.get("refresh"):
        body["refresh_token"] = org.sessions.open_refresh(session.user_id, session.client_id).token
    return Reply(201, body)


def _clients(org: Org, request: Request) -> Reply:
    """GET: the clients. POST: add one, or change what is given of a known one."""
    if request.method == "POST":
        given = request.json_object()
        client_id = given["client_id"]
        known = org.sessions.clients.get(client_id) or Client(
            client_id, client_id, org.sessions.clients["isthmus"].user_id
        )
        username = given.get("username")
        org.sessions.register(
            Client(
                client_id,
                given.get("client_secret", known.client_secret),
                org.sessions.logins[username.lower()].user_id if username else known.user_id,
                given.get("public_key", known.public_key),
                bool(given.get("sendOutboundMessages", known.sends_outbound)),
            )
        )
    return Reply(200, org.clients_json())


def _users(org: Org, request: Request) -> Reply:
    """Add someone who can sign in by password or as the subject of a JWT."""
    _posted(request)
    given = request.json_object()
    username = str(given["username"])
    last = str(given.get("last_name", username))
    body = {"Username": username, "LastName": last, "Email": given.get("email", username), "Alias": last[:8]}
    with org.store.transaction():
        user_id = records.insert(org.store, org.store.tables["User"], body, org.ui)
    token = given.get("security_token", "token")
    org.sessions.admit(Login(username, given.get("password", "standin"), user_id, token))
    return Reply(201, {"user_id": user_id, "username": username})


def _settings(org: Org, request: Request) -> Reply:
    if request.method == "POST":
        org.change_settings(settings.checked(request.json_object()))
    return Reply(200, org.settings)


def _faults(org: Org, request: Request) -> Reply:
    if request.method == "DELETE":
        org.faults.clear()
    elif request.method == "POST":
        return Reply(201, org.faults.order(request.json_object()).as_json())
    return Reply(200, org.faults.all())


def _posted(request: Request) -> None:
    if request.method != "POST":
        raise wrong_method(request)


def _plain() -> dict[str, Handler]:
    return {
        "clock": _clock,
        "reset": _reset,
        "objects": _objects,
        "calls": _calls,
        "outbound-messages": _outbound,
        "sessions": _sessions,
        "clients": _clients,
        "users": _users,
        "settings": _settings,
        "faults": _faults,
        "deleted": bin_and_rules.deleted,
        "duplicate-rules": bin_and_rules.duplicate_rules,
        "access": bin_and_rules.access,
    }


PLAIN = _plain()
CALLS = (
    ("GET /standin/", "this list"),
    ("GET, POST clock", '{"move_seconds": n}: moves the clock and does what has become due'),
    ("POST reset", '{"objects": false}: forget records, messages, calls, faults, settings; true: uploaded objects too'),
    ("GET, POST objects", "names and counts; upload a describe body or a compact form, or a list of them"),
    ("GET, POST objects/{name}/fields", "names, types and durable ids; add fields in the compact form"),
    (
        "POST, DELETE objects/{name}/fields/{field}",
        "rename (name), widen (length) or retype (type) a custom field; remove it",
    ),
    ("GET, DELETE calls", "the last calls (?limit=)"),
    ("GET calls/summary", "counts by resource and by status, API calls of the last 24 hours"),
    ("GET, POST outbound-messages", '{"name", "object", "fields", "endpoint", "includeSessionId", "userId"}'),
    ("DELETE outbound-messages/{id}", "remove a definition and its queue"),
    ("GET outbound-messages/{id}/wsdl", "its WSDL"),
    ("GET outbound-messages/queue", "what waits, attempts, last error"),
    ("POST sessions", '{"username", "client_id", "token", "refresh"}: a session, also with a token of your own'),
    ("POST sessions/expire", "end all sessions"),
    ("GET, POST clients", '{"client_id", "client_secret", "username", "public_key", "sendOutboundMessages"}'),
    ("POST users", '{"username", "password", "security_token", "last_name", "email"}'),
    ("GET, POST settings", "see the README"),
    ("GET, POST, DELETE faults", "faults in force and how often each happened; order one; end all"),
    ("GET faults/late", "calls that were not answered and whose work is still to be done"),
    ("GET deleted", "the recycle bin (?object=)"),
    ("POST records/{id}/undelete", "take a record out of the recycle bin"),
    *event_control.CALLS,
)
