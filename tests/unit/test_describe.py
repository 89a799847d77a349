"""Mappings out of Salesforce's describe."""

import json

import pytest

from common.errors import Misconfigured
from common.mapping import MAX_IDENTIFIER, SYSTEM_COLUMNS, Direction, Kind, Policy
from common.salesforce import describe

OBJECTS = ["Account", "Contact", "Custom__c", "Lead", "Opportunity", "OpportunityContactRole"]
OURS = {"Id", "SystemModstamp", "IsDeleted"}

KEY = {
    "name": "External_Id__c", "type": "string", "externalId": True, "unique": True, "createable": True,
    "updateable": True, "calculated": False, "length": 36,
}  # fmt: skip


def a_field(**bent):
    plain = {"name": "F__c", "type": "string", "createable": True, "updateable": True, "calculated": False}
    return plain | bent


def a_describe(*fields):
    return {"name": "Account", "fields": [KEY, *fields]}


def to_mapping(described, *, direction=Direction.BIDIRECTIONAL, external_id_field="External_Id__c", **more):
    return describe.to_mapping(
        described, table="salesforce.x", direction=direction, external_id_field=external_id_field, **more
    )


@pytest.fixture(params=OBJECTS)
def real(request, samples):
    return json.loads((samples / "describe" / f"{request.param}.describe.json").read_text())


@pytest.mark.parametrize("style", ["snake", "heroku"])
def test_every_real_field_is_mapped_or_left_out_with_a_reason(real, style):
    """None is forgotten, none appears twice, and each reason says something."""
    got = to_mapping(real, direction=Direction.SF_TO_PG, style=style)
    mapped = [f.name for f in got.mapping.fields]
    columns = [f.column for f in got.mapping.fields]

    assert {f["name"] for f in real["fields"]} - OURS == set(mapped) | set(got.left_out)
    assert len(set(mapped)) == len(mapped)
    assert len(set(columns)) == len(columns)
    assert not set(columns) & SYSTEM_COLUMNS
    assert max(len(c.encode()) for c in columns) <= MAX_IDENTIFIER
    assert all(len(why) > 10 for why in got.left_out.values())


def test_only_real_compounds_are_left_out(real):
    """Their parts are mapped, so nothing is lost."""
    got = to_mapping(real, direction=Direction.SF_TO_PG)
    types = {f["name"]: f["type"] for f in real["fields"]}

    assert {"address"} >= {types[name] for name in got.left_out}
    for name in got.left_out:
        parts = [f["name"] for f in real["fields"] if f.get("compoundFieldName") == name]
        assert parts
        assert set(parts) <= set(got.mapping.by_name)


def test_real_fields_travel_only_where_they_may(real):
    """What Salesforce calls neither createable nor updateable is never sent."""
    got = to_mapping(real, direction=Direction.SF_TO_PG)

    for field in real["fields"]:
        if mapped := got.mapping.by_name.get(field["name"]):
            assert (field["createable"], field["updateable"]) == (mapped.createable, mapped.updateable)


def test_real_types(samples):
    """Types come from describe: money keeps its digits, ids are ids, counts are whole."""
    described = json.loads((samples / "describe" / "Account.describe.json").read_text())

    kinds = {f.name: f.kind for f in to_mapping(described, direction=Direction.SF_TO_PG).mapping.fields}

    expected = {
        "Name": Kind.TEXT, "AnnualRevenue": Kind.DECIMAL, "NumberOfEmployees": Kind.INTEGER, "ParentId": Kind.ID,
        "CreatedDate": Kind.DATETIME, "LastActivityDate": Kind.DATE, "BillingLatitude": Kind.DECIMAL,
        "Website": Kind.TEXT, "Industry": Kind.TEXT,
    }  # fmt: skip
    assert expected == {name: kinds[name] for name in expected}


@pytest.mark.parametrize("type_", ["address", "location", "base64", "complexvalue", "json", "hologram"])
def test_what_has_no_plain_value_is_left_out(type_):
    """Even a type that Salesforce has not invented yet."""
    got = to_mapping(a_describe(a_field(type=type_)))

    assert {"F__c"} == set(got.left_out)
    assert () == got.mapping.fields


@pytest.mark.parametrize("bent", [{"calculated": True}, {"type": "encryptedstring"}])
def test_what_cannot_be_written_is_read_only(bent):
    """Formulas, and masked values that would overwrite the true ones with asterisks."""
    (field,) = to_mapping(a_describe(a_field(**bent))).mapping.fields

    assert (False, False) == (field.createable, field.updateable)


def test_some_fields_only():
    """Those that were named, in the object's order; the external id needs no naming."""
    got = to_mapping(
        a_describe(a_field(name="A__c"), a_field(name="B__c"), a_field(name="C__c")), only=["C__c", "A__c"]
    )

    assert ["A__c", "C__c"] == [f.name for f in got.mapping.fields]
    assert {} == got.left_out


def test_an_unknown_field_is_refused():
    with pytest.raises(Misconfigured) as caught:
        to_mapping(a_describe(a_field()), only=["F__c", "Typo__c", "Other__c"])

    assert "Account has no field Typo__c, Other__c" == caught.value.detail
    assert "External_Id__c, F__c" in caught.value.hint


