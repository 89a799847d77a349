"""The little page for people: look at records, change one, create one, and watch the change flow."""

from html import escape
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl

from tests.standin import records
from tests.standin.control import overview
from tests.standin.errors import Refused
from tests.standin.org import Org
from tests.standin.schema import Field
from tests.standin.table import Record, Table
from tests.standin.web import Reply, Request, wrong_method

HOME = "Salesforce stand-in"
HTML = "text/html; charset=utf-8"
SHOWN_RECORDS = 100
SHOWN_COLUMNS = 6
LONG_TEXT = 255
NUMBERS = ("int", "double", "currency", "percent")

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:84rem;padding:1rem 1.5rem;color:#1c2430}
a{color:#0b5cab}table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #ddd}
form.record{display:grid;grid-template-columns:minmax(10rem,auto) 1fr;gap:.4rem 1rem;align-items:center}
input,textarea,select{
font:inherit;padding:.3rem;border:1px solid #aab;border-radius:4px;width:100%;box-sizing:border-box}
input[type=checkbox]{width:auto}
button{font:inherit;padding:.4rem 1rem;border:0;border-radius:4px;background:#0b5cab;color:#fff}
h1{margin:.2rem 0 .6rem}h2{font-size:1.1rem;margin:1.4rem 0 .3rem}
.two{display:grid;grid-template-columns:repeat(auto-fit,minmax(30rem,1fr));gap:0 2.5rem;align-items:start}
.two table{font-size:13px}.two td{white-space:nowrap}.two td.long{white-space:normal;overflow-wrap:anywhere}
.note{padding:.5rem .8rem;border-radius:4px;background:#e6f2e6}.wrong{background:#fbe4e4}small{color:#667}
"""


def answer(org: Org, request: Request) -> Reply:
    """/ lists objects; /records/X lists, or creates on POST; /records/X/new and /records/X/{id} are forms."""
    if request.method not in ("GET", "POST"):
        raise wrong_method(request)
    match request.segments:
        case []:
            return _page(HOME, overview.home(org))
        case ["records", name]:
            table = org.store.table(name)
            return (
                _page(table.sobject.label, _list(table))
                if request.method == "GET"
                else _save(org, request, table, None)
            )
        case ["records", name, "new"]:
            table = org.store.table(name)
            return _page(f"New {table.sobject.label}", _form(table, {}, f"/records/{table.sobject.name}"))
        case ["records", name, record_id]:
            table = org.store.table(name)
            found = records.living(table, record_id)
            return _shown(org, table, found, request) if request.method == "GET" else _save(org, request, table, found)
    raise Refused("NOT_FOUND", "The requested resource does not exist", status=404)


def _page(title: str, body: str, status: int = 200) -> Reply:
    head = f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
    look = f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
    way = "" if title == HOME else f'<p><a href="/">{HOME}</a></p>'
    top = f"<body>{way}<h1>{escape(title)}</h1>"
    text = f"{head}{look}{top}{body}</body></html>"
    return Reply(status, text.encode(), content_type=HTML)


def _list(table: Table) -> str:
    sobject = table.sobject
    wanted = [name for name in ("Name", "External_Id__c") if name in sobject.fields]
    more = [f.name for f in sobject.fields.values() if f.createable and f.name not in (*wanted, "OwnerId")]
    columns = [*wanted, *more][:SHOWN_COLUMNS]
    head = "".join(f"<th>{escape(sobject.fields[name].raw['label'])}</th>" for name in columns)
    newest = (table.records[i] for i in table.stamps.newest() if i not in table.deleted)
    rows = "".join(_row(sobject.name, columns, record) for record in islice(newest, SHOWN_RECORDS))
    new = f'<a href="/records/{sobject.name}/new">New</a>'
    count = f"<p>{table.living()} records, the last changed first. {new}</p>"
    return f"{count}<table><tr><th>Id</th>{head}<th>Changed</th></tr>{rows}</table>"


def _row(name: str, columns: list[str], record: Record) -> str:
    cells = "".join(f"<td>{escape(_text(record.get(column)))}</td>" for column in columns)
    link = f'<a href="/records/{name}/{record["Id"]}">{record["Id"]}</a>'
    return f"<tr><td>{link}</td>{cells}<td>{record['SystemModstamp']}</td></tr>"


def _text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _shown(org: Org, table: Table, record: Record, request: Request) -> Reply:
    note = '<p class="note">Saved.</p>' if request.query.get("saved") else ""
    form = _form(table, record, f"/records/{table.sobject.name}/{record['Id']}")
    facts = f"<p><small>{record['Id']}, changed {record['SystemModstamp']}</small></p>"
    return _page(str(record.get("Name") or table.sobject.label), f"{note}{facts}{form}")


def _form(table: Table, record: Record, action: str) -> str:
    shown = [f for f in table.sobject.fields.values() if (f.updateable if record else f.createable)]
    rows = "".join(
        f'<label for="{f.name}">{escape(f.raw["label"])}</label>{_input(f, record.get(f.name))}' for f in shown
    )
    end = "<span></span><button>Save</button></form>"
    return f'<form class="record" method="post" action="{action}">{rows}{end}'


def _input(field: Field, value: Any) -> str:
    name = f'id="{field.name}" name="{field.name}"'
    if field.type == "boolean":
        return f'<span><input type="checkbox" value="true" {name}{" checked" if value else ""}></span>'
    if field.type == "picklist" and field.raw["picklistValues"]:
        return _select(field, name, value)
    if field.type == "textarea" and field.raw["length"] > LONG_TEXT:
        return f'<textarea rows="3" {name}>{escape(_text(value))}</textarea>'
    return f'<input {name} value="{escape(_text(value))}">'


def _select(field: Field, name: str, value: Any) -> str:
    values = ["", *(v["value"] for v in field.raw["picklistValues"] if v.get("active", True))]
    if value and value not in values:
        values.append(value)
    options = "".join(f"<option{' selected' if v == (value or '') else ''}>{escape(v)}</option>" for v in values)
    return f"<select {name}>{options}</select>"


def _save(org: Org, request: Request, table: Table, record: Record | None) -> Reply:
    """Save what the form holds as the page's user; a refusal is shown above the form."""
    given = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
    body = _changed(table, given, record)
    try:
        with org.store.transaction():
            if record is None:
                record_id = records.insert(org.store, table, body, org.ui)
            else:
                record_id = record["Id"]
                records.update(org.store, table, record_id, body, org.ui)
    except Refused as exc:
        action = request.path
        note = f'<p class="note wrong">{escape(exc.message)}</p>'
        return _page(table.sobject.label, note + _form(table, {**(record or {}), **given}, action), status=400)
    return Reply(303, b"", {"Location": f"/records/{table.sobject.name}/{record_id}?saved=1"}, HTML)


def _changed(table: Table, given: dict[str, str], record: Record | None) -> dict[str, Any]:
    """What differs from the record: a form sends every field, and leaves out boxes that are not ticked."""
    body: dict[str, Any] = {}
    for field in table.sobject.fields.values():
        if not (field.createable if record is None else field.updateable):
            continue
        before = (record or {}).get(field.name)
        value: Any = given.get(field.name)
        if field.type == "boolean":
            value = value == "true" if given else bool(before)
        elif value is None:
            continue
        value = value.replace("\r\n", "\n") if isinstance(value, str) and "\r" not in _text(before) else value
        if (value if field.type == "boolean" else value or "") != (
            bool(before) if field.type == "boolean" else _text(before)
        ):
            body[field.name] = value if value != "" else None
    return body
