"""How many calls a send costs, and what becomes of each record, whatever makes a call fail."""

from collections import Counter
from collections.abc import Callable, Sequence
from math import log2
from typing import Any

import pytest

from common.change import Op
from common.ports import Send, Sent
from common.salesforce.collection import Item
from common.salesforce.fields import StoppedFields
from common.salesforce.lanes import Lanes
from common.salesforce.sending import CUT_CALLS, IN_A_ROW, Known, Sending
from common.salesforce.session import Refused
from tests.fakes.factories import a_mapping, at

MAPPING = a_mapping()
Record = dict[str, Any]


class Salesforce:
    """Answers collections and composites.

    Args:
        refuse: One record's error, or None; it is told in the record's own answer.
        whole: A collection's error, which refuses all of it.
        composite: Whether such an error refuses the whole Composite too.
    """

    data_path = "/services/data/v66.0/"

    def __init__(
        self, refuse: Callable[[Record], tuple[str, str] | None] = lambda record: None,
        whole: Callable[[Sequence[Record]], Refused | None] = lambda records: None, *, composite: bool = False,
    ) -> None:  # fmt: skip
        self._refuse = refuse
        self._whole = whole
        self._composite = composite
        self.calls = 0
        self.landed: Counter[str] = Counter()

    def call(self, method: str, path: str, body: Any = None) -> Any:
        self.calls += 1
        if path != "composite":
            return self._collection(body["records"])
        if self._composite:
            for sub in body["compositeRequest"]:
                self._check(sub["body"]["records"])
        return {"compositeResponse": [self._sub(sub["body"]["records"]) for sub in body["compositeRequest"]]}

    def _sub(self, records: Sequence[Record]) -> Record:
        try:
            return {"httpStatusCode": "200", "body": self._collection(records)}
        except Refused as exc:
            return {"httpStatusCode": str(exc.status), "body": [{"errorCode": exc.code, "message": exc.message}]}

    def _check(self, records: Sequence[Record]) -> None:
        if (exc := self._whole(records)) is not None:
            raise exc

    def _collection(self, records: Sequence[Record]) -> list[Record]:
        self._check(records)
        return [self._one(record) for record in records]

    def _one(self, record: Record) -> Record:
        error = self._refuse(record)
        if error is None:
            self.landed[record["External_Id__c"]] += 1
            return {"id": "001000000000001AAA", "success": True, "errors": []}
        return {"success": False, "errors": [{"statusCode": error[0], "message": error[1], "fields": []}]}


def births(count: int, **fields: Any) -> list[Item]:
    return [Item(n, Send(Op.UPSERT, None, f"r-{n}", fields or {"Name": f"n{n}"})) for n in range(count)]


def known() -> Known:
    return Known(StoppedFields(lambda: at(0)), Lanes())


def send(org: Salesforce, items: Sequence[Item], shared: Known | None = None) -> list[Sent]:
    answers = Sending(org, MAPPING, shared or known()).run(items)
    return [answers[item.place] for item in items]


def poison(
    *keys: str, status: int = 400, code: str = "JSON_PARSER_ERROR"
) -> Callable[[Sequence[Record]], Refused | None]:
    """Records that make the whole request fail."""
    return lambda records: (
        Refused(status, code, "Unexpected token") if any(r["External_Id__c"] in keys for r in records) else None
    )


def test_a_rejected_record_costs_no_further_call() -> None:
    """It is named in the answer; the 999 others have landed."""
    org = Salesforce(lambda r: ("STRING_TOO_LONG", "too long") if r["External_Id__c"] == "r-500" else None)

    answers = send(org, births(1000))

    assert 1 == org.calls
    assert [500] == [n for n, a in enumerate(answers) if a.reason]
    assert 999 == len(org.landed)


@pytest.mark.parametrize("composite", [False, True])
@pytest.mark.parametrize("place", [0, 1, 199, 200, 500, 999])
def test_one_that_makes_its_whole_request_fail_is_found(composite: bool, place: int) -> None:
    """The 999 others land, once, within about 2 log2(1000) further calls; the culprit fails with its reason."""
    org = Salesforce(whole=poison(f"r-{place}"), composite=composite)

    answers = send(org, births(1000))

    assert [place] == [n for n, a in enumerate(answers) if a.reason]
    assert ("json_parser_error", False) == (answers[place].reason, answers[place].retry)
    assert {1} == set(org.landed.values())
    assert 999 == len(org.landed)
    assert org.calls - 1 <= (2 * log2(1000) + 1 if composite else 4)


