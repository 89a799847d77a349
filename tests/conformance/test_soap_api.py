"""The SOAP API: login, and what REST has no form for; requests as clients write them, answers to the letter."""

from xml.etree import ElementTree

import pytest
import requests
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceAuthenticationFailed
from simple_salesforce.login import SalesforceLogin

from tests.standin.driving import Standin

ENV = "{http://schemas.xmlsoap.org/soap/envelope/}"
PARTNER = "{urn:partner.soap.sforce.com}"
SOBJECT = "{urn:sobject.partner.soap.sforce.com}"
XSI = "{http://www.w3.org/2001/XMLSchema-instance}"
HEAD = (
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns="urn:partner.soap.sforce.com">'
)


class Soap:
    """A caller with a session."""

    def __init__(self, org, version="64.0"):
        self.org = org
        self.url = f"{org.url}/services/Soap/u/{version}"
        self.token = org.http.headers["Authorization"].removeprefix("Bearer ")

    def post(self, operation, inside="", header=""):
        session = f"<SessionHeader><sessionId>{self.token}</sessionId></SessionHeader>{header}"
        body = f"{HEAD}<soapenv:Header>{session}</soapenv:Header><soapenv:Body><{operation}>{inside}</{operation}></soapenv:Body></soapenv:Envelope>"
        return requests.post(
            self.url, body.encode(), headers={"Content-Type": "text/xml", "SOAPAction": '""'}, timeout=10
        )

    def results(self, operation, inside="", header=""):
        answer = self.post(operation, inside, header)
        assert 200 == answer.status_code, answer.text
        return ElementTree.fromstring(answer.content).findall(f"{ENV}Body/{PARTNER}{operation}Response/{PARTNER}result")

    def fault(self, operation, inside="", header=""):
        answer = self.post(operation, inside, header)
        root = ElementTree.fromstring(answer.content)
        return answer.status_code, root.findtext(".//faultcode"), root.findtext(".//faultstring")


@pytest.fixture
def soap(org):
    return Soap(org)


def ids_of(results):
    return [result.findtext(f"{PARTNER}id") for result in results]


def codes(results):
    """The status code of each result's error; None where it went well."""
    return [result.findtext(f"{PARTNER}errors/{PARTNER}statusCode") for result in results]


def account(fields):
    return f'<sObjects xsi:type="sObject"><type>Account</type>{fields}</sObjects>'


def tags(ids):
    return "".join(f"<ids>{one}</ids>" for one in ids)


def login(url, version, username="integration@standin.test", password="standintoken"):
    inside = f"<login><username>{username}</username><password>{password}</password></login>"
    body = f"{HEAD}<soapenv:Body>{inside}</soapenv:Body></soapenv:Envelope>"
    return requests.post(f"{url}/services/Soap/u/{version}", body.encode(), headers={"SOAPAction": "login"}, timeout=10)


def test_simple_salesforce_logs_in_by_soap(tmp_path):
    """Username, password and security token, unchanged, over https; then REST with the session."""
    with Standin("--tls", tmp_path, "--https-port", 0) as standin, requests.Session() as session:
        session.trust_env, session.verify = False, standin.ca

        token, host = SalesforceLogin(
            "integration@standin.test",
            "standin",
            security_token="token",
            scratch_url=standin.secure_url,
            sf_version="59.0",
            session=session,
        )
        salesforce = Salesforce(session_id=token, instance=host, version="59.0", session=session)
        with pytest.raises(SalesforceAuthenticationFailed) as refused:
            SalesforceLogin("x", "y", security_token="z", scratch_url=standin.secure_url, session=session)

        assert standin.secure_url.removeprefix("https://") == host
        assert salesforce.Account.create({"Name": "by soap"})["success"]
        assert "INVALID_LOGIN" == refused.value.code


