"""What a moved database's open edits are worth, beside the tests on a real Postgres."""

from common.family import ParentKey
from common.flows import rebase
from common.mapping import Field, Kind
from common.postgres.values import canonical
from tests.fakes.factories import NOON, a_mapping, an_edit
from tests.fakes.org import FakeOrg

KEY = ParentKey("ParentId", "Parent", "Account", "External_Id__c", "parent__external_id", "parent_id")
MAPPING = a_mapping(
    fields=(Field("Name", "name", Kind.TEXT), Field("ParentId", "parent_id", Kind.ID)), parent_keys=(KEY,)
)


def test_an_edited_relationship_column_is_nobody_elses_edit():
    """What it would be in Salesforce only the parents' tables could tell: it goes, and is no conflict."""
    org = FakeOrg(lambda: NOON)
    sfid = org.create({"Name": "n", "ParentId": org.create({"Name": "p"})})
    edit = an_edit(old={KEY.column: "a"}, new={KEY.column: "b"})

    (judged,) = rebase.judge(MAPPING, [rebase.Open("x", sfid, [edit])], org, canonical)

    assert (rebase.Finding.TO_SEND, []) == (judged.finding, list(judged.fields))
