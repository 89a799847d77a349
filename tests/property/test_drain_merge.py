"""Merging a record's edits, against applying them one by one."""

from hypothesis import given
from hypothesis import strategies as st

from common.change import Op
from common.flows.drain import merge
from tests.fakes.factories import an_entry

COLUMNS = ["a", "b", "c"]
SMALL = st.none() | st.integers(0, 3)


@st.composite
def histories(draw):
    """What a row went through: inserted, updated, deleted, inserted again, each at most once attempted."""
    alive = draw(st.booleans())
    row = {column: draw(SMALL) for column in COLUMNS}
    entries = []
    for number in range(1, draw(st.integers(1, 8)) + 1):
        attempts = draw(st.sampled_from([0, 0, 1]))
        if not alive:
            row = {column: draw(SMALL) for column in COLUMNS}
            entries.append(an_entry(number, "INSERT", new=dict(row), attempts=attempts))
            alive = True
        elif draw(st.integers(0, 3)):
            new = draw(st.dictionaries(st.sampled_from(COLUMNS), SMALL, min_size=1))
            old = {column: row[column] for column in new}
            row |= new
            entries.append(an_entry(number, new=new, old=old, attempts=attempts))
        else:
            entries.append(an_entry(number, "DELETE", old=row | {"sfid": None}, attempts=attempts))
            alive = False
    return entries


def lives(entries):
    """The batches of successive claims."""
    batches = []
    while entries:
        batch = merge(entries)
        batches.append(batch)
        entries = entries[len(batch.rows) :]
    return batches


@given(histories())
def test_every_edit_is_in_one_batch(entries):
    """Claim after claim the rows are used up, in their order, none twice and none left."""
    assert [e.id for e in entries] == [row for batch in lives(entries) for row in batch.rows]


@given(histories(), st.booleans())
def test_batches_do_what_the_edits_did(entries, lost_attempts_worked):
    """Sending the batches leaves the record as sending each edit alone would have, whether or not earlier, lost attempts
    had created it.
    """
    expected = None if entries[0].change_type == "INSERT" else {}
    for entry in entries:
        expected = None if entry.change_type == "DELETE" else (expected or {}) | dict(entry.new)

    record = None if entries[0].change_type == "INSERT" else {}
    rest = entries
    for batch in lives(entries):
        life, rest = rest[: len(batch.rows)], rest[len(batch.rows) :]
        if lost_attempts_worked:
            for entry in life:
                if entry.attempts and entry.change_type != "DELETE":
                    record = (record or {}) | dict(entry.new)
        if batch.op is Op.UPSERT:
            record = (record or {}) | dict(batch.values)
        elif batch.op is Op.DELETE:
            record = None

    assert (expected is None) == (record is None)
    if expected is not None:
        filled = {c: v for c, v in expected.items() if v is not None}
        assert filled == {c: v for c, v in record.items() if v is not None}


@given(histories())
def test_nothing_is_void_that_was_attempted(entries):
    """Only a life that began and ended unseen needs no sending."""
    rest = entries
    for batch in lives(entries):
        life, rest = rest[: len(batch.rows)], rest[len(batch.rows) :]
        if batch.op is None:
            assert ("INSERT", "DELETE") == (life[0].change_type, life[-1].change_type)
            assert not any(e.attempts for e in life)
