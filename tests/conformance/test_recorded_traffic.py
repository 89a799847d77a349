"""Recorded traffic of real orgs and of other clients' tests, replayed: same keys, types, status codes, headers."""

import json
import time

import pytest
import requests

from tests.conformance.cassettes import Replay
from tests.conformance.shapes import deviations

URLS = "the recorded orgs have other add-ons, whose pages our objects do not have"
OLD = "the recording is of an older API version than the one that is asked here"
ROUGH = "record counts are estimates that lag behind in a real org; here they are exact"
CHILDLESS = "of the built-in objects none points to an opportunity"
MADE_UP = "the id was replaced by its author"

#: Deviations of describes, wherever a cassette asks for one: (call, place) and the reason.
DESCRIBES = {
    ("GET sobjects", "sobjects[].urls.caseArticleSuggestions: missing"): URLS,
    ("GET sobjects", "sobjects[].urls.caseRowArticleSuggestions: missing"): URLS,
    ("GET sobjects", "sobjects[].urls.eventSchema: missing"): URLS,
    ("GET sobjects", "sobjects[].urls.namedLayouts: missing"): URLS,
    ("GET sobjects", "sobjects[].urls.passwordUtilities: missing"): URLS,
    ("GET sobjects", "sobjects[].urls.workOrderArticleSuggestions: missing"): URLS,
    ("GET sobjects", "sobjects[].urls.workOrderLineItemArticleSuggestions: missing"): URLS,
    ("GET sobjects", "sobjects[].urls.workOrderLineItemRowArticleSuggestions: missing"): URLS,
    ("GET sobjects", "sobjects[].urls.workOrderRowArticleSuggestions: missing"): URLS,
    ("GET sobjects/Account/describe", "urls.defaultValues: missing"): URLS,
    ("GET sobjects/Account/describe", "associateEntityType: not recorded"): OLD,
    ("GET sobjects/Account/describe", "associateParentEntity: not recorded"): OLD,
    ("GET sobjects/Account/describe", "sobjectDescribeOption: not recorded"): OLD,
    (
        "GET sobjects/Opportunity/describe",
        "childRelationships[]: an object recorded, nothing here",
    ): CHILDLESS,
}
#: By cassette, the deviations of its other calls.
CASSETTES = {
    "ManualEditTestCompositeParallelSalesforce.test_http_headers": {},
    "TestCompositeParallelSalesforce.test_composite_parallel_salesforce": {},
    "TestCompositeParallelSalesforce.test_errors": {},
    "TestUpdatesIntegrationTests.test_updates_task": {},
    "TestUpsert.test_simple_upsert__rest": {},
    "TestUpsert.test_upsert_complex_external_id_field_rest__duplicate_error": {
        ("GET limits/recordCount", "sObjects[]: an object recorded, nothing here"): ROUGH,
    },
    "TestUpsert.test_upsert_complex_fields__bulk": {
        ("GET limits/recordCount", "sObjects[]: nothing recorded, an object here"): ROUGH,
    },
    "TestUpsert.test_upsert_external_id_field": {},
}

WHIZBANG = {
    "name": "Whizbang__c",
    "fields": [
        {"name": "Checkbox_Label", "type": "boolean"},
        {"name": "Text_Label", "type": "string"},
        {"name": "Date_Label", "type": "date"},
        {"name": "DateTime_Label", "type": "datetime"},
        {"name": "Picklist_Multiselect_Label", "type": "multipicklist", "values": ["four", "six"]},
        {"name": "ParentWhizbang__c", "type": "reference", "referenceTo": ["Whizbang__c"]},
        {"name": "CampaignId", "type": "reference", "referenceTo": ["Account"]},
        {"name": "Amount", "type": "currency"},
        {"name": "Key__c", "type": "string", "externalId": True},
    ],
}


def test_a_cassette_replays_to_equal_shapes(org, samples, cassette):
    """Each call of the recording is made in order; what deviates is listed above, and nothing else does."""
    if "test_updates_task" in cassette:
        for number in range(6):
            org.create("Account", Name=f"Account {number}")
    replay = Replay(org, samples / "describe", {}, set())

    replay.play(samples / "rest" / "cumulusci_cassettes" / f"{cassette}.yaml")

    assert replay.calls
    described = {deviation for deviation in DESCRIBES if deviation[0] in replay.names}
    assert {*CASSETTES[cassette], *described} == replay.found


@pytest.fixture(params=CASSETTES)
def cassette(request):
    return request.param


