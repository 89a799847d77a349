"""SOQL as clients send it: sub-selects, joins, groups and functions, over HTTP."""

import pytest

from tests.standin.driving import VERSION

THING = {
    "name": "Thing__c",
    "fields": [
        {"name": "Boss__c", "type": "reference", "referenceTo": ["Account"]},
        {"name": "Tags__c", "type": "multipicklist", "values": ["x", "y", "z"]},
        {"name": "At__c", "type": "time"},
        {"name": "Kind__c", "type": "picklist", "values": [{"value": "a", "label": "An A"}, "b"]},
        {"name": "Amount__c", "type": "currency", "scale": 2},
        {"name": "Day__c", "type": "date"},
    ],
}


@pytest.fixture
def family(org):
    """Two accounts, one the parent of the other; contacts and things below them. Ids by name."""
    org.control("POST", "objects", THING)
    top = org.create("Account", Name="Top", Industry="Energy", AnnualRevenue=100, NumberOfEmployees=3)
    low = org.create("Account", Name="Low", ParentId=top, Industry="energy", AnnualRevenue=50)
    none = org.create("Account", Name="None")
    for last, account in (("Kim", low), ("Lee", low), ("Ahn", top)):
        org.create("Contact", LastName=last, AccountId=account)
    things = [
        {
            "Tags__c": "x;y",
            "At__c": "08:00:00Z",
            "Kind__c": "a",
            "Amount__c": 10,
            "Day__c": "2026-01-31",
            "Boss__c": top,
        },
        {"Tags__c": "z", "At__c": "09:30:00Z", "Kind__c": "a", "Amount__c": 30, "Day__c": "2026-02-01", "Boss__c": low},
        {"Kind__c": "b", "Amount__c": 1234.5, "Boss__c": low},
    ]
    for place, body in enumerate(things):
        org.create("Thing__c", Name=f"T{place}", **body)
    return {"Top": top, "Low": low, "None": none}


def test_children_stand_inside_their_parent(org, family):
    """A nested answer with its own totalSize; null for a parent without children."""
    text = "SELECT Name, (SELECT LastName, Account.Name FROM Contacts ORDER BY LastName LIMIT 1), (SELECT Id FROM Things__r)"

    low, none, top = org.query(f"{text} FROM Account ORDER BY Name")

    (contact,) = low["Contacts"]["records"]
    assert {"totalSize": 1, "done": True} == {key: low["Contacts"][key] for key in ("totalSize", "done")}
    assert ("Kim", "Low", "Contact") == (contact["LastName"], contact["Account"]["Name"], contact["attributes"]["type"])
    assert [2, 1] == [account["Things__r"]["totalSize"] for account in (low, top)]
    assert (None, None) == (none["Contacts"], none["Things__r"])


def test_a_deleted_child_is_seen_by_query_all_only(org, family):
    """Sub-selects follow their query: the recycle bin opens for queryAll."""
    (kim,) = org.query("SELECT Id FROM Contact WHERE LastName = 'Kim'")
    org.rest("DELETE", f"sobjects/Contact/{kim['Id']}")
    text = "SELECT (SELECT LastName FROM Contacts) FROM Account WHERE Name = 'Low'"

    (living,) = org.query(text)
    (every,) = org.rest("GET", "queryAll", params={"q": text}).json()["records"]

    assert [1, 2] == [account["Contacts"]["totalSize"] for account in (living, every)]


