"""Change events of the stand-in, as a subscriber meets them over gRPC."""

import pytest

ACCOUNTS = "/data/AccountChangeEvent"


@pytest.fixture
def accounts(pubsub):
    """A subscription to changes of accounts, from the start of what is kept."""
    with pubsub.subscribe(ACCOUNTS, preset="EARLIEST") as subscription:
        yield subscription


def header(event):
    return event["ChangeEventHeader"]


def filled(event):
    """The body without what is null."""
    return {name: value for name, value in event.items() if value is not None and name != "ChangeEventHeader"}


def test_a_creation_carries_the_whole_record(org, accounts):
    """CREATE: every filled field, no changed ones; who, when and through which call."""
    made = org.create("Account", Name="Acme", BillingCity="Seoul", NumberOfEmployees=5, AnnualRevenue=1.5)

    event = accounts.events(1)[0]

    record = org.get("Account", made)
    assert ("Account", [made], "CREATE", 1) == tuple(
        header(event)[name] for name in ("entityName", "recordIds", "changeType", "sequenceNumber")
    )
    assert "com/salesforce/api/rest/67.0;client=" == header(event)["changeOrigin"]
    assert record["LastModifiedById"] == header(event)["commitUser"]
    assert [] == header(event)["changedFields"] + header(event)["nulledFields"] + header(event)["diffFields"]
    assert ("Acme", 5, 1.5, "Seoul") == (
        event["Name"],
        event["NumberOfEmployees"],
        event["AnnualRevenue"],
        event["BillingAddress"]["City"],
    )
    assert header(event)["commitTimestamp"] == event["CreatedDate"] == event["LastModifiedDate"]


def test_an_update_carries_only_what_changed(org, accounts):
    """UPDATE: changed fields and LastModifiedDate; emptied ones are named; parts of an address one by one."""
    made = org.create("Account", Name="Acme", BillingCity="Seoul", BillingCountry="KR", Phone="1")
    org.rest("PATCH", f"sobjects/Account/{made}", {"BillingCity": None, "BillingStreet": "Jongno 1", "Phone": "2"})

    _, event = accounts.events(2)

    changed = ["BillingAddress.Street", "BillingAddress.City", "Phone", "LastModifiedDate"]
    assert ("UPDATE", changed) == (header(event)["changeType"], header(event)["changedFields"])
    assert ["BillingAddress.City"] == header(event)["nulledFields"]
    assert {"Phone", "BillingAddress", "LastModifiedDate"} == set(filled(event))
    assert {"Street": "Jongno 1"} == filled(event["BillingAddress"])


def test_another_user_is_named_by_an_update(org, accounts):
    """LastModifiedById is among the changed fields only when it differs from the last one."""
    made = org.create("Account", Name="Acme")
    org.http.post(f"{org.url}/records/Account/{made}", data={"Name": "Acme 2"}, allow_redirects=False)

    _, event = accounts.events(2)

    assert ["Name", "LastModifiedDate", "LastModifiedById"] == header(event)["changedFields"]
    assert "com/salesforce/api/soap/67.0;client=SfdcInternalAPI/" == header(event)["changeOrigin"]
    assert event["LastModifiedById"] == header(event)["commitUser"]


def test_a_delete_is_empty_and_an_undelete_whole(org, accounts):
    """DELETE has no body; UNDELETE has all of it."""
    made = org.create("Account", Name="Acme")
    org.rest("DELETE", f"sobjects/Account/{made}")
    org.control("POST", f"records/{made}/undelete")

    _, gone, back = accounts.events(3)

    assert ("DELETE", [made], {}) == (header(gone)["changeType"], header(gone)["recordIds"], filled(gone))
    assert ("UNDELETE", "Acme", []) == (header(back)["changeType"], back["Name"], header(back)["changedFields"])


def test_the_callers_name_is_in_the_origin(org, accounts):
    """`Sforce-Call-Options` and the API version of the call: the filter for one's own echoes."""
    org.http.post(
        f"{org.url}/services/data/v60.0/sobjects/Account",
        json={"Name": "Acme"},
        headers={"Sforce-Call-Options": "client=isthmus, defaultNamespace=x"},
    )

    event = accounts.events(1)[0]

    assert "com/salesforce/api/rest/60.0;client=isthmus" == header(event)["changeOrigin"]


