"""Change events as bytes: what we write by hand is what an Avro library reads and writes."""

import io
import json

import fastavro
from hypothesis import given
from hypothesis import strategies as st

from tests.standin.events import binary, capture, change
from tests.standin.events.avro import change_schema
from tests.standin.events.driving import decoded
from tests.standin.events.registry import Registry
from tests.standin.schema import from_upload
from tests.standin.store import Actor, Committed

FIELDS = [
    {"name": "Text__c", "type": "string"},
    {"name": "Long__c", "type": "textarea", "length": 32000},
    {"name": "Number__c", "type": "double", "scale": 2},
    {"name": "Whole__c", "type": "int"},
    {"name": "Ticked__c", "type": "boolean"},
    {"name": "Day__c", "type": "date"},
    {"name": "Moment__c", "type": "datetime"},
    {"name": "Time__c", "type": "time"},
    {"name": "Place__Latitude__s", "type": "double", "compoundFieldName": "Place__c"},
    {"name": "Place__Longitude__s", "type": "double", "compoundFieldName": "Place__c"},
    {"name": "Place__c", "type": "location"},
]
THING = from_upload({"name": "Thing__c", "fields": FIELDS, "keyPrefix": "a00"}, 0.0, "a00")
SCHEMA = change_schema(THING)
PARSED = fastavro.parse_schema(json.loads(SCHEMA.text))
MOMENT = change.Moment("0000-key", 2**60 + 1, 1_795_551_863_000)
STAMP = "2026-01-31T23:59:59.000+0000"
ACTOR = Actor("005Sb0000000002IAA", channel="rest", call_client="isthmus")
VALUES = {
    "Text__c": st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
    "Long__c": st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=50),
    "Number__c": st.floats(allow_nan=False),
    "Whole__c": st.integers(-(2**31), 2**31 - 1),
    "Ticked__c": st.booleans(),
    "Day__c": st.dates().map(str),
    "Moment__c": st.datetimes().map(lambda t: t.isoformat(timespec="milliseconds") + "+0000"),
    "Time__c": st.times().map(lambda t: t.isoformat(timespec="milliseconds") + "Z"),
    "Place__Latitude__s": st.floats(-90, 90),
    "Place__Longitude__s": st.floats(-180, 180),
}
RECORDS = st.fixed_dictionaries({}, optional=VALUES)


def a_record(values):
    return {"Id": "a00Sb0000000001IAA", "IsDeleted": False, "LastModifiedDate": STAMP, **values}


def events(*changes, **rules):
    told = [Committed(THING, f"a00{n}", old, new, ACTOR) for n, (old, new) in enumerate(changes)]
    return capture.Commit(told, frozenset(), MOMENT, capture.Rules(**rules), 1).events(Registry())


@given(st.integers(-(2**63), 2**63 - 1))
def test_numbers_are_written_as_avro_writes_them(number):
    """Zigzag and seven bits in a byte, for every long."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, "long", number)

    assert out.getvalue() == binary.varint(number)


@given(RECORDS)
def test_a_creation_is_read_and_written_again_byte_for_byte(values):
    """Another implementation reads our bytes to the last one, and writes the same from what it read."""
    (event,) = events((None, a_record(values)))

    rest = io.BytesIO(event.payload)
    read = fastavro.schemaless_reader(rest, PARSED)
    out = io.BytesIO()
    fastavro.schemaless_writer(out, PARSED, read)
    assert event.payload == out.getvalue()
    place = {part: values.get(f"Place__{part}__s") for part in ("Latitude", "Longitude")}
    assert (place if any(v is not None for v in place.values()) else None) == read["Place__c"]
    assert [values.get(name) for name in ("Text__c", "Whole__c", "Ticked__c", "Number__c")] == [
        read[name] for name in ("Text__c", "Whole__c", "Ticked__c", "Number__c")
    ]


@given(RECORDS, RECORDS)
def test_an_update_names_exactly_what_differs(old, new):
    """Changed fields are those whose values differ and LastModifiedDate; nulled ones those that are gone."""
    (event,) = events((a_record(old), a_record(new)), diffs=False)

    found = decoded(json.loads(SCHEMA.text), event.payload)
    differing = {name for name in VALUES if old.get(name) != new.get(name)}
    named = {name.replace("__c.", "__") + ("__s" if "." in name else "") for name in _changed(found, "changedFields")}
    nulled = {name.replace("__c.", "__") + ("__s" if "." in name else "") for name in _changed(found, "nulledFields")}
    assert differing | {"LastModifiedDate"} == named
    assert {name for name in differing if name not in new} == nulled


def _changed(found, which):
    return found["ChangeEventHeader"][which]


def test_the_same_commit_gives_the_same_events():
    """Ids and bytes do not depend on when events are made: they are made anew after a restart."""
    changes = [(None, a_record({"Text__c": str(n)})) for n in range(3)]

    first, second = events(*changes), events(*changes)

    assert first == second
    assert 3 == len({event.id for event in first})


def test_a_kind_that_nobody_saw_makes_no_event():
    """Created and deleted in one transaction; changed while in the recycle bin; gone for good."""
    dead = a_record({"IsDeleted": True})

    assert [None] * 3 == [change.kind_of(None, dead), change.kind_of(dead, dead), change.kind_of(dead, None)]
