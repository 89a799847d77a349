"""What an org does with records by itself: children, merges, duplicates, record types, formulas, permissions."""

import json
import time

import pytest

from tests.standin.bulk.driving import wait


def refusal(answer):
    """Status and code of a single call's error."""
    return answer.status_code, answer.json()[0]["errorCode"]


@pytest.fixture
def family(org):
    """An account with a contact, an opportunity and a thing below it. Ids by object."""
    org.control(
        "POST",
        "objects",
        {
            "name": "Detail__c",
            "fields": [
                {"name": "Master__c", "type": "reference", "referenceTo": ["Contact"], "cascadeDelete": True},
                {"name": "Seen__c", "type": "reference", "referenceTo": ["Account"]},
            ],
        },
    )
    account = org.create("Account", Name="Acme")
    contact = org.create("Contact", LastName="Kim", AccountId=account)
    opportunity = org.create(
        "Opportunity", Name="O", StageName="Prospecting", CloseDate="2026-01-31", AccountId=account
    )
    detail = org.create("Detail__c", Name="D", Master__c=contact, Seen__c=account)
    return {"Account": account, "Contact": contact, "Opportunity": opportunity, "Detail__c": detail}


def living(org, family):
    """The objects of the family whose records are not deleted."""
    return {name for name in family if org.query(f"SELECT Id FROM {name} WHERE Id = '{family[name]}'")}


def test_children_go_with_their_parent_and_come_back(org, family):
    """Where describe says cascadeDelete, over several levels; what was deleted before stays deleted."""
    own = org.create("Contact", LastName="Gone", AccountId=family["Account"])
    org.rest("DELETE", f"sobjects/Contact/{own}")

    org.rest("DELETE", f"sobjects/Account/{family['Account']}")
    gone = living(org, family)
    org.control("POST", f"records/{family['Account']}/undelete", {})

    assert set() == gone
    assert set(family) == living(org, family)
    assert [] == org.query(f"SELECT Id FROM Contact WHERE Id = '{own}'")


def test_a_loose_lookup_keeps_its_record(org, family):
    """A child that only looks up stays; one whose describe restricts keeps its parent from being deleted."""
    other = org.create("Detail__c", Name="loose", Seen__c=family["Account"])
    case = org.create("Case", Subject="S", AccountId=family["Account"])

    kept = org.rest("DELETE", f"sobjects/Account/{family['Account']}")
    org.rest("DELETE", f"sobjects/Case/{case}")
    deleted = org.rest("DELETE", f"sobjects/Account/{family['Account']}")

    assert (400, "DELETE_FAILED") == refusal(kept)
    assert 204 == deleted.status_code
    assert "loose" == org.get("Detail__c", other)["Name"]


def test_an_emptied_bin_is_gone_for_good(org, family):
    """queryAll sees nothing of it, nothing comes back, and nothing tells of it but the missing record."""
    org.rest("DELETE", f"sobjects/Account/{family['Account']}")

    emptied = org.control("DELETE", "deleted")
    again = org.http.post(f"{org.url}/standin/records/{family['Account']}/undelete")

    assert [] == emptied
    assert [] == org.rest("GET", "queryAll", params={"q": "SELECT Id FROM Contact"}).json()["records"]
    assert (400, "UNDELETE_FAILED") == refusal(again)


def test_a_merge_moves_children_and_deletes_the_losers(org, family):
    """The winner takes over the children and the given values; losers carry MasterRecordId."""
    winner = org.create("Account", Name="Winner")

    merged = org.control("POST", f"records/{winner}/merge", {"losers": [family["Account"]], "values": {"Site": "s"}})

    assert [family["Account"]] == merged["mergedRecordIds"]
    assert {family["Contact"], family["Opportunity"], family["Detail__c"]} == set(merged["updatedRelatedIds"])
    assert (winner, "s") == (org.get("Contact", family["Contact"])["AccountId"], org.get("Account", winner)["Site"])
    text = f"SELECT IsDeleted, MasterRecordId FROM Account WHERE Id = '{family['Account']}'"
    (loser,) = org.rest("GET", "queryAll", params={"q": text}).json()["records"]
    assert (True, winner) == (loser["IsDeleted"], loser["MasterRecordId"])