def test_a_login_is_answered_to_the_letter(org):
    """LoginResult in the WSDL's order, with the version's addresses and the user's info."""
    answer = login(org.url, "59.0")

    result = ElementTree.fromstring(answer.content).find(f"{ENV}Body/{PARTNER}loginResponse/{PARTNER}result")
    names = [element.tag.removeprefix(PARTNER) for element in result]
    assert "text/xml;charset=UTF-8" == answer.headers["Content-Type"]
    assert ["metadataServerUrl", "passwordExpired", "sandbox", "serverUrl", "sessionId", "userId", "userInfo"] == names
    assert f"{org.url}/services/Soap/u/59.0/00DSb0000000001" == result.findtext(f"{PARTNER}serverUrl")
    assert "integration@standin.test" == result.findtext(f"{PARTNER}userInfo/{PARTNER}userName")


def test_a_refused_login_is_a_fault(org):
    """The envelope that Salesforce sends, byte for byte."""
    answer = login(org.url, "59.0", password="wrong")

    words = "Invalid username, password, security token; or user locked out."
    expected = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:sf="urn:fault.partner.soap.sforce.com" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f"<soapenv:Body><soapenv:Fault><faultcode>sf:INVALID_LOGIN</faultcode><faultstring>INVALID_LOGIN: {words}"
        '</faultstring><detail><sf:LoginFault xsi:type="sf:LoginFault"><sf:exceptionCode>INVALID_LOGIN</sf:exceptionCode>'
        f"<sf:exceptionMessage>{words}</sf:exceptionMessage></sf:LoginFault></detail></soapenv:Fault></soapenv:Body>"
        "</soapenv:Envelope>"
    )
    assert (500, expected) == (answer.status_code, answer.text)


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ("64.0", None),
        ("65.0", "No operation available for request {urn:partner.soap.sforce.com}login"),
        ("30.0", "UNSUPPORTED_API_VERSION: Invalid Api version specified on URL"),
    ],
)
def test_login_is_for_old_versions_only(org, version, words):
    """From 65.0 on the operation does not exist; retired versions answer nothing at all."""
    answer = login(org.url, version)

    assert (200 if words is None else 500) == answer.status_code
    assert words is None or words in answer.text


def test_login_can_be_switched_off(org):
    """As in orgs that were made since Winter '26."""
    org.control("POST", "settings", {"soapLogin": False})

    assert "INVALID_OPERATION" in login(org.url, "59.0").text


def test_a_session_that_ended_is_a_fault(org, soap):
    """INVALID_SESSION_ID, in the form by which jsforce knows that it has to sign in again."""
    own = Soap(org)
    own.token = org.control("POST", "sessions", {})["access_token"]

    before = own.results("getUserInfo")
    own.results("logout")
    status, code, words = own.fault("getUserInfo")

    assert "integration@standin.test" == before[0].findtext(f"{PARTNER}userName")
    assert (500, "sf:INVALID_SESSION_ID") == (status, code)
    assert words.startswith("INVALID_SESSION_ID: Invalid Session ID found in SessionHeader")
    assert soap.results("getServerTimestamp")[0].findtext(f"{PARTNER}timestamp").endswith(".000Z")


def test_records_are_created_changed_and_deleted(org, soap):
    """Each with its own result; numbers, booleans and nulls come as text and are kept as what they are."""
    made = soap.results(
        "create", account("<Name>a</Name><AnnualRevenue>12.5</AnnualRevenue>") + account("<Phone>1</Phone>")
    )
    (good, bad) = ids_of(made)
    nulled = account(f"<fieldsToNull>AnnualRevenue</fieldsToNull><Id>{good}</Id><Name>b &amp; c</Name>")

    before = org.get("Account", good)["AnnualRevenue"]
    changed = soap.results("update", nulled)
    after = org.get("Account", good)
    gone = soap.results("delete", tags([good, good]))

    assert ("", [None, "REQUIRED_FIELD_MISSING"]) == (bad, codes(made))
    assert [None] == codes(changed)
    assert (12.5, "b & c", None) == (before, after["Name"], after["AnnualRevenue"])
    assert [None, "ENTITY_IS_DELETED"] == codes(gone)


