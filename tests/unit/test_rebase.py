"""What a moved database still owes, held against the records: nothing is written, everything is judged."""

import pytest

from common.change import Op
from common.family import ParentKey
from common.flows import rebase
from common.flows.rebase import Finding, Open
from common.mapping import Field, Kind
from common.ports import Read
from common.postgres.values import canonical
from tests.fakes.factories import ACCOUNT, NOON, a_change, a_mapping, an_edit, at
from tests.fakes.org import FakeOrg

KEY = ParentKey("ParentId", "Parent", "Account", "External_Id__c", "parent__external_id", "parent_id")
FAMILY = a_mapping(
    fields=(Field("Name", "name", Kind.TEXT), Field("ParentId", "parent_id", Kind.ID)), parent_keys=(KEY,)
)


class Org:
    """Records by id; the deleted ones apart."""

    def __init__(self, *alive, deleted=()):
        self.alive = {c.record_id: c for c in alive}
        self.deleted = {c.record_id: c for c in deleted}
        self.asked = []

    def read(self, mapping, ids, *, deleted=False):
        self.asked.append((tuple(ids), deleted))
        found = self.alive | (self.deleted if deleted else {})
        return Read([found[i] for i in ids if i in found], [i for i in ids if i not in found])

    def find(self, mapping, external_ids):
        return {
            c.fields["External_Id__c"]: i for i, c in self.alive.items() if c.fields["External_Id__c"] in external_ids
        }


def record(**fields):
    return a_change(fields=dict(a_change().fields) | fields, read_at=at(60))


def an_open(*edits, sfid=ACCOUNT):
    return Open("a-1", sfid, edits or (an_edit(old={"name": "Acme"}, new={"name": "Ours"}),))


def plain(kind, value):
    return value


GONE = a_change(op=Op.DELETE)
INSERT = an_edit(change_type="INSERT", old={}, new={"name": "Acme", "annual_revenue": None})
DELETE = an_edit(id=2, change_type="DELETE", old={"name": "Acme"}, new={})


@pytest.mark.parametrize(
    ("opened", "org", "finding"),
    [
        (an_open(), Org(record(Name="Ours")), Finding.THERE),
        (an_open(), Org(record(Name="Acme")), Finding.TO_SEND),
        (an_open(), Org(record(Name="Theirs")), Finding.CONFLICT),
        (an_open(), Org(deleted=[GONE]), Finding.GONE),
        (an_open(), Org(), Finding.UNKNOWN),
        (an_open(INSERT, sfid=None), Org(), Finding.TO_CREATE),
        (an_open(INSERT, sfid=None), Org(record(Name="Acme")), Finding.THERE),
        (an_open(DELETE), Org(record(Name="Acme")), Finding.TO_DELETE),
        (an_open(DELETE), Org(record(Name="Theirs")), Finding.TO_DELETE),  # by last_writer_wins ours is the later one
        (an_open(DELETE), Org(a_change(stamp=at(90), fields=record(Name="Theirs").fields)), Finding.CONFLICT),
        (an_open(DELETE), Org(deleted=[GONE]), Finding.THERE),
        (an_open(DELETE), Org(), Finding.THERE),
    ],
)
def test_every_finding(opened, org, finding):
    (judged,) = rebase.judge(a_mapping(), [opened], org, plain)

    assert finding == judged.finding


def test_only_what_is_there_is_void():
    """A deletion that has happened, an edit that has arrived; the rest stays open."""
    mapping = a_mapping()
    there = rebase.judge(mapping, [an_open(DELETE), an_open()], Org(record(Name="Ours")), plain)

    assert [1] == rebase.void_rows(there)
    assert [2] == rebase.void_rows(rebase.judge(mapping, [an_open(DELETE)], Org(), plain))


def test_each_record_is_read_once_and_merged_once():
    """Whatever is open; what is gone for good has nothing to merge."""
    org = Org(record(Name="Theirs"), deleted=[a_change(record_id="001000000000002AAA", op=Op.DELETE)])
    second = Open("b", "001000000000002AAA", (DELETE,))

    judged = rebase.judge(a_mapping(), [an_open(), second], org, plain)

    assert [((ACCOUNT, "001000000000002AAA"), False), (("001000000000002AAA",), True)] == org.asked
    assert [ACCOUNT] == [c.record_id for c in rebase.reads(judged)]
    assert (["Name"], NOON) == (judged[0].fields, judged[0].stamp)


def test_without_open_edits_nothing_is_asked():
    org = Org()

    assert ([], []) == (rebase.judge(a_mapping(), [], org, plain), org.asked)


def test_an_edited_relationship_column_is_nobody_elses_edit():
    """What it would be in Salesforce only the parents' tables could tell: it goes, and is no conflict."""
    org = FakeOrg(lambda: NOON)
    sfid = org.create({"Name": "n", "ParentId": org.create({"Name": "p"})})
    edit = an_edit(old={KEY.column: "a"}, new={KEY.column: "b"})

    (judged,) = rebase.judge(FAMILY, [rebase.Open("x", sfid, [edit])], org, canonical)

    assert (rebase.Finding.TO_SEND, []) == (judged.finding, list(judged.fields))