def test_parents_are_reached_over_several_levels(org, family):
    """SELECT, WHERE and ORDER BY all go up more than one lookup."""
    text = """SELECT LastName, Account.Parent.Name, Account.Parent.Owner.Username FROM Contact
              WHERE Account.Parent.Name = 'top' ORDER BY Account.Parent.Industry, LastName DESC"""

    found = org.query(text)

    assert ["Lee", "Kim"] == [contact["LastName"] for contact in found]
    parent = found[0]["Account"]["Parent"]
    assert ("Top", "integration@standin.test") == (parent["Name"], parent["Owner"]["Username"])
    assert f"/services/data/{VERSION}/sobjects/Account/{family['Top']}" == parent["attributes"]["url"]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("Id IN (SELECT AccountId FROM Contact WHERE LastName LIKE 'K%')", ["Low"]),
        ("Id NOT IN (SELECT AccountId FROM Contact)", ["None"]),
        ("Id IN (SELECT Boss__c FROM Thing__c) AND Id IN (SELECT ParentId FROM Account)", ["Top"]),
        ("ParentId IN (SELECT Id FROM Account WHERE Name = 'Top')", ["Low"]),
        ("Name = 'None' OR Id IN (SELECT AccountId FROM Contact WHERE LastName = 'Ahn')", ["None", "Top"]),
    ],
)
def test_joins_filter_by_what_another_object_holds(org, family, where, expected):
    """Semi- and anti-joins; what the inner query selects may be null."""
    assert expected == [r["Name"] for r in org.query(f"SELECT Name FROM Account WHERE {where} ORDER BY Name")]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("Tags__c INCLUDES ('x;y', 'z')", ["T0", "T1"]),
        ("Tags__c INCLUDES ('x')", ["T0"]),
        ("Tags__c EXCLUDES ('x')", ["T1", "T2"]),
        ("Tags__c = 'x;y'", ["T0"]),
        ("At__c > 08:30:00Z", ["T1"]),
        ("toLabel(Kind__c) = 'An A'", ["T0", "T1"]),
        ("CALENDAR_MONTH(Day__c) = 2", ["T1"]),
        ("DAY_IN_WEEK(Day__c) = 7", ["T0"]),
        ("Amount__c > 1e1 AND Boss__r.Parent.Name = 'Top'", ["T1", "T2"]),
        ("Day__c >= 2026-01-31 AND Day__c < 2026-02-01", ["T0"]),
    ],
)
def test_each_type_has_its_conditions(org, family, where, expected):
    """Multi-select picklists, times, labels, parts of dates."""
    assert expected == [r["Name"] for r in org.query(f"SELECT Name FROM Thing__c WHERE {where} ORDER BY Name")]


def test_groups_are_counted_and_summed(org, family):
    """Aliases, expr0, type AggregateResult; texts group without regard to case; nulls are a group."""
    text = """SELECT Industry, COUNT(Id) n, SUM(AnnualRevenue), AVG(AnnualRevenue), MIN(Name), MAX(Name) most
              FROM Account GROUP BY Industry ORDER BY COUNT(Id) DESC, Industry"""

    found = org.rest("GET", "query", params={"q": text}).json()

    attributes = {"attributes": {"type": "AggregateResult"}}
    energy = {"Industry": "Energy", "n": 2, "expr0": 150.0, "expr1": 75.0, "expr2": "Low", "most": "Top"}
    none = {"Industry": None, "n": 1, "expr0": None, "expr1": None, "expr2": "None", "most": "None"}
    assert {"totalSize": 2, "done": True, "records": [attributes | energy, attributes | none]} == found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT COUNT(Id) FROM Account", [{"expr0": 3}]),
        ("SELECT COUNT(ParentId) p, COUNT_DISTINCT(Industry) d FROM Account", [{"p": 1, "d": 1}]),
        ("SELECT COUNT(Id) FROM Account WHERE Name = 'nobody'", [{"expr0": 0}]),
        ("SELECT Account.Name, COUNT(Id) FROM Contact GROUP BY Account.Name HAVING COUNT(Id) > 1", [{"Name": "Low", "expr0": 2}]),
        ("SELECT Account.Name who FROM Contact GROUP BY Account.Name ORDER BY Account.Name LIMIT 1", [{"who": "Low"}]),
        (
            "SELECT CALENDAR_YEAR(Day__c), COUNT(Id) c FROM Thing__c WHERE Day__c != null GROUP BY CALENDAR_YEAR(Day__c)",
            [{"expr0": 2026, "c": 2}],
        ),
    ],
)  # fmt: skip
def test_aggregates_in_other_shapes(org, family, text, expected):
    """Without groups there is one row, also of nothing; groups over parents' fields and parts of dates."""
    got = [{key: value for key, value in row.items() if key != "attributes"} for row in org.query(text)]

    assert expected == got