def test_an_upsert_says_what_it_created(org, soap):
    """By external id, with a parent by its own external id."""
    parent = org.create("Account", Name="parent", External_Id__c="P")
    inside = (
        "<externalIDFieldName>External_Id__c</externalIDFieldName>"
        + account("<External_Id__c>K</External_Id__c><Name>k</Name>")
        + account("<External_Id__c>P</External_Id__c><Name>new</Name>")
    )
    contact = (
        "<sObjects><type>Contact</type><LastName>c</LastName><External_Id__c>C</External_Id__c>"
        "<Account><type>Account</type><External_Id__c>P</External_Id__c></Account></sObjects>"
    )

    results = soap.results("upsert", inside)
    soap.results("upsert", f"<externalIDFieldName>External_Id__c</externalIDFieldName>{contact}")

    assert ["true", "false"] == [result.findtext(f"{PARTNER}created") for result in results]
    assert parent == results[1].findtext(f"{PARTNER}id")
    assert [parent] == [c["AccountId"] for c in org.query("SELECT AccountId FROM Contact WHERE External_Id__c = 'C'")]


def test_all_or_none_takes_everything_back(org, soap):
    """AllOrNoneHeader: nothing is kept when one record fails."""
    header = "<AllOrNoneHeader><allOrNone>true</allOrNone></AllOrNoneHeader>"

    results = soap.results("create", account("<Name>a</Name>") + account("<Phone>1</Phone>"), header)

    assert ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "REQUIRED_FIELD_MISSING"] == codes(results)
    assert [] == org.query("SELECT Id FROM Account")


def test_deleted_records_come_back(org, soap):
    """undelete takes records out of the recycle bin, each with its own result."""
    kept = org.create("Account", Name="kept")
    org.rest("DELETE", f"sobjects/Account/{kept}")

    results = soap.results("undelete", tags([kept, kept]))

    assert [None, "UNDELETE_FAILED"] == codes(results)
    assert "kept" == org.get("Account", kept)["Name"]


def test_an_emptied_recycle_bin_gives_nothing_back(org, soap):
    """What was purged is not even seen by queryAll; a living record is not in the bin."""
    gone, alive = org.create("Account", Name="gone"), org.create("Account", Name="alive")
    org.rest("DELETE", f"sobjects/Account/{gone}")

    results = soap.results("emptyRecycleBin", tags([gone, alive]))
    (everything,) = soap.results("queryAll", "<queryString>SELECT Id FROM Account</queryString>")

    assert [None, "INVALID_ID_FIELD"] == codes(results)
    assert [alive] == [e.text for e in everything.findall(f"{PARTNER}records/{SOBJECT}Id")][:1]
    assert ["UNDELETE_FAILED"] == codes(soap.results("undelete", tags([gone])))


def test_records_are_merged(org, soap):
    """The master lives on with its new values and the losers' children; the losers point to it."""
    master, loser = org.create("Account", Name="master"), org.create("Account", Name="loser")
    child = org.create("Contact", LastName="c", AccountId=loser)
    request = (
        f"<mergeRequests><masterRecord><type>Account</type><Id>{master}</Id><Phone>1</Phone></masterRecord>"
        f"<recordToMergeIds>{loser}</recordToMergeIds></mergeRequests>"
    )

    (result,) = soap.results("merge", request)

    assert ("true", loser, child) == tuple(
        result.findtext(f"{PARTNER}{name}") for name in ("success", "mergedRecordIds", "updatedRelatedIds")
    )
    assert "1" == org.get("Account", master)["Phone"]
    assert master == org.get("Contact", child)["AccountId"]
    assert 404 == org.rest("GET", f"sobjects/Account/{loser}").status_code


