"""Three-way merge of an arriving record with unsettled edits."""

import pytest

from common import conflict
from common.errors import Terminal
from common.mapping import Field, Kind, Policy
from common.postgres.values import canonical
from tests.fakes.factories import NOON, a_mapping, an_edit, at

LAST, SALESFORCE, POSTGRES = Policy.LAST_WRITER_WINS, Policy.SALESFORCE_WINS, Policy.POSTGRES_WINS


def arriving(**bent):
    return {"name": "Old", "annual_revenue": "1.0", "number_of_employees": "12", "parent_id": None} | bent


def merge(edits, *, policy=LAST, stamp=NOON, **fields):
    return conflict.merge(a_mapping(policy=policy), arriving(**fields), stamp, edits, canonical)


@pytest.mark.parametrize("policy", Policy)
def test_a_field_that_salesforce_did_not_touch_keeps_its_edit(policy):
    """The arriving value is the one that the edit found: ours stays, whatever the policy, and nobody quarrels."""
    merged = merge([an_edit()], policy=policy, stamp=at(9999), name="Old")

    assert ({"name"}, {}, ()) == (merged.keep, merged.retract, merged.conflicts)


@pytest.mark.parametrize("policy", Policy)
def test_a_field_that_salesforce_has_already_needs_no_sending(policy):
    """The arriving value is the edit's own: it is there, so the edit leaves the log."""
    merged = merge([an_edit()], policy=policy, name="Ours")

    assert (set(), {1: {"name"}}, ()) == (merged.keep, merged.retract, merged.conflicts)


@pytest.mark.parametrize(
    ("policy", "stamp", "winner"),
    [
        (LAST, at(1), "salesforce"),
        (LAST, at(0), "postgres"),
        (LAST, at(-1), "postgres"),
        (SALESFORCE, at(1), "salesforce"),
        (SALESFORCE, at(-1), "salesforce"),
        (POSTGRES, at(1), "postgres"),
        (POSTGRES, at(-1), "postgres"),
    ],
)
def test_a_third_value_is_settled_by_the_policy(policy, stamp, winner):
    """Both sides wrote: the policy decides, and all three values are kept for people to see."""
    merged = merge([an_edit()], policy=policy, stamp=stamp, name="Theirs")

    assert (conflict.Conflict("Name", "Old", "Ours", "Theirs", winner),) == merged.conflicts
    assert (winner == "postgres") == ("name" in merged.keep)
    assert (winner == "salesforce") == (merged.retract == {1: {"name"}})


def test_the_same_value_written_differently_is_no_conflict():
    """Contents are compared, not spelling: `5030396.0` is 5030396, padding is trimmed, empty is null."""
    edit = an_edit(
        old={"name": None, "number_of_employees": 12, "annual_revenue": 1},
        new={"name": "x", "number_of_employees": 5030396, "annual_revenue": 2},
    )

    merged = merge([edit], name="", number_of_employees="5030396.0", annual_revenue="2.00")

    assert {"name"} == merged.keep
    assert {1: {"number_of_employees", "annual_revenue"}} == merged.retract
    assert () == merged.conflicts


@pytest.mark.parametrize("policy", Policy)
@pytest.mark.parametrize("arriving_email", ["old@example.com", "new@example.com"])
def test_the_lower_case_of_an_address_is_no_conflict(policy, arriving_email):
    """Salesforce keeps e-mail addresses in lower case: nobody there touched what was written here in capitals."""
    mapping = a_mapping(policy=policy, fields=(Field("Email", "email", Kind.EMAIL),))
    edit = an_edit(old={"email": "Old@Example.COM"}, new={"email": "New@Example.COM"})

    merged = conflict.merge(mapping, {"email": arriving_email}, at(9999), [edit], canonical)

    assert () == merged.conflicts
    assert (arriving_email == "old@example.com") == ("email" in merged.keep)


