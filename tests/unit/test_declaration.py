"""Mappings as a document."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import declaration, rules
from common.declaration import What
from common.errors import Misconfigured
from common.family import ParentKey
from common.mapping import Capture, Direction, Field, Kind, Policy
from tests.fakes.factories import a_mapping
from tests.fakes.ruled import a_ruled_field

PARENT = Field("ParentId", "parent_id", Kind.ID, refers_to=("Account",), relationship="Parent")
KEY = ParentKey("ParentId", "Parent", "Account", "External_Id__c", "parent__external_id", "parent_id")
WORDS = st.text("abc", min_size=1, max_size=3)


@st.composite
def mapped(draw):
    """Some mapping."""
    held = draw(
        st.fixed_dictionaries({}, optional={"trim": st.just(True), "map": st.dictionaries(WORDS, WORDS, min_size=1)})
    )
    field = a_ruled_field(column=draw(WORDS), **held)
    return a_mapping(
        fields=(field, PARENT), direction=draw(st.sampled_from(Direction)), policy=draw(st.sampled_from(Policy)),
        capture=draw(st.sampled_from(Capture)), filter=draw(st.sampled_from(["", "Name = 'x'"])),
        parent_keys=draw(st.sampled_from([(), (KEY,)])), write_back_external_ids=draw(st.booleans()),
    )  # fmt: skip


@given(mapped())
def test_what_is_exported_differs_in_nothing(mapping):
    """Whatever is mapped: its document says the same."""
    assert [] == declaration.compare([mapping], declaration.read(declaration.export([mapping])))


def differences(mapping, **bent):
    (held,) = declaration.export([mapping])["mappings"]
    return [
        (d.what, tuple(d.fields)) for d in declaration.compare([mapping], declaration.read({"mappings": [held | bent]}))
    ]


@pytest.mark.parametrize(
    ("bent", "expected"),
    [
        ({"direction": "SF_TO_PG"}, (What.IMPOSSIBLE, ())),
        ({"external_id": "Other__c"}, (What.IMPOSSIBLE, ())),
        ({"policy": "postgres_wins"}, (What.POLICY, ())),
        ({"filter": "Name = 'x'"}, (What.FILTER, ())),
        ({"capture": "debezium"}, (What.CAPTURE, ())),
        ({"write_back_external_ids": True}, (What.WRITE_BACK, ())),
        ({"fields": {"F__c": "f", "ParentId": "parent_id", "New__c": None}}, (What.ADD, ("New__c",))),
        ({"fields": ["F__c"]}, (What.DROP, ("ParentId",))),
        ({"fields": {"F__c": {"trim": True}, "ParentId": None}}, (What.RULES, ("F__c",))),
        ({"fields": {"F__c": "g", "ParentId": None}}, (What.IMPOSSIBLE, ("F__c",))),
        ({"parent_keys": []}, (What.IMPOSSIBLE, ("ParentId",))),
        ({"table": "salesforce.other"}, (What.CREATE, ())),
    ],
)
def test_each_difference_is_named(bent, expected):
    mapping = a_mapping(fields=(a_ruled_field(), PARENT), parent_keys=(KEY,))

    assert expected == differences(mapping, **bent)[0]


def test_what_the_document_does_not_name_is_left_to_people():
    (found,) = declaration.compare([a_mapping()], [])

    assert (What.EXTRA, True) == (found.what, "isthmus mapping delete" in found.said)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (None, "no list `mappings`"),
        ({"mappings": [{}]}, "mapping 1 names no object"),
        ({"mappings": [{"object": "A", "tabel": "x"}]}, "'tabel' is no key"),
        ({"mappings": [{"object": "A", "policy": "mine"}]}, "'mine' is not a valid Policy"),
        ({"mappings": [{"object": "A", "fields": "Name"}]}, "fields are a list of names"),
        ({"mappings": [{"object": "A", "fields": {"F": {"shout": 1}}}]}, "'shout' is no rule"),
        ({"mappings": [{"object": "A"}, {"object": "a", "table": "salesforce.a"}]}, "named twice"),
    ],
)
def test_what_is_no_document_is_refused(document, words):
    """With the place, and what would fit."""
    with pytest.raises(Misconfigured) as refused:
        declaration.read(document)

    assert words in str(refused.value)


def test_rules_are_the_same_wherever_they_stand():
    (want,) = declaration.read({"mappings": [{"object": "A", "fields": {"F": {"map": {"Open": "o"}, "column": "g"}}}]})

    assert want.fields is not None
    assert ("g", rules.read({"map": {"Open": "o"}})) == (want.fields["F"].column, want.fields["F"].rules)