@pytest.mark.parametrize("losers", [[], ["self"], ["self", "self", "self"]])
def test_a_merge_needs_one_or_two_others(org, losers):
    """A record is not merged with itself, and no more than three are merged."""
    winner = org.create("Account", Name="x")

    answer = org.http.post(f"{org.url}/standin/records/{winner}/merge", json={"losers": [winner for _ in losers]})

    assert 400 == answer.status_code


def test_a_duplicate_is_blocked_or_told(org):
    """A blocking rule cannot be passed; an alert is, with allowSave. Case does not matter, empty fields never match."""
    first = org.create("Account", Name="Acme", Site="north")
    rule = {"name": "Same", "object": "Account", "fields": ["Name", "Site"]}
    body = {"Name": "ACME", "Site": "North"}
    save = {"Sforce-Duplicate-Rule-Header": "allowSave=true; includeRecordDetails=true; runAsCurrentUser=true"}

    org.control("POST", "duplicate-rules", rule)
    blocked = org.rest("POST", "sobjects/Account", body, headers=save)
    other = org.rest("POST", "sobjects/Account", {"Name": "Acme"})
    changed = org.rest("PATCH", f"sobjects/Account/{other.json()['id']}", {"Site": "NORTH"})
    org.control("POST", "duplicate-rules", {**rule, "action": "alert", "message": "Is it one of these?"})
    alerted = org.rest("POST", "sobjects/Account", body)
    listed = {"records": [{"attributes": {"type": "Account"}, **body}]}
    (told,) = org.rest("POST", "composite/sobjects", listed).json()
    saved = org.rest("POST", "sobjects/Account", body, headers=save)

    assert [(400, "DUPLICATES_DETECTED")] * 3 == [refusal(answer) for answer in (blocked, changed, alerted)]
    shown = blocked.json()[0]["duplicateResut"]["matchResults"][0]["matchRecords"][0]["record"]
    assert (first, "Acme") == (shown["Id"], shown["Name"])
    assert [False, True] == [answer.json()[0]["duplicateResut"]["allowSave"] for answer in (blocked, alerted)]
    assert "Is it one of these?" == alerted.json()[0]["message"]
    assert "DUPLICATES_DETECTED" == told["errors"][0]["statusCode"]
    assert [201, 201] == [other.status_code, saved.status_code]


def test_record_types_have_a_default_and_rows(org):
    """RecordTypeId starts with the object's default; another object's type is refused; describe lists them."""
    kinds = ["Red", {"name": "Deep Blue", "default": True}, {"name": "Old", "active": False}]
    org.control("POST", "objects", {"name": "Paint__c", "fields": [], "recordTypes": kinds})
    org.control("POST", "objects", {"name": "Other__c", "fields": [], "recordTypes": ["Red"]})
    rows = org.query(
        "SELECT Id, Name, DeveloperName FROM RecordType WHERE SobjectType = 'Paint__c' AND IsActive = true"
    )
    ids = {row["DeveloperName"]: row["Id"] for row in rows}
    (foreign,) = org.query("SELECT Id FROM RecordType WHERE SobjectType = 'Other__c'")

    made = org.create("Paint__c", Name="p")
    red = org.create("Paint__c", Name="r", RecordTypeId=ids["Red"])
    refused = org.rest("POST", "sobjects/Paint__c", {"Name": "x", "RecordTypeId": foreign["Id"]})

    assert {"Red", "Deep_Blue"} == set(ids)
    assert [ids["Deep_Blue"], ids["Red"]] == [org.get("Paint__c", one)["RecordTypeId"] for one in (made, red)]
    (shown,) = org.query("SELECT RecordType.Name FROM Paint__c WHERE RecordType.DeveloperName = 'Red'")
    assert "Red" == shown["RecordType"]["Name"]
    assert (400, "INVALID_CROSS_REFERENCE_KEY") == refusal(refused)
    forbidden = (
        org.rest("POST", "sobjects/RecordType", {"Name": "x"}),
        org.rest("DELETE", f"sobjects/RecordType/{ids['Red']}"),
    )
    assert [(400, "INVALID_TYPE_FOR_OPERATION")] * 2 == [refusal(answer) for answer in forbidden]
    infos = org.rest("GET", "sobjects/Paint__c/describe").json()["recordTypeInfos"]
    assert ["Red", "Deep Blue", "Old", "Master"] == [info["name"] for info in infos]
    assert ids["Deep_Blue"] in infos[1]["urls"]["layout"]