def test_every_recording_is_replayed(samples):
    """A recording that is added must be listed."""
    rest = samples / "rest"
    recorded = [*rest.glob("restforce/*.json"), *rest.glob("collections_*.json"), *rest.glob("error_*.json")]

    assert {path.stem for path in rest.glob("cumulusci_cassettes/*.yaml")} == set(CASSETTES)
    assert {str(path.relative_to(rest)) for path in recorded} == set(BODIES)


class Calls:
    """The calls whose answers were recorded as bodies only, one method for each. `org` has two whizbangs."""

    def __init__(self, org, web):
        self.org = org
        self.web = web
        self.parent = org.create("Whizbang__c", Name="Parent Whizbang", Text_Label="Hello", Key__c="same")
        body = {"Date_Label": "2010-01-01", "DateTime_Label": "2011-07-07T00:37:00Z", "CampaignId": None}
        self.child = org.create(
            "Whizbang__c",
            Name="Child",
            Text_Label="Hi there!",
            Picklist_Multiselect_Label="six;four",
            ParentWhizbang__c=self.parent,
            Key__c="same",
            Amount=300,
            **body,
        )

    def token(self, **form):
        app = {"client_id": "isthmus", "client_secret": "isthmus"}
        return self.web.post(f"{self.org.url}/services/oauth2/token", data={**app, **form})

    def refresh(self, token=None):
        given = self.org.control("POST", "sessions", {"refresh": True, "username": "admin@standin.test"})
        return self.token(grant_type="refresh_token", refresh_token=token or given["refresh_token"])

    def query(self, text, **headers):
        return self.org.rest("GET", "query", params={"q": text}, headers=headers)

    def window(self, which):
        now = time.time()
        span = {
            name: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + s))
            for name, s in (("start", -600), ("end", 120))
        }
        return self.org.rest("GET", f"sobjects/Whizbang__c/{which}/", params=span)

    def deleted(self):
        self.org.rest("DELETE", f"sobjects/Whizbang__c/{self.child}")
        return self.window("deleted")

    def family(self):
        whole = """SELECT Checkbox_Label, Text_Label, Date_Label, DateTime_Label, Picklist_Multiselect_Label,
                   ParentWhizbang__r.Name, ParentWhizbang__r.Text_Label, (SELECT Name FROM Whizbangs__r)
                   FROM Whizbang__c WHERE Text_Label = 'Hi there!'"""
        self.org.create("Whizbang__c", Name="Child Whizbang", ParentWhizbang__c=self.child)
        return self.query(whole)

    def groups(self):
        account = self.org.create("Account", Name="campaign")
        for amount in (100, 200):
            self.org.create("Whizbang__c", Name="w", CampaignId=account, Amount=amount)
        other = self.org.create("Account", Name="other")
        self.org.create("Whizbang__c", Name="w", CampaignId=other, Amount=50)
        return self.query("SELECT CampaignId, SUM(Amount) FROM Whizbang__c GROUP BY CampaignId")

    def pages(self):
        """Both pages of a query of 201 records in pages of 200; the bodies have other totals than the recording."""
        listed = [{"attributes": {"type": "Whizbang__c"}, "Name": "w", "Text_Label": "page"} for _ in range(200)]
        self.org.rest("POST", "composite/sobjects", {"records": listed})
        self.org.create("Whizbang__c", Name="w", Text_Label="page")
        text = "SELECT Text_Label FROM Whizbang__c WHERE Text_Label = 'page'"
        first = self.query(text, **{"Sforce-Query-Options": "batchSize=200"})
        return first, self.org.http.get(self.org.url + first.json()["nextRecordsUrl"])

    def collection(self, all_or_none):
        account = self.org.create("Account", Name="x")
        contact = self.org.create("Account", Name="no contact")
        records = [
            {"attributes": {"type": "Account"}, "id": account, "Name": "y"},
            {"attributes": {"type": "Contact"}, "id": contact, "LastName": "z"},
        ]
        return self.org.rest("PATCH", "composite/sobjects", {"allOrNone": all_or_none, "records": records})

    def duplicate(self):
        rule = {"name": "Contas", "object": "Account", "fields": ["Name"], "message": "Usar um desses registros?"}
        self.org.control("POST", "duplicate-rules", rule)
        self.org.create("Account", Name="same")
        return self.org.rest("POST", "sobjects/Account", {"Name": "Same"})

    def beyond_the_limit(self):
        self.org.control("POST", "settings", {"enforceApiLimit": True, "dailyApiRequests": 0})
        return self.org.rest("GET", "sobjects")

    def rest(self, method, path, body=None):
        return self.org.rest(method, path, body)


