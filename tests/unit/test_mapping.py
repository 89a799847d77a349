"""Names of columns, and what makes a change complete."""

import pytest

from common.change import MODSTAMP
from common.mapping import (
    MAX_IDENTIFIER,
    RESERVED,
    SYSTEM_COLUMNS,
    Direction,
    Field,
    Kind,
    columns_for,
    heroku,
    snake,
)  # fmt: skip
from tests.fakes.factories import ACTION, WHOLE, a_change, a_mapping

# -- names -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("AnnualRevenue", "annual_revenue"),
        ("My_Field__c", "my_field"),
        ("MyField__c", "my_field"),
        ("Name", "name"),
        ("AccountId", "account_id"),
        ("SICDesc", "sic_desc"),
        ("NaicsCode", "naics_code"),
        ("DandbCompanyId", "dandb_company_id"),
        ("npe01__Lifetime_Giving__c", "npe01_lifetime_giving"),
        ("npo02__OppAmount2YearsAgo__c", "npo02_opp_amount2_years_ago"),
        ("GW_Volunteers__Volunteer_Hours__c", "gw_volunteers_volunteer_hours"),
        ("GHIN__c", "ghin"),
        ("Legacy_GHIN_ID__c", "legacy_ghin_id"),
        ("FirstName__pc", "first_name"),
        ("Where__Latitude__s", "where_latitude"),
        ("Parent__r", "parent"),
        ("IsHTML5Ready__c", "is_html5_ready"),
        ("Order", "order_"),
        ("User__c", "user_"),
        ("Case", "case_"),
        ("Order__c", "order_"),
    ],
)
def test_snake_names(name, column):
    """Humps and suffixes become what a person would write; a namespace stays in front; reserved words get a tail."""
    assert column == snake(name)


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("AnnualRevenue", "annualrevenue"),
        ("My_Field__c", "my_field__c"),
        ("npe01__Lifetime_Giving__c", "npe01__lifetime_giving__c"),
        ("Order", "order_"),
    ],
)
def test_heroku_names(name, column):
    """The lower-cased API name, as Heroku Connect has it."""
    assert column == heroku(name)


def test_reserved_words_are_those_of_postgres(database):
    """Every word that the server reserves, as a column or as a type or function, gets a tail."""
    with database.transaction() as tx:
        words = {row[0] for row in tx.run("SELECT word FROM pg_get_keywords() WHERE catcode IN ('R', 'T')")}

    assert set() == words - RESERVED


def test_every_name_can_be_a_column(database):
    """A table can be made with each reserved word and each of the server's own columns as a field's name."""
    with database.transaction() as tx:
        own = [
            row[0]
            for row in tx.run("SELECT attname FROM pg_attribute WHERE attrelid = 'pg_class'::regclass AND attnum < 0")
        ]
        names = [f"{word.title().replace('_', '')}__c" for word in own] + [f"{word}__c" for word in (*own, *RESERVED)]
        columns = columns_for(list(dict.fromkeys(names)))

        tx.run_bound(f"CREATE TABLE every_name ({', '.join(f'{c} text' for c in columns.values())})")

    assert {"xmin", "ctid"} <= set(own)


@pytest.mark.parametrize("style", [snake, heroku])
def test_long_names_are_cut_and_stay_different(style):
    """Postgres cuts after 63 bytes silently; ours are cut with a checksum of the whole name."""
    one, other = (style(f"{'VeryLongName' * 6}{tail}__c") for tail in "AB")

    assert one != other
    assert MAX_IDENTIFIER == len(one.encode()) == len(other.encode())


def test_a_reserved_word_is_no_prefix():
    """Only the whole word is reserved."""
    assert "order_number" == snake("OrderNumber")


def test_colliding_names_fall_back_one_by_one():
    """Standard fields choose first, then by name; who finds the name taken gets the lower-cased API name, then a number."""
    names = ["MyField__c", "My_Field__c", "MyField", "My_Field__pc", "Name__c", "Name"]

    columns = columns_for(names)

    assert {
        "MyField": "my_field",
        "MyField__c": "myfield__c",
        "My_Field__c": "my_field__c",
        "My_Field__pc": "my_field__pc",
        "Name": "name",
        "Name__c": "name__c",
    } == columns
    assert names == list(columns)


def test_columns_of_ours_are_never_given_away():
    """A field that is called like one of our own columns gets another."""
    names = ["Sfid__c", "Id__c", "System_Modstamp__c", "Isthmus_Read_At__c", "IsthmusWrittenAt__c"]

    for style in ("snake", "heroku"):
        assert not SYSTEM_COLUMNS & set(columns_for(names, style=style).values())


def test_a_third_collision_gets_a_number():
    """When even the API name is taken, numbers decide."""
    got = columns_for(["Sfid__c"], taken={"sfid", "sfid__c", "sfid__c_2"})

    assert {"Sfid__c": "sfid__c_3"} == got


def test_names_do_not_depend_on_their_order():
    """The same set of names has the same columns."""
    names = ["MyField__c", "My_Field__c", "MyField", "Order", "Order__c"]

    assert columns_for(names) == columns_for(names[::-1])


