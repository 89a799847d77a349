"""Laws of the core that hold for every input."""

import re
import string
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from common import codec, conflict, ids
from common.change import Change, Op, Side
from common.errors import Terminal, Transient
from common.mapping import MAX_IDENTIFIER, RESERVED, SYSTEM_COLUMNS, Policy, columns_for
from common.postgres.values import canonical
from tests.fakes.factories import NOON, a_mapping, at

LETTERS = string.ascii_letters + string.digits
VALUES = st.none() | st.booleans() | st.text(max_size=30)
MOMENTS = st.datetimes(datetime(1700, 1, 1), datetime(4000, 12, 31), timezones=st.just(UTC))

# -- codec -------------------------------------------------------------------------------------------------

CHANGES = st.builds(
    Change,
    source=st.just(Side.SALESFORCE),
    sobject=st.just("Account"),
    record_id=st.text(min_size=1, max_size=20),
    op=st.sampled_from(Op),
    stamp=MOMENTS,
    event_id=st.text(max_size=20),
    fields=st.dictionaries(st.text(max_size=10), VALUES, max_size=5),
    origin=st.text(max_size=10),
    read_at=st.none() | MOMENTS,
    buried=st.booleans(),
)


@given(st.lists(CHANGES, max_size=12), st.integers(1, 5))
def test_changes_come_back_as_they_went(changes, max_changes):
    """Whatever they hold: same changes, same order, no message fuller than allowed."""
    parts = [codec.decode(m) for m in codec.encode(changes, max_changes=max_changes)]

    assert changes == [change for part in parts for change in part]
    assert all(1 <= len(part) <= max_changes for part in parts)
    assert -(-len(changes) // max_changes) == len(parts)


@given(st.binary(max_size=200) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["v", "source", "sobject", "changes", "id", "op", "stamp", "event", "fields"]) | st.text(max_size=3),
        inner | st.sampled_from([1, "salesforce", "upsert", "2026-01-31"]), max_size=6),
).map(lambda value: codec._dump(value)))  # fmt: skip
def test_anything_else_is_refused(data):
    """A message is read or refused; nothing that a stranger sends is a bug of ours."""
    try:
        codec.decode(data)
    except (Terminal, Transient) as exc:
        assert exc.reason in ("message_unreadable", "message_version")


# -- ids ---------------------------------------------------------------------------------------------------


@given(st.text(LETTERS, min_size=15, max_size=15))
def test_the_long_id_is_the_short_one_and_its_cases(short):
    """It tells ids apart that differ by case only, even where case is ignored."""
    long = ids.to_18(short)

    assert ids.is_id(long)
    assert short == long[:15]
    assert long == ids.to_18(long)
    swapped = short.swapcase()
    assert (short == swapped) == (long.lower() == ids.to_18(swapped).lower())


@given(st.text(max_size=25).filter(lambda text: not re.fullmatch(r"[a-zA-Z0-9]{15}([a-zA-Z0-9]{3})?", text)))
def test_nothing_else_is_an_id(text):
    assert not ids.is_id(text)


# -- names -------------------------------------------------------------------------------------------------

WORDS = st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,6}(_[A-Za-z0-9]{1,5}){0,8}", fullmatch=True)
NAMES = st.builds(
    lambda namespace, word, suffix: f"{namespace}{word}{suffix}",
    st.sampled_from(["", "", "ns__", "Very_Long_NsP__"]),
    WORDS | st.sampled_from(["Order", "User", "Id", "Sfid", "xmin", "MyField", "My_Field", "A" * 80, "aB" * 40]),
    st.sampled_from(["", "__c", "__pc", "__s", "__r"]),
)


@given(st.lists(NAMES, unique=True, max_size=40), st.sampled_from(["snake", "heroku"]), st.randoms())
def test_every_field_has_a_column_of_its_own(names, style, random):
    """Unique, legal without quotes, short enough for Postgres, none of ours, and the same in every order."""
    columns = columns_for(names, style=style)
    shuffled = list(names)
    random.shuffle(shuffled)

    assert names == list(columns)
    assert len(set(columns.values())) == len(names)
    assert columns == columns_for(shuffled, style=style)
    for column in columns.values():
        assert re.fullmatch(r"[a-z_][a-z0-9_$]*", column)
        assert len(column.encode()) <= MAX_IDENTIFIER
        assert column not in RESERVED | SYSTEM_COLUMNS


# -- conflict ----------------------------------------------------------------------------------------------

COLUMNS = ["name", "annual_revenue", "number_of_employees", "gone"]
SMALL = st.none() | st.integers(0, 2)


@st.composite
def edits(draw):
    """A row's unsettled edits, each one finding what the one before it left."""
    row = {column: draw(SMALL) for column in COLUMNS}
    made = []
    born = draw(st.booleans())
    if born:
        made.append(conflict.Edit(1, "INSERT", "new", {}, dict(row), at(0)))
    for number in range(draw(st.integers(0, 4))):
        new = draw(st.dictionaries(st.sampled_from(COLUMNS), SMALL, min_size=1))
        old = {column: row[column] for column in new}
        row |= new
        made.append(conflict.Edit(2 + number, "UPDATE", "new", old, new, at(1 + number)))
    return made


ARRIVING = st.fixed_dictionaries({f.column: SMALL for f in a_mapping().fields})


@given(ARRIVING, edits(), st.sampled_from(Policy), st.integers(-2, 8))
def test_merging_decides_each_edited_column_once(arriving, edits, policy, seconds):
    """Kept or retracted, never both, always one; equal values never quarrel; nothing else is touched."""
    mapping = a_mapping(policy=policy)

    merged = conflict.merge(mapping, arriving, at(seconds), edits, canonical)

    retracted = {column for columns in merged.retract.values() for column in columns}
    edited = {c for e in edits for c, v in e.new.items() if e.change_type == "UPDATE" or v is not None}
    assert not merged.keep & retracted
    assert edited & set(mapping.by_column) == merged.keep | retracted
    assert {c.field for c in merged.conflicts} <= {mapping.by_column[c].name for c in edited & set(mapping.by_column)}
    for found in merged.conflicts:
        column = mapping.by_name[found.field].column
        assert found.postgres != found.salesforce
        assert (found.winner == "postgres") == (column in merged.keep)
    for row, columns in merged.retract.items():
        assert columns <= set(next(e.new for e in edits if e.id == row))


@given(ARRIVING, edits(), st.sampled_from(Policy))
def test_what_both_sides_agree_on_is_settled(arriving, edits, policy):
    """Where Salesforce says what the last edit says, nothing is left to send and nobody won."""
    last: dict[str, object] = {}
    for edit in edits:
        last |= {c: v for c, v in edit.new.items() if c in arriving}

    merged = conflict.merge(a_mapping(policy=policy), arriving | last, NOON, edits, canonical)

    assert (frozenset(), ()) == (merged.keep, merged.conflicts)


@given(ARRIVING, edits(), st.integers(-2, 8))
def test_a_policy_without_times_has_one_winner(arriving, edits, seconds):
    """Under `salesforce_wins` only Salesforce wins, under `postgres_wins` only Postgres, whenever it was."""
    for policy, winner in ((Policy.SALESFORCE_WINS, "salesforce"), (Policy.POSTGRES_WINS, "postgres")):
        merged = conflict.merge(a_mapping(policy=policy), arriving, at(seconds), edits, canonical)
        assert {c.winner for c in merged.conflicts} <= {winner}