PASSWORD = {"grant_type": "password", "username": "admin@standin.test"}
TOKENS = {
    "scope: not recorded": OLD,
    "token_type: not recorded": OLD,
}
PAGES = {"totalSize: 2 recorded, 201 here": "pages here have at least 200 records"}
#: By recorded body: the call that answers with it, the status that belongs to it, the deviations with their reasons.
BODIES = {
    "restforce/auth_error_response.json": (lambda c: c.token(**PASSWORD, password="no"), 400, {}),
    "restforce/auth_success_response.json": (lambda c: c.token(**PASSWORD, password="standin"), 200, TOKENS),
    "restforce/reauth_success_response.json": (lambda c: c.refresh(), 200, TOKENS),
    "restforce/refresh_error_response.json": (lambda c: c.refresh("expired"), 400, {}),
    "restforce/expired_session_response.json": (
        lambda c: c.web.get(f"{c.org.url}/services/data/v67.0/limits"),
        401,
        {},
    ),
    "restforce/services_data_success_response.json": (lambda c: c.web.get(f"{c.org.url}/services/data"), 200, {}),
    "restforce/create_success_response.json": (
        lambda c: c.rest("POST", "sobjects/Whizbang__c", {"Name": "x"}),
        201,
        {"id: text recorded, id here": MADE_UP},
    ),
    "restforce/write_error_response.json": (lambda c: c.rest("POST", "sobjects/Account", {"foo": 1}), 400, {}),
    "restforce/delete_error_response.json": (lambda c: c.rest("DELETE", "sobjects/Whizbang__c/rid"), 404, {}),
    "restforce/sobject_find_error_response.json": (lambda c: c.rest("GET", "sobjects/Whizbang__c/23foo"), 404, {}),
    "restforce/sobject_describe_error_response.json": (lambda c: c.rest("GET", "sobjects/Nope/describe"), 404, {}),
    "restforce/upsert_created_success_response.json": (
        lambda c: c.rest("PATCH", "sobjects/Whizbang__c/Key__c/new", {"Name": "x"}),
        201,
        {"created: not recorded": OLD, "id: text recorded, id here": MADE_UP},
    ),
    "restforce/upsert_error_response.json": (lambda c: c.rest("PATCH", "sobjects/Whizbang__c/Namez/x", {}), 404, {}),
    "restforce/upsert_multiple_error_response.json": (
        lambda c: c.rest("PATCH", "sobjects/Whizbang__c/Key__c/same", {"Name": "x"}),
        300,
        {},
    ),
    "restforce/get_updated_success_response.json": (lambda c: c.window("updated"), 200, {}),
    "restforce/get_deleted_success_response.json": (lambda c: c.deleted(), 200, {}),
    "restforce/query_success_response.json": (lambda c: c.family(), 200, {}),
    "restforce/query_aggregate_success_response.json": (lambda c: c.groups(), 200, {}),
    "restforce/query_empty_response.json": (lambda c: c.query("SELECT Id FROM Lead"), 200, {}),
    "restforce/query_error_response.json": (lambda c: c.query("SELECT Nope FROM Account"), 400, {}),
    "restforce/query_paginated_first_page_response.json": (lambda c: c.pages()[0], 200, PAGES),
    "restforce/query_paginated_last_page_response.json": (lambda c: c.pages()[1], 200, PAGES),
    "collections_upsert_response_partial_failure.json": (lambda c: c.collection(False), 200, {}),
    "collections_upsert_response_all_or_none_rollback.json": (lambda c: c.collection(True), 200, {}),
    "error_DUPLICATES_DETECTED_v56.json": (lambda c: c.duplicate(), 400, {}),
    "error_REQUEST_LIMIT_EXCEEDED_403.json": (lambda c: c.beyond_the_limit(), 403, {}),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_is_answered_in_the_recorded_shape(org, samples, name):
    """The call that a body was recorded of gives the same keys and types, and Salesforce's status."""
    call, status, listed = BODIES[name]
    org.control("POST", "objects", WHIZBANG)

    with requests.Session() as web:
        web.trust_env = False
        answer = call(Calls(org, web))

    recorded = json.loads((samples / "rest" / name).read_text())
    assert (status, "application/json;charset=UTF-8") == (answer.status_code, answer.headers["Content-Type"])
    assert set(listed) == set(deviations(recorded, answer.json()))
    assert_same_words(recorded, answer.json())


def assert_same_words(recorded, ours):
    """Errors of one kind have Salesforce's own words, but for the names in them."""
    if not (isinstance(recorded, list) and recorded and isinstance(recorded[0], dict) and "message" in recorded[0]):
        return
    one, other = (set(body[0]["message"].split()) for body in (recorded, ours))
    assert "error_message" in one or len(one - other) <= NAMES_IN_A_MESSAGE


NAMES_IN_A_MESSAGE = 2