def test_a_query_is_answered_page_by_page(org, soap):
    """batchSize, a locator, queryMore; every field typed as XML wants it, nulls nil, Id first and once more."""
    for n in range(201):
        org.create("Account", Name=f"n{n:03d}", AnnualRevenue=5030396)
    asked = "<queryString>SELECT Id, Name, AnnualRevenue, Phone, CreatedDate FROM Account ORDER BY Name</queryString>"

    (first,) = soap.results("query", asked, "<QueryOptions><batchSize>200</batchSize></QueryOptions>")
    locator = first.findtext(f"{PARTNER}queryLocator")
    (second,) = soap.results("queryMore", f"<queryLocator>{locator}</queryLocator>")

    record = first.find(f"{PARTNER}records")
    shown = [element.tag.removeprefix(SOBJECT) for element in record]
    assert ("false", "201", 200) == (
        first.findtext(f"{PARTNER}done"),
        first.findtext(f"{PARTNER}size"),
        len(first.findall(f"{PARTNER}records")),
    )
    assert ["type", "Id", "Id", "Name", "AnnualRevenue", "Phone", "CreatedDate"] == shown
    assert "5030396.0" == record.findtext(f"{SOBJECT}AnnualRevenue")
    assert "true" == record.find(f"{SOBJECT}Phone").get(f"{XSI}nil")
    assert record.findtext(f"{SOBJECT}CreatedDate").endswith(".000Z")
    assert ("true", ["n200"]) == (
        second.findtext(f"{PARTNER}done"),
        [one.findtext(f"{SOBJECT}Name") for one in second.findall(f"{PARTNER}records")],
    )


def test_parents_and_children_are_nested(org, soap):
    """A parent is an sObject within the record, children are a QueryResult."""
    parent = org.create("Account", Name="p")
    org.create("Contact", LastName="c", AccountId=parent)

    (up,) = soap.results("query", "<queryString>SELECT Account.Name FROM Contact</queryString>")
    (down,) = soap.results("query", "<queryString>SELECT (SELECT LastName FROM Contacts) FROM Account</queryString>")

    assert "p" == up.findtext(f"{PARTNER}records/{SOBJECT}Account/{SOBJECT}Name")
    assert "c" == down.findtext(f"{PARTNER}records/{SOBJECT}Contacts/{PARTNER}records/{SOBJECT}LastName")


@pytest.mark.parametrize(
    ("operation", "inside", "code", "kind"),
    [
        ("query", "<queryString>SELECT FROM</queryString>", "sf:MALFORMED_QUERY", "MalformedQueryFault"),
        ("query", "<queryString>SELECT X FROM Account</queryString>", "sf:INVALID_FIELD", "InvalidFieldFault"),
        ("queryMore", "<queryLocator>x</queryLocator>", "sf:INVALID_QUERY_LOCATOR", "InvalidQueryLocatorFault"),
        ("describeSObject", "<sObjectType>Nope</sObjectType>", "sf:INVALID_TYPE", "InvalidSObjectFault"),
        ("create", account("<Name>a</Name><Nope>1</Nope>"), "sf:INVALID_FIELD", "InvalidFieldFault"),
        ("sing", "", "soapenv:Client", None),
    ],
)
def test_what_is_wrong_with_a_call_is_a_fault(soap, operation, inside, code, kind):
    """Each with the fault type that its code belongs to."""
    answer = soap.post(operation, inside)

    root = ElementTree.fromstring(answer.content)
    detail = root.find(".//detail")
    assert (500, code) == (answer.status_code, root.findtext(".//faultcode"))
    assert kind == (detail[0].tag.rpartition("}")[2] if detail is not None else None)