def test_count_alone_has_no_records(org, family):
    """COUNT() answers in totalSize."""
    got = org.rest("GET", "query", params={"q": "SELECT COUNT() FROM Contact WHERE Account.Name = 'Low'"}).json()

    assert {"totalSize": 2, "done": True, "records": []} == got


def test_functions_are_selected(org, family):
    """Labels, formatted numbers and dates; FIELDS() with its limit."""
    text = "SELECT toLabel(Kind__c), FORMAT(Amount__c) money, FORMAT(Day__c) day FROM Thing__c ORDER BY Name LIMIT 1"

    (thing,) = org.query(text)
    (custom,) = org.query("SELECT Id, FIELDS(CUSTOM) FROM Thing__c ORDER BY Name LIMIT 1")
    refused = org.rest("GET", "query", params={"q": "SELECT FIELDS(ALL) FROM Thing__c"})

    assert ("An A", "$10.00", "1/31/2026") == (thing["Kind__c"], thing["money"], thing["day"])
    assert {"attributes", "Id", *(field["name"] for field in THING["fields"])} == set(custom)
    assert (400, "MALFORMED_QUERY") == (refused.status_code, refused.json()[0]["errorCode"])


def test_a_lookup_to_several_objects_shows_what_it_points_to(org, family):
    """TYPEOF and Owner.Type over a polymorphic lookup."""
    org.control(
        "POST",
        "objects",
        {"name": "Note__c", "fields": [{"name": "About__c", "type": "reference", "referenceTo": ["Account", "Contact"]}]},
    )  # fmt: skip
    (kim,) = org.query("SELECT Id FROM Contact WHERE LastName = 'Kim'")
    for place, about in enumerate((kim["Id"], family["Top"], None)):
        org.create("Note__c", Name=f"N{place}", About__c=about)
    text = """SELECT TYPEOF About__r WHEN Account THEN Name, Industry WHEN Contact THEN LastName END
              FROM Note__c ORDER BY Name"""

    contact, account, nothing = (note["About__r"] for note in org.query(text))
    named = org.query("SELECT About__r.Type, About__r.Name FROM Note__c WHERE About__r.Type = 'Account'")

    assert ("Kim", "Contact") == (contact["LastName"], contact["attributes"]["type"])
    assert ("Top", "Energy") == (account["Name"], account["Industry"])
    assert nothing is None
    assert [("Account", "Top")] == [(note["About__r"]["Type"], note["About__r"]["Name"]) for note in named]


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("SELECT * FROM Account", "MALFORMED_QUERY", "Row:1:Column:8"),
        ("SELECT Id FROM Account WHERE Nam = 'x'", "INVALID_FIELD", "Row:1:Column:30"),
        ("SELECT Id, Nope__r.Name\nFROM Account", "INVALID_FIELD", "Row:1:Column:12"),
        ("SELECT Id\nFROM Account\nWHERE", "MALFORMED_QUERY", "Row:3:Column:6"),
        ("SELECT Id FROM Account WHERE Owner.Nope = 'x'", "INVALID_FIELD", "Row:1:Column:30"),
    ],
)
def test_a_wrong_query_is_told_where(org, text, code, place):
    """The message shows the place, with a caret below it."""
    answer = org.rest("GET", "query", params={"q": text})

    (error,) = answer.json()
    assert (400, code) == (answer.status_code, error["errorCode"])
    assert f"^\nERROR at {place}\n" in error["message"]


def test_mine_is_what_the_caller_owns(org, family):
    """USING SCOPE mine keeps to the session's user."""
    (admin,) = org.query("SELECT Id FROM User WHERE Username = 'admin@standin.test'")
    org.rest("PATCH", f"sobjects/Account/{family['Top']}", {"OwnerId": admin["Id"]})

    assert ["Low", "None"] == [r["Name"] for r in org.query("SELECT Name FROM Account USING SCOPE mine ORDER BY Name")]