def test_the_search_has_a_budget_and_loses_nothing() -> None:
    """With more culprits than calls, what is not decided waits with its reason, and does not count as tried."""
    org = Salesforce(whole=poison(*(f"r-{n}" for n in range(0, 1000, 7))), composite=True)

    answers = send(org, births(1000))

    assert org.calls <= 1 + CUT_CALLS
    waiting = [a for a in answers if a.reason == "culprit_sought"]
    assert waiting and all(a.retry and a.untried for a in waiting)
    assert 1000 == len(waiting) + len(org.landed) + sum(a.reason == "json_parser_error" for a in answers)


def test_an_org_that_is_down_is_not_searched_for_a_culprit() -> None:
    """Where every part fails with Salesforce's own error, it is no record's fault: all wait."""
    org = Salesforce(whole=lambda records: Refused(500, "UNKNOWN_EXCEPTION", "ErrorId 1"), composite=True)

    answers = send(org, births(1000))

    assert IN_A_ROW == org.calls
    assert {("unknown_exception", True)} == {(a.reason, a.retry) for a in answers}


def test_a_record_that_salesforce_stumbles_over_is_found_too() -> None:
    """Its neighbours land; it is tried some more times, alone."""
    org = Salesforce(whole=poison("r-3", status=500, code="UNKNOWN_EXCEPTION"))

    answers = send(org, births(1000))

    assert [3] == [n for n, a in enumerate(answers) if a.reason]
    assert (True, True) == (answers[3].retry, answers[3].tries > 0)


@pytest.mark.parametrize("code", ["INVALID_TYPE", "NOT_FOUND", "API_DISABLED_FOR_ORG", "SERVER_UNAVAILABLE"])
def test_what_every_record_would_meet_is_not_cut(code: str) -> None:
    """One call; all wait, long where a person must mend it."""
    org = Salesforce(whole=lambda records: Refused(404, code, "no"))

    answers = send(org, births(150))

    assert 1 == org.calls
    assert {True} == {a.retry for a in answers}


def test_a_used_up_limit_ends_the_send() -> None:
    """No call after the one that was refused."""
    org = Salesforce(
        whole=lambda records: Refused(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."), composite=True
    )

    answers = send(org, births(3000))

    assert 1 == org.calls
    assert {("request_limit_exceeded", True)} == {(a.reason, a.retry) for a in answers}


# -- fields --------------------------------------------------------------------------------------


def unreadable_phone(records: Sequence[Record]) -> Refused | None:
    """The field is gone: whoever names it is refused whole."""
    if any("AnnualRevenue" in r for r in records):
        return Refused(400, "INVALID_FIELD", "No such column 'AnnualRevenue' on sobject of type Account")
    return None


def read_only(record: Record) -> tuple[str, str] | None:
    """The integration user may not write it: each record says so."""
    if "AnnualRevenue" in record:
        return (
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            "Unable to create/update fields: AnnualRevenue. Please check the security",
        )
    return None


@pytest.mark.parametrize("org", [Salesforce(whole=unreadable_phone), Salesforce(refuse=read_only)])
def test_a_field_refused_for_every_record_costs_one_call(org: Salesforce) -> None:
    """The records go without it, say so, and so do those of the next send, which costs nothing more."""
    shared = known()

    first = send(org, births(1000, Name="n", AnnualRevenue="1"), shared)
    calls = org.calls
    second = send(org, births(1000, Name="n", AnnualRevenue="2"), shared)

    assert (2, 1) == (calls, org.calls - calls)
    assert {1000} == {len(first), len(org.landed)}
    for sent in first + second:
        assert ("field_refused", ["AnnualRevenue"]) == (sent.reason, list(sent.stopped))
        assert sent.sfid


def test_a_field_refused_for_one_record_stops_nobody_else() -> None:
    """A person account may refuse what others take: that record goes without, the field stays."""
    org = Salesforce(lambda r: read_only(r) if r["External_Id__c"] == "r-1" else None)
    shared = known()

    answers = send(org, births(10, Name="n", AnnualRevenue="1"), shared)

    assert 2 == org.calls
    assert [1] == [n for n, a in enumerate(answers) if a.stopped]
    assert {} == dict(shared.fields.of("Account"))


def test_an_edit_of_nothing_but_a_stopped_field_needs_no_call() -> None:
    shared = known()
    shared.fields.stop("Account", ["AnnualRevenue"], "no")
    org = Salesforce()
    edit = Item(0, Send(Op.UPSERT, "001000000000001AAA", "r-0", {"AnnualRevenue": "1"}))

    (sent,) = send(org, [edit], shared)

    assert (0, "field_refused", {"AnnualRevenue": "no"}) == (org.calls, sent.reason, sent.stopped)


def test_a_stopped_field_is_tried_again_after_a_while() -> None:
    """Somebody may have mended it."""
    time = [at(0)]
    fields = StoppedFields(lambda: time[0])
    fields.stop("Account", ["Name"], "no")
    before = dict(fields.of("Account"))

    time[0] = at(601)

    assert ({"Name": "no"}, {}) == (before, dict(fields.of("Account")))