def test_formulas_follow_their_parents_without_a_stamp(org):
    """A formula is calculated when read: a change of the parent shows, and moves no stamp of the child."""
    fields = [
        {"name": "Boss__c", "type": "reference", "referenceTo": ["Account"]},
        {"name": "Count__c", "type": "double", "scale": 0},
        {"name": "Price__c", "type": "currency", "scale": 2},
        {"name": "Title__c", "type": "string", "calculated": True, "calculatedFormula": "Boss__r.Name & ' / ' & Name"},
        {"name": "Total__c", "type": "currency", "scale": 2, "calculated": True, "calculatedFormula": "Count__c * Price__c"},
        {
            "name": "Big__c",
            "type": "boolean",
            "calculated": True,
            "calculatedFormula": "IF(ISBLANK(Price__c), FALSE, Total__c >= 10 && Boss__r.Site <> 'x')",
        },
        {"name": "Odd__c", "type": "string", "calculated": True, "calculatedFormula": "VLOOKUP(1, 2)"},
    ]  # fmt: skip
    org.control("POST", "objects", {"name": "Line__c", "fields": fields})
    account = org.create("Account", Name="Acme")
    line = org.create("Line__c", Name="one", Boss__c=account, Count__c=3, Price__c=4.5)
    org.control("POST", "clock", {"move_seconds": 60})

    before = org.get("Line__c", line)
    org.rest("PATCH", f"sobjects/Account/{account}", {"Name": "Bacme"})
    after = org.get("Line__c", line)
    refused = org.rest("PATCH", f"sobjects/Line__c/{line}", {"Total__c": 1})
    found = org.query("SELECT Title__c FROM Line__c WHERE Title__c LIKE 'bacme%' AND Total__c = 13.5 ORDER BY Title__c")

    assert ("Acme / one", 13.5, True, None) == tuple(before[f] for f in ("Title__c", "Total__c", "Big__c", "Odd__c"))
    assert ("Bacme / one", before["SystemModstamp"]) == (after["Title__c"], after["SystemModstamp"])
    assert (400, "INVALID_FIELD_FOR_INSERT_UPDATE") == refusal(refused)
    assert ["Bacme / one"] == [one["Title__c"] for one in found]


def test_rollups_follow_their_children(org):
    """Counted and summed anew with each change below, also when a child moves, goes or comes back; the parent is stamped."""
    below = {"object": "Line__c", "field": "Order__c"}
    fields = [
        {"name": "Lines__c", "type": "double", "rollup": {**below, "function": "COUNT"}},
        {"name": "Total__c", "type": "currency", "rollup": {**below, "function": "SUM", "of": "Price__c"}},
        {"name": "Last__c", "type": "date", "rollup": {**below, "function": "MAX", "of": "Day__c"}},
    ]
    lines = [
        {"name": "Order__c", "type": "reference", "referenceTo": ["Order__c"], "cascadeDelete": True},
        {"name": "Price__c", "type": "currency"},
        {"name": "Day__c", "type": "date"},
    ]
    org.control("POST", "objects", [{"name": "Order__c", "fields": fields}, {"name": "Line__c", "fields": lines}])
    one, two = (org.create("Order__c", Name=name) for name in ("one", "two"))

    def sums(order):
        return tuple(org.get("Order__c", order)[name] for name in ("Lines__c", "Total__c", "Last__c"))

    new = sums(one)
    bodies = [{"Order__c": one, "Price__c": price, "Day__c": f"2026-01-0{price}"} for price in (1, 2)]
    created = org.get("Order__c", one)["SystemModstamp"]
    org.control("POST", "clock", {"move_seconds": 60})
    first, second = (org.create("Line__c", Name="l", **body) for body in bodies)
    filled, stamp = sums(one), org.get("Order__c", one)["SystemModstamp"]
    org.rest("PATCH", f"sobjects/Line__c/{first}", {"Order__c": two})
    org.rest("DELETE", f"sobjects/Line__c/{second}")
    emptied, moved = sums(one), sums(two)
    org.control("POST", f"records/{second}/undelete", {})

    assert ((0.0, 0.0, None), (2.0, 3.0, "2026-01-02")) == (new, filled)
    assert stamp > created
    assert ((0.0, 0.0, None), (1.0, 1.0, "2026-01-01")) == (emptied, moved)
    assert (1.0, 2.0, "2026-01-02") == sums(one)
    refused = org.rest("PATCH", f"sobjects/Order__c/{one}", {"Total__c": 5})
    assert (400, "INVALID_FIELD_FOR_INSERT_UPDATE") == refusal(refused)