def test_names_in_heroku_style_differ_from_snake():
    got = columns_for(["AnnualRevenue", "My_Field__c"], style="heroku")

    assert {"AnnualRevenue": "annualrevenue", "My_Field__c": "my_field__c"} == got


# -- the mapping ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("direction", "active", "to_postgres", "to_salesforce"),
    [
        (Direction.BIDIRECTIONAL, True, True, True),
        (Direction.SF_TO_PG, True, True, False),
        (Direction.PG_TO_SF, True, False, True),
        (Direction.BIDIRECTIONAL, False, False, False),
        (Direction.SF_TO_PG, False, False, False),
        (Direction.PG_TO_SF, False, False, False),
    ],
)
def test_directions(direction, active, to_postgres, to_salesforce):
    """A paused mapping delivers in neither direction."""
    mapping = a_mapping(direction=direction, active=active)

    assert (to_postgres, to_salesforce) == (mapping.to_postgres, mapping.to_salesforce)


def test_names_are_found_both_ways():
    """API name to column and back, losing nothing."""
    mapping = a_mapping()

    assert all(mapping.by_column[mapping.by_name[f.name].column] is f for f in mapping.fields)


def test_read_fields_begin_with_what_is_always_read():
    """Id, SystemModstamp and the external id are read whether mapped or not, and none twice."""
    mapping = a_mapping()
    without = a_mapping(external_id_field="")

    assert ("Id", MODSTAMP, "External_Id__c", *(f.name for f in mapping.fields)) == mapping.read_fields
    assert ("Id", MODSTAMP, *(f.name for f in mapping.fields)) == without.read_fields


# -- completeness -----------------------------------------------------------------------------------------


def lacking(*names):
    return {name: value for name, value in WHOLE.items() if name not in names}


EVERYTHING = frozenset(a_mapping().read_fields)


def test_a_change_with_every_field_is_complete():
    assert WHOLE == a_mapping().completed(a_change())


@pytest.mark.parametrize("name", WHOLE)
def test_a_change_without_a_field_is_a_hint(name):
    """Without a known list absence says nothing, SystemModstamp and the external id included."""
    assert a_mapping().completed(a_change(fields=lacking(name))) is None


@pytest.mark.parametrize("name", [name for name in WHOLE if name != MODSTAMP])
def test_an_absent_field_of_a_known_message_is_null(name):
    """An outbound message omits empty fields; where its list is known, their absence means null."""
    mapping = a_mapping(listed={ACTION: EVERYTHING})

    got = mapping.completed(a_change(fields=lacking(name), origin=ACTION))

    assert WHOLE | {name: None} == got


def test_a_list_for_any_message_of_the_object_serves_too():
    mapping = a_mapping(listed={"": EVERYTHING})

    assert WHOLE | {"Name": None} == mapping.completed(a_change(fields=lacking("Name"), origin=ACTION))


def test_a_messages_own_list_comes_before_the_list_for_any():
    """The own list selects fewer fields: the absent one was never asked for."""
    mapping = a_mapping(listed={"": EVERYTHING, ACTION: EVERYTHING - {"Name"}})

    assert mapping.completed(a_change(fields=lacking("Name"), origin=ACTION)) is None


@pytest.mark.parametrize(
    ("bent", "listed"),
    [
        ({"fields": lacking("Name", MODSTAMP), "origin": ACTION}, {ACTION: EVERYTHING}),
        ({"fields": lacking("Name") | {MODSTAMP: None}, "origin": ACTION}, {ACTION: EVERYTHING}),
        ({"fields": lacking("Name") | {MODSTAMP: ""}, "origin": ACTION}, {ACTION: EVERYTHING}),
        ({"fields": dict(WHOLE) | {MODSTAMP: None}}, {}),
        ({"fields": lacking("Name"), "origin": ""}, {ACTION: EVERYTHING}),
        ({"fields": lacking("Name"), "origin": ""}, {"": EVERYTHING}),
        ({"fields": lacking("Name"), "origin": "some client"}, {"": EVERYTHING}),
        ({"fields": lacking("Name"), "origin": ACTION}, {"04k000000000002AAA": EVERYTHING}),
        ({"fields": lacking("Name"), "origin": ACTION}, {ACTION: frozenset()}),
        ({"fields": lacking("Name"), "origin": ACTION}, {ACTION: EVERYTHING - {"Name"}}),
        ({"fields": lacking("Name") | {"New__c": "x"}, "origin": ACTION}, {ACTION: EVERYTHING}),
    ],
    ids=["no stamp", "null stamp", "empty stamp", "null stamp, else whole", "no message", "no message, list for any",
         "not a message's id", "another message's list", "empty list", "list without the field",
         "list older than the message"],
)  # fmt: skip
def test_absence_alone_never_empties_a_column(bent, listed):
    """Where nobody can say why a field is absent, or how old the record is, the change is only a hint."""
    assert a_mapping(listed=listed).completed(a_change(**bent)) is None


def test_a_mapping_without_external_id_needs_none():
    mapping = a_mapping(external_id_field="")

    assert mapping.completed(a_change(fields=lacking("External_Id__c"))) is not None


def test_fields_default_to_being_writable():
    assert (True, True) == (Field("A", "a", Kind.TEXT).createable, Field("A", "a", Kind.TEXT).updateable)
