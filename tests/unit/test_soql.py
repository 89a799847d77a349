"""The stand-in's SOQL: what it reads, what it refuses, and what its conditions mean."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.standin import soql
from tests.standin.clock import Clock
from tests.standin.errors import Refused
from tests.standin.org import BUILT_IN
from tests.standin.querying import periods
from tests.standin.querying.query import run
from tests.standin.records import delete, insert
from tests.standin.soql import And, Call, Comparison, InList, Item, Literal, Not, Or, Order, Query, SemiJoin
from tests.standin.store import Actor, Store

ACTOR = Actor("")


@pytest.fixture
def store():
    """Three accounts and a contact, without references to users."""
    import orjson

    store = Store(Clock(), lambda entry: None)
    store.check_references = False
    for name in ("Account", "Contact"):
        store.upload(orjson.loads((BUILT_IN / f"{name}.json").read_bytes()))
    accounts, contacts = store.tables["Account"], store.tables["Contact"]
    with store.transaction():
        ids = [
            insert(store, accounts, body, ACTOR)
            for body in (
                {"Name": "Alpha", "External_Id__c": "a", "AnnualRevenue": 10, "NumberOfEmployees": 3},
                {"Name": "beta", "External_Id__c": "b", "AnnualRevenue": 20.5},
                {"Name": "100% Gamma_", "External_Id__c": "c"},
            )
        ]
        insert(store, contacts, {"LastName": "Kim", "AccountId": ids[0], "Birthdate": "1990-02-03"}, ACTOR)
        insert(store, contacts, {"LastName": "Lee"}, ACTOR)
    return store


def names(store, where, deleted_too=False):
    found = run(store, f"SELECT Name FROM Account WHERE {where}", deleted_too, "v67.0")
    return [record["Name"] for record in found.records]


def test_a_whole_query_becomes_a_tree():
    """Every clause lands in its place, keywords in any case."""
    text = """select Id, Account.Name FROM Contact
              WHERE (LastName = 'O\\'Hara' OR Email LIKE 'a\\_%') AND NOT Birthdate >= 2020-01-31
              ORDER BY LastName DESC NULLS LAST, Id LIMIT 10 OFFSET 5"""

    got = soql.parse(text)

    where = And(
        (
            Or(
                (
                    Comparison("LastName", "=", Literal("string", "O'Hara")),
                    Comparison("Email", "LIKE", Literal("string", "a\\_%")),
                )
            ),
            Not(Comparison("Birthdate", ">=", Literal("date", "2020-01-31"))),
        )
    )
    order = (Order("LastName", descending=True, nulls_last=True), Order("Id"))
    assert Query(("Id", "Account.Name"), "Contact", where, order, 10, 5) == got


def test_count_has_no_fields():
    """COUNT() is a query of its own kind."""
    assert Query((), "Account", counts=True) == soql.parse("SELECT COUNT() FROM Account")


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("1.5", Literal("number", 1.5)),
        ("-3", Literal("number", -3.0)),
        ("true", Literal("boolean", True)),
        ("NULL", Literal("null", None)),
        ("2026-01-31T10:00:00Z", Literal("datetime", "2026-01-31T10:00:00Z")),
        ("2026-01-31T10:00:00.000+09:00", Literal("datetime", "2026-01-31T10:00:00.000+09:00")),
        ("LAST_N_DAYS:30", Literal("period", "LAST_N_DAYS:30")),
        ("today", Literal("period", "TODAY")),
        (r"'a\nb\\'", Literal("string", "a\nb\\")),
    ],
)
def test_literals_keep_their_kind(text, literal):
    """A value is read as what it is written as."""
    assert Comparison("F", "=", literal) == soql.parse(f"SELECT Id FROM X WHERE F = {text}").where


def test_lists_hold_their_values_in_order():
    """IN and NOT IN carry all values."""
    got = soql.parse("SELECT Id FROM X WHERE F NOT IN ('a', 2, null)").where

    values = (Literal("string", "a"), Literal("number", 2.0), Literal("null", None))
    assert InList("F", values, negated=True) == got


@given(st.text())
def test_any_text_survives_quoting(text):
    """A literal whose backslashes and quotes are escaped is read back as it was."""
    quoted = text.replace("\\", "\\\\").replace("'", "\\'")

    got = soql.parse(f"SELECT Id FROM X WHERE F = '{quoted}'").where

    assert Comparison("F", "=", Literal("string", text)) == got


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SELECT",
        "SELECT Id",
        "SELECT FROM Account",
        "SELECT Id, FROM Account",
        "SELECT Id FROM Account WHERE",
        "SELECT Id FROM Account WHERE Name",
        "SELECT Id FROM Account WHERE Name = ",
        "SELECT Id FROM Account WHERE Name = Other",
        "SELECT Id FROM Account WHERE Name = 'open",
        "SELECT Id FROM Account WHERE Name IN ()",
        "SELECT Id FROM Account WHERE Name LIKE 5",
        "SELECT Id FROM Account WHERE A = 1 AND B = 2 OR C = 3",
        "SELECT Id FROM Account WHERE (A = 1",
        "SELECT Id FROM Account LIMIT x",
        "SELECT Id FROM Account LIMIT 1 LIMIT 2",
        "SELECT Id FROM Account; DROP",
        "SELECT * FROM Account",
        "SELECT COUNT() , Id FROM Account",
        "SELECT NOPE(Id) FROM Account",
        "SELECT COUNT(Id) FROM Account GROUP BY ROLLUP(Name)",
        "SELECT Id FROM Account FOR ever",
        "SELECT Id FROM Account WITH DATA CATEGORY x",
        "SELECT Id, (SELECT Id FROM Contacts FROM Account",
        "SELECT Id FROM Account WHERE Tags INCLUDES (1)",
    ],
)
def test_what_is_not_understood_is_refused(text):
    """Nothing is guessed or ignored: MALFORMED_QUERY, with a reason."""
    with pytest.raises(Refused) as refused:
        soql.parse(text)

    assert "MALFORMED_QUERY" == refused.value.code
    assert refused.value.message


def test_an_error_shows_its_place():
    """The query, a caret below the place, row and column: as Salesforce words it."""
    with pytest.raises(Refused) as refused:
        soql.parse("SELECT * FROM Account")

    expected = "\nSELECT * FROM Account\n       ^\nERROR at Row:1:Column:8\nunexpected token: '*'"
    assert expected == refused.value.message


def test_what_is_read_without_effect_is_read():
    """Clauses that clients add and that change nothing here; ALL ROWS opens the recycle bin."""
    text = (
        "SELECT a.Id FROM Account a USING SCOPE everything WHERE a.Name = 'x' WITH SECURITY_ENFORCED LIMIT 1 FOR VIEW"
    )

    got = soql.parse(text)

    where = Comparison("Name", "=", Literal("string", "x"))
    assert Query(("Id",), "Account", where, limit=1, scope="everything") == got
    assert soql.parse("SELECT Id FROM Account ALL ROWS").all_rows


def test_groups_calls_and_sub_selects_become_trees():
    """Functions keep their argument, aliases their name, inner queries stand where they are written."""
    text = """SELECT CALENDAR_YEAR(CreatedDate) y, COUNT(Id) FROM Account
              WHERE Id NOT IN (SELECT AccountId FROM Contact)
              GROUP BY CALENDAR_YEAR(CreatedDate) HAVING COUNT(Id) > 1 ORDER BY COUNT(Id) DESC"""

    got = soql.parse(text)

    year, count = Call("CALENDAR_YEAR", "CreatedDate"), Call("COUNT", "Id")
    assert (Item(year, "y"), Item(count)) == got.fields
    assert SemiJoin("Id", Query(("AccountId",), "Contact"), negated=True) == got.where
    assert ((year,), Comparison(count, ">", Literal("number", 1.0))) == (got.group, got.having)
    assert (Order(count, descending=True),) == got.order


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("Name = 'ALPHA'", ["Alpha"]),
        ("Name != 'alpha'", ["beta", "100% Gamma_"]),
        ("Name < 'b'", ["Alpha", "100% Gamma_"]),
        ("Name LIKE '%a'", ["Alpha", "beta"]),
        ("Name LIKE '_eta'", ["beta"]),
        ("Name LIKE '100\\% gamma\\_'", ["100% Gamma_"]),
        ("NOT Name LIKE '%a'", ["100% Gamma_"]),
        ("AnnualRevenue = null", ["100% Gamma_"]),
        ("AnnualRevenue != null", ["Alpha", "beta"]),
        ("AnnualRevenue > 10", ["beta"]),
        ("AnnualRevenue <= 20.5", ["Alpha", "beta"]),
        ("NumberOfEmployees IN (3, 4)", ["Alpha"]),
        ("External_Id__c IN ('A', 'c')", ["Alpha", "100% Gamma_"]),
        ("External_Id__c NOT IN ('a', 'c')", ["beta"]),
        ("External_Id__c = 'a' OR AnnualRevenue = 20.5", ["Alpha", "beta"]),
        ("(External_Id__c = 'a' OR External_Id__c = 'b') AND AnnualRevenue > 10", ["beta"]),
        ("CreatedDate = TODAY AND SystemModstamp >= LAST_N_DAYS:1", ["Alpha", "beta", "100% Gamma_"]),
        ("CreatedDate < YESTERDAY", []),
        ("SystemModstamp > 2020-01-01T00:00:00Z", ["Alpha", "beta", "100% Gamma_"]),
        ("SystemModstamp < 2020-01-01T00:00:00+09:00", []),
        ("IsDeleted = true", []),
        ("Id IN (SELECT AccountId FROM Contact)", ["Alpha"]),
        ("Id NOT IN (SELECT AccountId FROM Contact WHERE LastName = 'Kim')", ["beta", "100% Gamma_"]),
        ("Id IN (SELECT AccountId FROM Contact WHERE LastName = 'Lee')", []),
        ("CALENDAR_YEAR(CreatedDate) > 2000", ["Alpha", "beta", "100% Gamma_"]),
        ("DAY_ONLY(CreatedDate) = TODAY", ["Alpha", "beta", "100% Gamma_"]),
        ("Account.Name = 'beta'", ["beta"]),
    ],
)
def test_conditions_mean_what_salesforce_means(store, where, expected):
    """Text without regard to case, null is a value, ranges leave nulls out."""
    assert expected == names(store, where)


def test_an_index_never_changes_the_answer(store):
    """Deleted records leave `query` and stay in `queryAll`, with and without an index."""
    accounts = store.tables["Account"]
    with store.transaction():
        delete(store, accounts, accounts.find("External_Id__c", "b")[0], ACTOR)

    assert [] == names(store, "External_Id__c = 'b'")
    assert ["beta"] == names(store, "External_Id__c = 'b'", deleted_too=True)
    assert ["beta"] == names(store, "Name = 'beta' AND IsDeleted = true", deleted_too=True)


ATOMS = st.sampled_from(
    [
        "External_Id__c = 'a'",
        "External_Id__c IN ('A', 'c', 'none')",
        "External_Id__c != 'b'",
        "External_Id__c = null",
        "Name LIKE '%a'",
        "Id IN (SELECT AccountId FROM Contact)",
        "Id NOT IN (SELECT AccountId FROM Contact)",
        "ParentId IN (SELECT Id FROM Account WHERE Name = 'Alpha')",
        "ParentId != null",
        "IsDeleted = true",
        "SystemModstamp > 2000-01-01T00:00:00Z",
        "SystemModstamp <= 2000-01-01T00:00:00Z",
        "Id > '001'",
    ]
).map(lambda atom: atom.replace("'001'", "'001Sb0000000001IAA'"))
CONDITIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        inner.map(lambda one: f"(NOT ({one}))"),
    ),
    max_leaves=5,
)


@given(where=CONDITIONS, deleted_too=st.booleans())
def test_the_plan_never_changes_the_answer(family, where, deleted_too):
    """Whatever indexes a condition uses, the records are those that a look at every record finds."""
    planned = {r["Id"] for r in run(family, f"SELECT Id FROM Account WHERE {where}", deleted_too, "v67.0").records}

    # An OR with a condition that no index knows and that never holds makes the plan look at all.
    text = f"SELECT Id FROM Account WHERE Site = 'nowhere' OR ({where})"
    assert {r["Id"] for r in run(family, text, deleted_too, "v67.0").records} == planned


@pytest.fixture(scope="module")
def family():
    """Accounts with parents, one of them deleted, and contacts."""
    import orjson

    store = Store(Clock(), lambda entry: None)
    store.check_references = False
    for name in ("Account", "Contact"):
        store.upload(orjson.loads((BUILT_IN / f"{name}.json").read_bytes()))
    accounts = store.tables["Account"]
    with store.transaction():
        first = insert(store, accounts, {"Name": "Alpha", "External_Id__c": "a"}, ACTOR)
        second = insert(store, accounts, {"Name": "Beta", "External_Id__c": "b", "ParentId": first}, ACTOR)
        insert(store, accounts, {"Name": "none"}, ACTOR)
        gone = insert(store, accounts, {"Name": "Gamma", "External_Id__c": "c", "ParentId": first}, ACTOR)
        insert(store, store.tables["Contact"], {"LastName": "Kim", "AccountId": second}, ACTOR)
        insert(store, store.tables["Contact"], {"LastName": "Lee"}, ACTOR)
        delete(store, accounts, gone, ACTOR)
    return store


def test_parents_are_reached_by_relationship(store):
    """A parent's field selects, filters and sorts; a missing parent is null."""
    found = run(store, "SELECT LastName, Account.Name FROM Contact ORDER BY Account.Name NULLS LAST", False, "v67.0")

    parents = [found.render(record)["Account"] for record in found.records]
    assert ["Alpha", None] == [parent and parent["Name"] for parent in parents]


def test_order_limit_and_offset(store):
    """Nulls come first unless told otherwise; the cut follows the order."""
    base = "SELECT Name FROM Account ORDER BY AnnualRevenue DESC"

    every = [r["Name"] for r in run(store, base, False, "v67.0").records]
    last = [r["Name"] for r in run(store, f"{base} NULLS LAST LIMIT 1 OFFSET 2", False, "v67.0").records]

    assert ["100% Gamma_", "beta", "Alpha"] == every
    assert ["100% Gamma_"] == last


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("SELECT Nope FROM Account", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Nope = 1", "INVALID_FIELD"),
        ("SELECT Id FROM Nope", "INVALID_TYPE"),
        ("SELECT Id FROM Account WHERE Name = 5", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE AnnualRevenue = '5'", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE SystemModstamp > '2020-01-01T00:00:00Z'", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Id = 'nonsense'", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id, id FROM Account", "INVALID_FIELD"),
        ("SELECT Id FROM Account LIMIT 1 OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE"),
        ("SELECT FIELDS(ALL) FROM Account", "MALFORMED_QUERY"),
        ("SELECT FIELDS(CUSTOM) FROM Account LIMIT 201", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account GROUP BY Name", "MALFORMED_QUERY"),
        ("SELECT SUM(Name) FROM Account", "MALFORMED_QUERY"),
        ("SELECT Name, COUNT(Id) FROM Account", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account HAVING COUNT(Id) > 1", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE COUNT(Id) > 1", "MALFORMED_QUERY"),
        ("SELECT Id, (SELECT Id FROM Nothings) FROM Account", "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE AccountId IN (SELECT Name FROM Account)", "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact WHERE Name IN (SELECT Id FROM Account)", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE Description = 'x'", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Name INCLUDES ('x')", "INVALID_FIELD"),
        ("SELECT Id FROM Account USING SCOPE team", "MALFORMED_QUERY"),
        ("SELECT toLabel(AnnualRevenue) x, COUNT(Id) FROM Account GROUP BY toLabel(AnnualRevenue)", "INVALID_FIELD"),
    ],
)
def test_names_and_types_are_checked(store, text, code):
    """A wrong name or a literal of the wrong type is refused, as the org would."""
    with pytest.raises(Refused) as refused:
        run(store, text, False, "v67.0")

    assert code == refused.value.code


@pytest.mark.parametrize(
    ("word", "first", "after"),
    [
        ("TODAY", date(2026, 3, 4), date(2026, 3, 5)),
        ("YESTERDAY", date(2026, 3, 3), date(2026, 3, 4)),
        ("THIS_WEEK", date(2026, 3, 1), date(2026, 3, 8)),
        ("LAST_MONTH", date(2026, 2, 1), date(2026, 3, 1)),
        ("NEXT_MONTH", date(2026, 4, 1), date(2026, 5, 1)),
        ("LAST_YEAR", date(2025, 1, 1), date(2026, 1, 1)),
        ("LAST_N_DAYS:3", date(2026, 3, 1), date(2026, 3, 5)),
        ("NEXT_N_DAYS:3", date(2026, 3, 5), date(2026, 3, 8)),
        ("N_DAYS_AGO:3", date(2026, 3, 1), date(2026, 3, 2)),
        ("LAST_90_DAYS", date(2025, 12, 4), date(2026, 3, 5)),
        ("THIS_QUARTER", date(2026, 1, 1), date(2026, 4, 1)),
        ("LAST_FISCAL_QUARTER", date(2025, 10, 1), date(2026, 1, 1)),
        ("LAST_N_WEEKS:2", date(2026, 2, 15), date(2026, 3, 1)),
        ("NEXT_N_MONTHS:2", date(2026, 4, 1), date(2026, 6, 1)),
        ("N_YEARS_AGO:1", date(2025, 1, 1), date(2026, 1, 1)),
        ("LAST_N_FISCAL_YEARS:2", date(2024, 1, 1), date(2026, 1, 1)),
    ],
)
def test_date_literals_are_days(word, first, after):
    """Weeks begin on Sunday; LAST_N_DAYS ends with today, NEXT_N_DAYS begins tomorrow."""
    assert (first, after) == periods.days_of(word, date(2026, 3, 4))  # a Wednesday