def test_fields_of_every_kind_show_as_salesforce_shows_them(org):
    """Auto-numbers in their format, geolocations with their parts, encrypted texts masked."""
    fields = [
        {"name": "Number__c", "type": "string", "autoNumber": True, "displayFormat": "T-{YYYY}-{000}"},
        {"name": "Place__c", "type": "location"},
        {"name": "Secret__c", "type": "encryptedstring", "mask": "X", "maskType": "lastFour"},
    ]
    org.control("POST", "objects", {"name": "Kind__c", "fields": fields})
    body = {"Name": "k", "Place__Latitude__s": 37.5, "Place__Longitude__s": 127.0, "Secret__c": "1234567"}

    got = [org.get("Kind__c", org.create("Kind__c", **body)) for _ in range(2)][1]
    refused = org.rest("POST", "sobjects/Kind__c", {"Name": "x", "Place__c": {"latitude": 1}})
    described = org.rest("GET", "sobjects/Kind__c/describe").json()["fields"]

    assert f"T-{time.gmtime().tm_year}-002" == got["Number__c"]
    assert ({"latitude": 37.5, "longitude": 127.0}, 37.5) == (got["Place__c"], got["Place__Latitude__s"])
    assert "XXX4567" == got["Secret__c"]
    assert (400, "INVALID_FIELD_FOR_INSERT_UPDATE") == refusal(refused)
    assert not any("displayFormat" in field for field in described)


def test_decimals_are_kept_or_rounded(org):
    """The API keeps more decimals than a field shows; with roundDecimals they are cut: currencies half to even."""
    fields = [{"name": "Cash__c", "type": "currency", "scale": 2}, {"name": "Size__c", "type": "double", "scale": 2}]
    org.control("POST", "objects", {"name": "Sum__c", "fields": fields})
    body = {"Name": "s", "Cash__c": 1.125, "Size__c": 1.125}

    kept = org.get("Sum__c", org.create("Sum__c", **body))
    org.control("POST", "settings", {"roundDecimals": True})
    rounded = org.get("Sum__c", org.create("Sum__c", **body))

    assert (1.125, 1.125) == (kept["Cash__c"], kept["Size__c"])
    assert (1.12, 1.13) == (rounded["Cash__c"], rounded["Size__c"])


@pytest.fixture
def limited(org):
    """A call as another user, who may not see or change everything."""
    token = org.control("POST", "sessions", {"username": "admin@standin.test"})["access_token"]
    return lambda method, path, body=None: org.rest(method, path, body, headers={"Authorization": f"Bearer {token}"})


def test_a_hidden_field_is_not_there(org, limited):
    """Absent from describe, INVALID_FIELD when queried or written; for others all is as before."""
    account = org.create("Account", Name="x", Site="secret", AccountNumber="1")
    order = {"username": "admin@standin.test", "object": "account", "hidden": ["Site"], "readOnly": ["AccountNumber"]}
    org.control("POST", "access", order)

    fields = {f["name"]: f for f in limited("GET", "sobjects/Account/describe").json()["fields"]}
    seen = limited("GET", f"sobjects/Account/{account}").json()
    queries = [limited("GET", f"query?q=SELECT+Id+FROM+Account+{end}") for end in ("WHERE+Site='x'", "ORDER+BY+Site")]
    writes = [limited("PATCH", f"sobjects/Account/{account}", body) for body in ({"Site": "y"}, {"AccountNumber": "2"})]
    written = limited("PATCH", f"sobjects/Account/{account}", {"Name": "y"})
    up = limited("GET", "query?q=SELECT+Account.Site+FROM+Contact")

    assert ("Site" in fields, fields["AccountNumber"]["updateable"]) == (False, False)
    assert ("Site" in seen, "1") == (False, seen["AccountNumber"])
    assert [(400, "INVALID_FIELD")] * 3 == [refusal(answer) for answer in (*queries, up)]
    assert [(400, "INVALID_FIELD"), (400, "INVALID_FIELD_FOR_INSERT_UPDATE")] == [refusal(a) for a in writes]
    assert 204 == written.status_code
    assert ("secret", "y") == (org.get("Account", account)["Site"], org.get("Account", account)["Name"])