def test_the_external_id_is_no_column():
    """It is the row's key."""
    got = to_mapping(a_describe(a_field()), policy=Policy.POSTGRES_WINS)

    assert ["F__c"] == [f.name for f in got.mapping.fields]
    assert ("External_Id__c", Policy.POSTGRES_WINS, []) == (
        got.mapping.external_id_field, got.mapping.policy, got.warnings,
    )  # fmt: skip


BAD_KEYS = [
    ({"externalId": False}, "is no external id"),
    ({"unique": False}, "is not unique"),
    ({"createable": False}, "cannot be written"),
    ({"name": "Other__c"}, "has no field External_Id__c"),
]


@pytest.mark.parametrize("direction", [Direction.BIDIRECTIONAL, Direction.PG_TO_SF])
@pytest.mark.parametrize(("bent", "why"), BAD_KEYS)
def test_the_road_to_salesforce_needs_a_good_external_id(bent, why, direction):
    """Otherwise a repeated send would make a second record: refused, with what to create."""
    with pytest.raises(Misconfigured) as caught:
        to_mapping({"name": "Account", "fields": [KEY | bent]}, direction=direction)

    assert why in caught.value.detail
    assert "--external-id" in caught.value.hint
    assert "--direction SF_TO_PG" in caught.value.hint


@pytest.mark.parametrize(("bent", "why"), BAD_KEYS)
def test_reading_needs_none(bent, why):
    """Rows then take a key of their own, and the operator is told."""
    got = to_mapping({"name": "Account", "fields": [KEY | bent, a_field()]}, direction=Direction.SF_TO_PG)

    assert "" == got.mapping.external_id_field
    assert "F__c" in got.mapping.by_name
    (warning,) = got.warnings
    assert why in warning


def test_a_bad_external_id_is_still_a_field():
    """It keeps a column of its own where it is not the key."""
    got = to_mapping({"name": "Account", "fields": [KEY | {"unique": False}]}, direction=Direction.SF_TO_PG)

    assert ["External_Id__c"] == [f.name for f in got.mapping.fields]


@pytest.mark.parametrize("bent", [{"length": 20}, {"type": "double", "length": 0}])
def test_an_external_id_must_hold_a_minted_key(bent):
    """A row born in Postgres has a uuid for its key; the field must be a text of 36 characters or more."""
    with pytest.raises(Misconfigured):
        to_mapping({"name": "Account", "fields": [KEY | bent]})


# -- relationship columns --------------------------------------------------------------------------


def a_lookup(**bent):
    plain = {"name": "Parent__c", "type": "reference", "referenceTo": ["Parent__c"], "relationshipName": "Parent__r"}
    return a_field(**(plain | {"nillable": True} | bent))


@pytest.mark.parametrize(
    ("style", "column"), [("snake", "parent__external_id"), ("heroku", "parent__r__external_id__c")]
)
def test_a_lookup_to_a_mapped_object_gets_a_relationship_column(style, column):
    """By itself; named after relationship and field, in the style of the other columns."""
    got = to_mapping(a_describe(a_lookup()), parents={"Parent__c": "External_Id__c"}, style=style).mapping

    assert [("Parent__r.External_Id__c", column)] == [(k.name, k.column) for k in got.parent_keys]
    assert got.by_column[column].name in got.by_name
    assert got.by_column[column].name not in got.read_fields


def test_a_lookup_to_its_own_object_gets_one_too():
    got = to_mapping(a_describe(a_lookup(name="ParentId", referenceTo=["Account"], relationshipName="Parent"))).mapping

    assert ["Parent.External_Id__c"] == [k.name for k in got.parent_keys]


@pytest.mark.parametrize(
    "bent",
    [
        {"referenceTo": ["Nobody__c"]},
        {"referenceTo": ["Parent__c", "User"]},
        {"relationshipName": None},
        {"type": "string", "referenceTo": [], "relationshipName": None},
    ],
)
def test_other_fields_get_none_and_say_why_when_asked(bent):
    """Objects that are not mapped, lookups to several objects, plain fields."""
    described = a_describe(a_lookup(**bent))

    assert () == to_mapping(described, parents={"Parent__c": "External_Id__c"}).mapping.parent_keys
    with pytest.raises(Misconfigured) as refused:
        to_mapping(described, parents={"Parent__c": "External_Id__c"}, parent_keys=["Parent__c"])
    assert "parent_key" == refused.value.reason


@pytest.mark.parametrize(
    ("bent", "required"), [({}, False), ({"nillable": False}, True), ({"updateable": False}, True)]
)
def test_a_lookup_that_cannot_be_set_afterwards_is_required(bent, required):
    """Master-detail that cannot be moved, or must not be empty."""
    got = to_mapping(a_describe(a_lookup(**bent)), parents={"Parent__c": "External_Id__c"}).mapping

    assert [required] == [k.required for k in got.parent_keys]


def test_columns_never_meet():
    """A field of that very name keeps its column."""
    twin = a_field(name="parent__external_id")
    got = to_mapping(a_describe(a_lookup(), twin), parents={"Parent__c": "External_Id__c"}).mapping

    columns = [f.column for f in got.written]
    assert len(columns) == len(set(columns))


def test_no_relationship_columns_where_none_are_wanted():
    got = to_mapping(a_describe(a_lookup()), parents={"Parent__c": "External_Id__c"}, parent_keys=[])

    assert () == got.mapping.parent_keys
