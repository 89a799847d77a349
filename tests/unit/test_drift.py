"""What a changed object means for its mapping."""

import pytest

from common.drift import Shape, compare, with_id
from common.family import ParentKey
from common.mapping import Field, Kind
from common.rules import Rules
from tests.fakes.factories import a_mapping

NAME = Field("Name", "name", Kind.TEXT)
PARENT = Field("Parent__c", "parent_id", Kind.ID, refers_to=("Account",), relationship="Parent__r")
KEY = ParentKey("Parent__c", "Parent__r", "Account", "External_Id__c", "parent__external_id", "parent_id")


def shape(name, kind=Kind.TEXT, **bent):
    return Shape(**({"name": name, "type": "string", "kind": kind, "length": 80, "durable_id": f"id-{name}"} | bent))


def seen(mapping, known, now):
    return compare(mapping, {s.name: s for s in known}, {s.name: s for s in now})


EXTERNAL = shape("External_Id__c")


def found(now, *, known=(shape("Name"), EXTERNAL), **bent):
    return seen(a_mapping(**({"fields": (NAME,)} | bent)), known, [*now, EXTERNAL])


@pytest.mark.parametrize(
    ("now", "what", "safe"),
    [
        ([shape("Name", length=90)], "widened", True),
        ([shape("Name", length=10)], "narrowed", True),
        ([shape("Name", required=True)], "required", True),
        ([shape("Name", updateable=False)], "not updateable", True),
        ([shape("Name", values=("a",))], "values", True),
        ([shape("Name", Kind.EMAIL)], "retyped", True),
        ([shape("Name", Kind.DECIMAL)], "retyped", False),
        ([shape("Name", None, type="address")], "retyped", False),
        ([], "removed", False),
        ([shape("Name"), shape("New__c")], "added", True),
    ],
)
def test_each_change_is_named_and_judged(now, what, safe):
    assert [(what, safe)] == [(d.what, d.safe) for d in found(now).drifts]


def test_without_an_earlier_look_only_what_the_mapping_knows_is_compared():
    """Nobody can say what was added, but a mapped field that is gone or of another type is seen."""
    got = found([shape("Name", Kind.DECIMAL), shape("New__c")], known=())

    assert [("Name", "retyped")] == [(d.field, d.what) for d in got.drifts]


def test_a_stopped_field_is_told_once():
    """And stays stopped, while the others stay as they are."""
    first = found([])

    assert (("Name",), ()) == (tuple(f.name for f in first.mapping.stopped), first.mapping.fields)
    assert () == tuple(seen(first.mapping, [EXTERNAL], [EXTERNAL]).drifts)


def test_two_fields_that_change_names_are_followed():
    """Each durable id says where its field is now."""
    other = Field("Other__c", "other", Kind.TEXT)
    known = [shape("Name", durable_id="1"), shape("Other__c", durable_id="2"), EXTERNAL]
    now = [shape("Name", durable_id="2"), shape("Other__c", durable_id="1"), EXTERNAL]

    got = seen(a_mapping(fields=(NAME, other)), known, now)

    assert {"name": "Other__c", "other": "Name"} == {f.column: f.name for f in got.mapping.fields}


def test_where_ids_are_not_shown_a_renamed_field_is_one_that_went():
    """With what was known of the others, nothing is mistaken."""
    known = [shape("Name"), EXTERNAL]
    now = {
        s.name: with_id(s, {k.name: k for k in known}.get(s.name)) for s in (shape("New__c", durable_id=""), EXTERNAL)
    }

    got = compare(a_mapping(fields=(NAME,)), {s.name: s for s in known}, now)

    assert {("New__c", "added"), ("Name", "removed")} == {(d.field, d.what) for d in got.drifts}


def test_a_relationship_column_follows_its_lookup():
    """Under the relationship's new name; where the lookup is gone, edits of the column wait with it."""
    mapping = a_mapping(fields=(PARENT,), parent_keys=(KEY,))
    lookup = shape("Parent__c", Kind.ID, durable_id="p", relationship="Parent__r")
    moved = shape("Boss__c", Kind.ID, durable_id="p", relationship="Boss__r")

    renamed = seen(mapping, [lookup, EXTERNAL], [moved, EXTERNAL]).mapping
    gone = seen(mapping, [lookup, EXTERNAL], [EXTERNAL]).mapping

    assert [("Boss__c", "Boss__r.External_Id__c")] == [(k.lookup, k.name) for k in renamed.parent_keys]
    assert ((), {"parent_id", "parent__external_id"}) == (gone.parent_keys, {f.column for f in gone.stopped})


@pytest.mark.parametrize(("rules", "open_"), [(Rules(), True), (Rules(readonly=True), False)])
def test_what_may_be_written_now_is_written_unless_people_closed_it(rules, open_):
    closed = Field("Name", "name", Kind.TEXT, createable=False, updateable=False, rules=rules)

    got = found([shape("Name")], known=(shape("Name", createable=False, updateable=False), EXTERNAL), fields=(closed,))

    assert (open_, open_) == (got.mapping.fields[0].createable, got.mapping.fields[0].updateable)