def test_the_bulk_api_shows_no_more_than_rest(org, limited):
    """A bulk query refuses a hidden field, and leaves out records that are not shared; encrypted texts are masked."""
    fields = [{"name": "Secret__c", "type": "encryptedstring"}]
    org.control("POST", "objects", {"name": "Kind__c", "fields": fields})
    shown, hidden = (org.create("Kind__c", Name=name, Secret__c="1234") for name in ("shown", "hidden"))
    user = {"username": "admin@standin.test"}
    org.control("POST", "access", {**user, "object": "Account", "hidden": ["Site"]})
    org.control("POST", "access", {**user, "records": [hidden]})

    refused = limited("POST", "jobs/query", {"operation": "query", "query": "SELECT Site FROM Account"})
    job = limited("POST", "jobs/query", {"operation": "query", "query": "SELECT Id, Secret__c FROM Kind__c"}).json()
    wait(org, job["id"], "query")
    rows = limited("GET", f"jobs/query/{job['id']}/results").text.split()

    assert 400 == refused.status_code
    assert ['"Id","Secret__c"', f'"{shown}","****"'] == rows


def test_an_unshared_record_is_not_found(org, limited):
    """Neither read, queried, changed nor listed, but its unique key is taken all the same."""
    hidden, shown = (org.create("Account", Name=name, External_Id__c=name) for name in ("hidden", "shown"))
    org.create("Contact", LastName="Kim", AccountId=hidden)
    org.control("POST", "access", {"username": "admin@standin.test", "records": [hidden]})

    found = limited("GET", "query?q=SELECT+Id+FROM+Account").json()["records"]
    direct = limited("GET", f"sobjects/Account/{hidden}")
    by_key = limited("GET", "sobjects/Account/External_Id__c/hidden")
    taken = limited("POST", "sobjects/Account", {"Name": "n", "External_Id__c": "hidden"})
    (contact,) = limited("GET", "query?q=SELECT+Account.Name+FROM+Contact").json()["records"]
    org.control("DELETE", "access")

    assert [shown] == [record["Id"] for record in found]
    assert [404, 404] == [direct.status_code, by_key.status_code]
    assert (400, "DUPLICATE_VALUE") == refusal(taken)
    assert contact["Account"] is None
    assert 2 == limited("GET", "query?q=SELECT+COUNT()+FROM+Account").json()["totalSize"]


def test_described_objects_have_the_recorded_keys(org, samples):
    """Built-in objects describe themselves with the keys, and the types of values, of real describes."""
    for name in ("Account", "Contact", "Opportunity", "Lead"):
        real = json.loads((samples / "describe" / f"{name}.describe.json").read_text())
        ours = org.rest("GET", f"sobjects/{name}/describe").json()

        assert set(real) - set(ours) == set()
        assert set(ours) - set(real) <= {"associateEntityType", "associateParentEntity", "sobjectDescribeOption"}
        assert set(real["urls"]) - {"defaultValues"} == set(ours["urls"])
        for part in ("fields", "recordTypeInfos", "supportedScopes"):
            assert {frozenset(one) for one in real[part]} == {frozenset(one) for one in ours[part]}
        assert {frozenset(one) for one in ours["childRelationships"]} <= {
            frozenset(one) for one in real["childRelationships"]
        }


def test_record_types_and_rules_survive_a_restart(tmp_path):
    """Duplicate rules, limits, record types and the children of a deleted parent are in the journal."""
    from tests.standin.driving import Standin

    with Standin("--data", tmp_path) as first:
        first.sign_in()
        first.control("POST", "objects", {"name": "Paint__c", "fields": [], "recordTypes": ["Red"]})
        first.control("POST", "duplicate-rules", {"name": "Same", "object": "Account", "fields": ["Name"]})
        first.control("POST", "access", {"username": "admin@standin.test", "object": "Account", "hidden": ["Site"]})
        account = first.create("Account", Name="Acme")
        contact = first.create("Contact", LastName="Kim", AccountId=account)
        first.rest("DELETE", f"sobjects/Account/{account}")

    with Standin("--data", tmp_path) as second:
        second.sign_in()
        second.control("POST", f"records/{account}/undelete", {})
        assert "Kim" == second.get("Contact", contact)["LastName"]
        assert (400, "DUPLICATES_DETECTED") == refusal(second.rest("POST", "sobjects/Account", {"Name": "acme"}))
        assert ["Red"] == [row["Name"] for row in second.query("SELECT Name FROM RecordType")]
        (limits,) = second.control("GET", "access").values()
        assert {"Account": ["Site"]} == limits["hidden"]
