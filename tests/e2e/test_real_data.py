"""Public sample data, both ways, value for value."""

import subprocess
from collections.abc import Callable, Iterable
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
import requests
from simple_salesforce import Salesforce

from common.mapping import Field, Kind, Mapping
from common.postgres.values import canonical
from tests.e2e import datasets
from tests.e2e.conftest import MakeStack
from tests.stack import sample
from tests.stack.postgres import binaries
from tests.stack.stack import Stack
from tests.standin.driving import PlainHttp

Json = dict[str, Any]
RowsOf = Callable[[Stack], sample.Rows]

#: What people write into a column, taken in turns. Text is cut to the field's length.
EDITS: dict[Kind, list[Any]] = {
    Kind.TEXT: ["한국어 값", "배 🚢🎉", 'O\'Reilly "q" \\ back', "<b>&amp;</b> ;--", "first\r\nsecond", None],
    Kind.DECIMAL: ["0", "-1", "123456789012.34", "0.000001", "99999999999999", None],
    Kind.INTEGER: ["0", "-1", "99999999", "-99999999", None],
    Kind.DATE: ["1900-01-01", "2100-12-31", "2024-02-29", None],
    Kind.DATETIME: ["1900-01-01T00:00:00Z", "2100-12-31T23:59:59Z", "2026-03-29T02:30:00+02:00", None],
    Kind.TIME: ["00:00:00", "23:59:59.999", None],
    Kind.BOOLEAN: [True, False],
    Kind.EMAIL: ["someone@example.com", "Some.One@Example.COM", None],  # Salesforce keeps it in lower case
}


def test_every_record_arrives_in_both_directions(start: MakeStack, rows: RowsOf, samples: Path, pubsub: str) -> None:
    """3,600 real records stand in Postgres value for value; then every row is edited, and Salesforce has every value."""
    stack = start(pubsub=pubsub)
    found = datasets.read(samples / "datasets")
    client, psql = sample.Client(stack), rows(stack)
    sf = _simple_salesforce(stack)
    describes = {name: _define(client, found, name) for name in found.records}
    sample.prepare(stack, client, tuple(found.records))
    mappings = {m.sobject: m for m in sample.mapped(stack)}

    _load(sf, found)
    for name, mapping in mappings.items():
        _wait_for(psql, mapping, len(found.records[name]))

    _wait_until_equal(sf, psql, mappings.values())

    _edit_every_row(stack, psql, mappings, describes)
    _wait_until_sent(psql)

    assert [] == psql.run(
        "SELECT table_name, record_id, last_error FROM isthmus.change_log WHERE state = 'failed' LIMIT 5"
    )
    _wait_until_equal(sf, psql, mappings.values())
    assert [[0]] == psql.run("SELECT count(*) FROM isthmus.dead_letter")


# -- Salesforce ----------------------------------------------------------------------------------


def _simple_salesforce(stack: Stack) -> Salesforce:
    session = requests.Session()
    session.trust_env = False
    session.mount("https://", PlainHttp())
    token = sample.Client(stack).token
    return Salesforce(session_id=token, instance_url=stack.standin_url, session=session, version="66.0")


def _define(client: sample.Client, found: datasets.Objects, name: str) -> Json:
    known = {o["name"] for o in client.control("GET", "objects")}
    if name not in known:
        identity = {"name": "External_Id__c", "type": "string", "length": 255, "externalId": True, "unique": True}
        fields = [f for f in found.fields(name) if f["name"] not in ("Name", "External_Id__c")]
        named = any(f["name"] == "Name" for f in found.fields(name))
        body = {"name": name, "label": name, "nameField": named, "fields": [identity, *fields]}
        client.control("POST", "objects", body)
    described: Json = client.rest("GET", f"sobjects/{name}/describe")
    held = {f["name"] for f in described["fields"]}
    missing = [f for f in found.fields(name) if f["name"] not in held]
    if missing:
        client.control("POST", f"objects/{name}/fields", missing)
        described = client.rest("GET", f"sobjects/{name}/describe")
    return {f["name"]: f for f in described["fields"]}


def _load(sf: Salesforce, found: datasets.Objects) -> None:
    """Through the REST API, 200 records a call, parents first."""
    ids: dict[str, str] = {}
    for name, group in groupby(found.order, key=lambda entry: entry[0]):
        records = [record for _, record in group]
        for start in range(0, len(records), 200):
            part = records[start : start + 200]
            body = [{"attributes": {"type": name}, **_resolved(r, ids)} for r in part]
            results = sf.restful("composite/sobjects", method="POST", json={"allOrNone": False, "records": body})
            for record, result in zip(part, results, strict=True):
                assert result["success"], (name, record, result["errors"])
                ids[record["@"]] = result["id"]


