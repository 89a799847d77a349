"""Records of one object that look up to each other leave level by level."""

from collections.abc import Sequence

from common.change import Op
from common.family import ParentKey
from common.flows.family import in_order
from common.mapping import Field, Kind, Mapping
from common.ports import Send, Sent
from tests.fakes.factories import a_mapping

KEY = ParentKey(
    "ParentId", "Parent", "Account", "External_Id__c", "parent__external_id", "parent_id", table="t.account"
)
MAPPING = a_mapping(
    table="t.account",
    fields=(Field("Name", "name", Kind.TEXT), Field("ParentId", "parent_id", Kind.ID)),
    parent_keys=(KEY,),
)


def a_send(key: str, parent: str | None = None, *, sfid: str | None = None, op: Op = Op.UPSERT) -> Send:
    return Send(op, sfid, key, {"Name": key} | ({KEY.name: parent} if parent else {}))


class Calls:
    """Takes what is sent, call by call; records of these keys are refused."""

    def __init__(self, *refused: str) -> None:
        self.made: list[list[str]] = []
        self.fields: dict[str, object] = {}
        self._refused = refused

    def __call__(self, mapping: Mapping, sends: Sequence[Send]) -> list[Sent]:
        self.made.append([s.external_id for s in sends])
        self.fields |= {s.external_id: dict(s.fields) for s in sends}
        return [self._answer(s) for s in sends]

    def _answer(self, send: Send) -> Sent:
        return (
            Sent(reason="no") if send.external_id in self._refused else Sent(send.sfid or f"id of {send.external_id}")
        )


def test_strangers_go_in_one_call() -> None:
    """Without new parents among them nothing is taken apart."""
    calls = Calls()

    in_order(MAPPING, [a_send("a"), a_send("b", "elsewhere"), a_send("c", "d"), a_send("d", sfid="001")], calls)

    assert [["a", "b", "c", "d"]] == calls.made


def test_children_follow_with_their_parents_ids() -> None:
    """One call for each level; answers stand in the order of what was asked."""
    calls = Calls()

    answers = in_order(MAPPING, [a_send("c", "b"), a_send("a"), a_send("b", "a"), a_send("x")], calls)

    assert [["a", "x"], ["b"], ["c"]] == calls.made
    assert {"Name": "c", "ParentId": "id of b"} == calls.fields["c"]
    assert ["id of c", "id of a", "id of b", "id of x"] == [a.sfid for a in answers]


def test_below_a_parent_that_was_refused_nothing_is_called() -> None:
    """Neither its children nor theirs; each says whom it lacks, and was not tried."""
    calls = Calls("a")

    answers = in_order(MAPPING, [a_send("a"), a_send("b", "a"), a_send("c", "b"), a_send("x")], calls)

    assert [["a", "x"]] == calls.made
    assert ["no", "parent_missing", "parent_missing", ""] == [a.reason for a in answers]
    assert [False, True, True, False] == [a.untried and a.retry for a in answers]
    assert "Account a did not arrive: no" == answers[1].detail


def test_a_circle_that_nobody_broke_is_sent_all_the_same() -> None:
    """Salesforce says what it lacks; nothing hangs."""
    calls = Calls()

    answers = in_order(MAPPING, [a_send("a", "b"), a_send("b", "a")], calls)

    assert {"a", "b"} == {key for call in calls.made for key in call}
    assert ["", ""] == [a.reason for a in answers]


def test_a_deletion_is_nobodys_parent() -> None:
    """A row that goes under a key that another one names."""
    calls = Calls()

    in_order(MAPPING, [a_send("a", op=Op.DELETE), a_send("b", "a")], calls)

    assert [["a", "b"]] == calls.made