def test_successive_edits_are_judged_by_the_first_base_and_the_last_value():
    """old is what the first edit found, ours is what the last one left; both log rows lose the column together."""
    edits = [an_edit(new={"name": "Half"}), an_edit(id=2, old={"name": "Half"}, new={"name": "Ours"}, made_at=at(5))]

    untouched = merge(edits, name="Old")
    there = merge(edits, name="Ours")
    half = merge(edits, name="Half", stamp=at(3))

    assert {"name"} == untouched.keep
    assert {1: {"name"}, 2: {"name"}} == there.retract
    assert [("Old", "Ours", "Half", "postgres")] == [
        (c.old, c.postgres, c.salesforce, c.winner) for c in half.conflicts
    ]


def test_edits_of_different_columns_are_judged_apart():
    """One column may be lost and another kept."""
    edits = [an_edit(), an_edit(id=2, old={"annual_revenue": 1}, new={"annual_revenue": 5})]

    merged = merge(edits, policy=SALESFORCE, name="Theirs")

    assert {"annual_revenue"} == merged.keep
    assert {1: {"name"}} == merged.retract


def test_an_edit_back_to_the_old_value_is_settled():
    """There and back again: nothing is left to send."""
    edits = [an_edit(), an_edit(id=2, old={"name": "Ours"}, new={"name": "Old"})]

    assert {1: {"name"}, 2: {"name"}} == merge(edits, name="Old").retract


def test_an_emptied_field_is_an_edit():
    """A null that was written by an update is a value like any other."""
    edit = an_edit(new={"name": None})

    assert {"name"} == merge([edit], name="Old").keep
    assert {1: {"name"}} == merge([edit], name="").retract
    assert 1 == len(merge([edit], name="Theirs").conflicts)


def test_an_empty_column_of_a_new_row_is_no_edit():
    """An inserted row's nulls were written by nobody: Salesforce's values come in without a quarrel."""
    edit = an_edit(change_type="INSERT", old={}, new={"name": "Ours", "annual_revenue": None})

    merged = merge([edit], policy=POSTGRES, name="Theirs", annual_revenue="5")

    assert {"name"} == merged.keep
    assert ["Name"] == [c.field for c in merged.conflicts]


def test_an_inserted_value_has_no_base():
    """A row born here that meets its record: a different value is a conflict, even where the record's is empty."""
    edit = an_edit(change_type="INSERT", old={}, new={"name": "Ours"})

    merged = merge([edit], policy=SALESFORCE, name=None)

    assert [(None, "Ours", None, "salesforce")] == [
        (c.old, c.postgres, c.salesforce, c.winner) for c in merged.conflicts
    ]


def test_columns_that_lost_their_mapping_are_left_alone():
    """An edit of a column that is no longer mapped is not for the merge to judge."""
    merged = merge([an_edit(old={"gone": 1}, new={"gone": 2})])

    assert (set(), {}, ()) == (merged.keep, merged.retract, merged.conflicts)


def test_no_edits_decide_nothing():
    merged = merge([])

    assert (set(), {}, ()) == (merged.keep, merged.retract, merged.conflicts)


def test_a_value_of_another_kind_is_refused():
    with pytest.raises(Terminal):
        merge([an_edit(new={"number_of_employees": "many"})])


# -- deletions ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "stamp", "wins"),
    [
        (LAST, at(6), True),
        (LAST, at(5), False),
        (LAST, at(4), False),
        (SALESFORCE, at(0), True),
        (POSTGRES, at(9), False),
    ],
)
def test_a_deletion_against_edits_goes_by_the_policy(policy, stamp, wins):
    """The last edit's time counts."""
    edits = [an_edit(), an_edit(id=2, made_at=at(5))]

    assert wins == conflict.delete_wins(policy, stamp, edits)


@pytest.mark.parametrize("policy", Policy)
def test_a_deletion_of_an_unedited_row_wins(policy):
    assert conflict.delete_wins(policy, NOON, [])