def _resolved(record: Json, ids: dict[str, str]) -> Json:
    values = {k: ids[v[1:]] if isinstance(v, str) and v.startswith("@") else v for k, v in record.items() if k != "@"}
    if sum(map(ord, record["@"])) % 2:
        values["External_Id__c"] = record["@"]  # half of them: the others take a key of their own in Postgres
    return values


def _in_salesforce(sf: Salesforce, mapping: Mapping) -> dict[str, Json]:
    names = [f.name for f in mapping.fields]
    answer = sf.query_all(f"SELECT Id, {', '.join(names)} FROM {mapping.sobject}")
    return {r["Id"]: {f.name: canonical(f.kind, r[f.name]) for f in mapping.fields} for r in answer["records"]}


# -- Postgres ------------------------------------------------------------------------------------


def _wait_until_equal(sf: Salesforce, psql: sample.Rows, mappings: Iterable[Mapping]) -> None:
    """Audit fields come back with the echo, a moment later."""
    for mapping in mappings:
        found: list[str] = []

        def equal(mapping: Mapping = mapping, found: list[str] = found) -> bool:
            found[:] = _differences(mapping, _in_salesforce(sf, mapping), _in_postgres(psql, mapping))
            return not found

        try:
            sample.wait_until(equal, mapping.sobject, seconds=60)
        except TimeoutError:
            assert [] == found


def _differences(mapping: Mapping, there: dict[str, Json], here: dict[str, Json]) -> list[str]:
    """Field by field; the first few are enough to see what is wrong."""
    if there.keys() != here.keys():
        return [f"{mapping.sobject}: {len(there)} records, {len(here)} rows"]
    found = [
        f"{mapping.sobject} {sfid} {name}: {there[sfid][name]!r} in Salesforce, {here[sfid][name]!r} in Postgres"
        for sfid in there
        for name in there[sfid]
        if there[sfid][name] != here[sfid][name]
    ]
    return found[:10]


def _wait_for(psql: sample.Rows, mapping: Mapping, count: int) -> None:
    statement = f"SELECT count(*) FROM {mapping.table}"
    sample.wait_until(lambda: psql.run(statement) == [[count]], f"{mapping.sobject}", seconds=120)


def _in_postgres(psql: sample.Rows, mapping: Mapping) -> dict[str, Json]:
    held = psql.run(f"SELECT sfid, to_jsonb(t) FROM {mapping.table} AS t")
    return {sfid: {f.name: canonical(f.kind, row[f.column]) for f in mapping.fields} for sfid, row in held}


def _edit_every_row(stack: Stack, psql: sample.Rows, mappings: dict[str, Mapping], describes: dict[str, Json]) -> None:
    """In psql itself, one UPDATE a row, as a person would."""
    script: list[str] = []
    for name, mapping in mappings.items():
        fields = [f for f in mapping.fields if f.updateable and f.kind is not Kind.ID]
        for n, (key,) in enumerate(psql.run(f"SELECT id FROM {mapping.table} ORDER BY id")):
            sets = [
                f'"{f.column}" = {_literal(_edit(f, describes[name][f.name], n + m))}' for m, f in enumerate(fields)
            ]
            script.append(f"UPDATE {mapping.table} SET {', '.join(sets)} WHERE id = {_literal(key)};")
    command = [binaries() / "psql", "--quiet", "--set", "ON_ERROR_STOP=1", stack.postgres.url()]
    subprocess.run(command, input="\n".join(script).encode(), check=True)


def _edit(field: Field, described: Json, n: int) -> Any:
    value = EDITS[field.kind][n % len(EDITS[field.kind])]
    if described["type"] == "picklist":
        return (
            described["picklistValues"][n % len(described["picklistValues"])]["value"]
            if described["picklistValues"]
            else "x"
        )
    if value is None and not described["nillable"]:
        return "필수" if field.kind is Kind.TEXT else EDITS[field.kind][0]
    if isinstance(value, str) and field.kind is Kind.TEXT:
        return value[: described["length"] or None].strip()
    if value is not None and field.kind is Kind.DECIMAL:
        return _fitting(Decimal(value), described)
    return value


def _fitting(number: Decimal, described: Json) -> str:
    whole = described["precision"] - described["scale"]
    return str(number) if abs(number) < Decimal(10) ** whole and number == round(number, described["scale"]) else "1"


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


def _wait_until_sent(psql: sample.Rows) -> None:
    waiting = "SELECT count(*) FROM isthmus.change_log WHERE state IN ('new', 'claimed', 'sending', 'retry')"
    sample.wait_until(lambda: psql.run(waiting) == [[0]], "every edit", seconds=180)


pytestmark = pytest.mark.timeout(600)