def test_equal_changes_of_a_transaction_are_one_event(org, accounts):
    """The same update of several records is one event; one that differs stays alone, in the same transaction."""
    made = [org.create("Account", Name=f"A{n}") for n in range(3)]
    listed = [{"attributes": {"type": "Account"}, "Id": key, "Industry": "Energy"} for key in made]
    listed[1]["Industry"] = "Retail"
    org.rest("PATCH", "composite/sobjects", {"records": listed})

    first, second = accounts.events(5)[3:]

    assert ([made[0], made[2]], [made[1]]) == (header(first)["recordIds"], header(second)["recordIds"])
    assert header(first)["transactionKey"] == header(second)["transactionKey"]
    assert header(first)["commitNumber"] == header(second)["commitNumber"]
    assert (1, 2) == (header(first)["sequenceNumber"], header(second)["sequenceNumber"])
    assert ["Industry", "LastModifiedDate"] == header(first)["changedFields"]


def test_a_record_changed_twice_in_a_transaction_is_told_once(org, accounts):
    """The first kind of change, with the final data."""
    body = {
        "allOrNone": True,
        "compositeRequest": [
            {
                "method": "POST",
                "url": "/services/data/v67.0/sobjects/Account",
                "referenceId": "a",
                "body": {"Name": "1"},
            },
            {
                "method": "PATCH",
                "url": "/services/data/v67.0/sobjects/Account/@{a.id}",
                "referenceId": "b",
                "body": {"Name": "2", "Phone": "7"},
            },
        ],
    }
    org.rest("POST", "composite", body)
    org.create("Account", Name="next")

    event, after = accounts.events(2)

    assert ("CREATE", "2", "7") == (header(event)["changeType"], event["Name"], event["Phone"])
    assert "next" == after["Name"]


def test_only_selected_objects_are_captured(org, pubsub):
    """The setting names the objects; what is not selected still counts in a transaction's sequence."""
    org.control("POST", "settings", {"changeDataCapture": ["Contact"]})
    with pubsub.subscribe("/data/ChangeEvents") as everything:
        listed = [
            {"attributes": {"type": "Account"}, "Name": "unseen"},
            {"attributes": {"type": "Contact"}, "LastName": "Kim"},
        ]
        org.rest("POST", "composite/sobjects", {"records": listed})
        event = everything.events(1)[0]

    assert ("Contact", 2) == (header(event)["entityName"], header(event)["sequenceNumber"])


def test_custom_objects_and_new_fields_are_followed(org, pubsub):
    """/data/X__ChangeEvent; a field that is added gives the next event another schema, on the same stream."""
    fields = [{"name": "Born__c", "type": "date"}, {"name": "Wakes__c", "type": "time"}]
    org.control("POST", "objects", {"name": "Employee__c", "fields": fields})
    with pubsub.subscribe("/data/Employee__ChangeEvent") as employees:
        org.create("Employee__c", Name="Kim", Born__c="1900-01-31", Wakes__c="06:30:00.250Z")
        org.control("POST", "objects/Employee__c/fields", {"name": "Badge__c", "type": "string", "length": 20})
        org.create("Employee__c", Name="Lee", Badge__c="7")
        first, second = employees.consumed(2)
    before, after = pubsub.decoded(first), pubsub.decoded(second)

    assert first.event.schema_id != second.event.schema_id
    assert 22 == len(second.event.schema_id)
    assert (-2206396800000, 23400250) == (before["Born__c"], before["Wakes__c"])
    assert ("Badge__c" in before, after["Badge__c"]) == (False, "7")


def test_formulas_are_told_with_their_record(org, pubsub):
    """CREATE has their value; an update that moves them names them too; one that does not leaves them out."""
    fields = [
        {"name": "Price__c", "type": "currency"},
        {"name": "Gross__c", "type": "currency", "calculated": True, "calculatedFormula": "Price__c * 2"},
    ]
    org.control("POST", "objects", {"name": "Ware__c", "fields": fields})
    with pubsub.subscribe("/data/Ware__ChangeEvent") as wares:
        made = org.create("Ware__c", Name="A", Price__c=2)
        org.rest("PATCH", f"sobjects/Ware__c/{made}", {"Price__c": 3})
        org.rest("PATCH", f"sobjects/Ware__c/{made}", {"Name": "B"})
        created, moved, named = wares.events(3)

    assert [4.0, 6.0, None] == [event["Gross__c"] for event in (created, moved, named)]
    assert ["LastModifiedDate", "Price__c", "Gross__c"] == header(moved)["changedFields"]
    assert ["Name", "LastModifiedDate"] == header(named)["changedFields"]