def test_an_unknown_field_is_named_in_soaps_words(soap):
    """Writing: on entity; asking: with the place in the query, also as row and column of the fault."""
    written = soap.fault("create", account("<Name>a</Name><Nope>1</Nope>"))[2]
    asked = ElementTree.fromstring(soap.post("query", "<queryString>SELECT X FROM Account</queryString>").content)
    place = [asked.findtext(f".//{{urn:fault.partner.soap.sforce.com}}{name}") for name in ("row", "column")]

    assert written.startswith("INVALID_FIELD: No such column 'Nope' on entity 'Account'. If you are attempting to use")
    assert ["1", "8"] == place


def test_what_is_not_xml_is_a_fault(org):
    """Not a page with a stack, and not a lost connection."""
    answer = requests.post(f"{org.url}/services/Soap/u/64.0", b"<oops", timeout=10)

    assert 500 == answer.status_code
    assert "soapenv:Client" == ElementTree.fromstring(answer.content).findtext(".//faultcode")


def test_objects_are_described(soap):
    """The keys of the WSDL: fields with their SOAP types; the global list names every object."""
    (account_described,) = soap.results("describeSObjects", "<sObjectType>Account</sObjectType>")
    (everything,) = soap.results("describeGlobal")

    fields = {f.findtext(f"{PARTNER}name"): f for f in account_described.findall(f"{PARTNER}fields")}
    names = [one.findtext(f"{PARTNER}name") for one in everything.findall(f"{PARTNER}sobjects")]
    assert "xsd:double" == fields["AnnualRevenue"].findtext(f"{PARTNER}soapType")
    assert "001" == account_described.findtext(f"{PARTNER}keyPrefix")
    assert {"Account", "Contact"} <= set(names)


def test_changed_and_deleted_records_are_told(org, soap):
    """getUpdated and getDeleted, as the REST resources of that name."""
    kept, gone = org.create("Account", Name="kept"), org.create("Account", Name="gone")
    org.rest("DELETE", f"sobjects/Account/{gone}")
    org.control("POST", "clock", {"move_seconds": 120})
    now = org.control("GET", "clock")["now"]
    period = f"<sObjectType>Account</sObjectType><startDate>{now[:11]}00:00:00Z</startDate><endDate>{now}</endDate>"

    (updated,) = soap.results("getUpdated", period)
    (deleted,) = soap.results("getDeleted", period)

    assert [kept] == [e.text for e in updated.findall(f"{PARTNER}ids")]
    assert [gone] == [e.text for e in deleted.findall(f"{PARTNER}deletedRecords/{PARTNER}id")]
    assert deleted.findtext(f"{PARTNER}latestDateCovered").endswith("Z")


def test_faults_to_order_reach_soap_calls(org, soap):
    """Records are refused in their results; whole calls and statuses become faults."""
    locked = {"statusCode": "UNABLE_TO_LOCK_ROW", "message": "unable to obtain exclusive access", "fields": []}
    org.control("POST", "faults", {"record_error": locked, "times": 1})
    org.control("POST", "faults", {"match": "/services/Soap", "expire_session": True, "times": 1})
    own = Soap(org)
    own.token = org.control("POST", "sessions", {})["access_token"]

    expired = own.fault("create", account("<Name>a</Name>"))
    results = soap.results("create", account("<Name>a</Name>"))
    org.control("POST", "faults", {"match": "/services/Soap", "status": 503, "times": 1})

    assert (500, "sf:INVALID_SESSION_ID") == expired[:2]
    assert ["UNABLE_TO_LOCK_ROW"] == codes(results)
    assert (503, "sf:SERVER_UNAVAILABLE") == soap.fault("getUserInfo")[:2]


def test_calls_are_counted_like_all_others(org, soap):
    """Each is one API call, told in the answer's header, and has its own line in the statistics."""
    org.control("DELETE", "calls")

    answer = soap.post("getUserInfo")

    current = ElementTree.fromstring(answer.content).findtext(f".//{PARTNER}current")
    summary = org.control("GET", "calls/summary")
    assert ("1", 1) == (current, summary["apiCalls"])
    assert ["soap/getUserInfo"] == [r["resource"] for r in summary["resources"]]
