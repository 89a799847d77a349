"""Laws of value rules: what is undone is what was there; what comes back is no conflict."""

from datetime import datetime

from hypothesis import assume, given
from hypothesis import strategies as st

from common import conflict, rules
from common.errors import Terminal
from common.mapping import Kind, Policy
from common.postgres.values import canonical, out_of_row
from tests.fakes.factories import a_change, a_mapping, an_edit, at
from tests.fakes.ruled import a_ruled_field

WORD = st.text("abcABC ", min_size=1, max_size=3).map(str.strip).filter(bool)
SHIFT = st.builds(
    lambda sign, number, unit: f"{sign}{number}{unit}",
    st.sampled_from("+-"),
    st.integers(0, 999),
    st.sampled_from("dhm"),
)
MOMENT = st.datetimes(datetime(1700, 1, 1), datetime(4000, 1, 1)).map(
    lambda m: m.replace(microsecond=0).isoformat() + ".000Z"
)


@st.composite
def undoable(draw):
    """A kind, rules that can be undone, and a value that Salesforce may hold."""
    if draw(st.booleans()):
        kind = draw(st.sampled_from([Kind.DATE, Kind.DATETIME]))
        shift = draw(SHIFT) if kind is Kind.DATETIME else draw(SHIFT)[:-1] + "d"
        value = draw(MOMENT)
        return kind, {"shift": shift}, value if kind is Kind.DATETIME else value[:10]
    theirs = draw(st.lists(WORD, unique=True, max_size=4))
    ours = draw(st.lists(WORD, unique=True, min_size=len(theirs), max_size=len(theirs)))
    held = {"map": dict(zip(theirs, ours, strict=True)), "trim": draw(st.booleans())}
    return Kind.TEXT, held, draw(st.none() | WORD | st.sampled_from(theirs or ["x"]))


def forward(field, value):
    try:
        return field.rules.forward(value)
    except Terminal:
        return None


@given(undoable())
def test_what_is_undone_is_what_was_there(case):
    """Through the column and back: Salesforce's own value, for every rule that is not called lossy."""
    kind, held, value = case
    field = a_ruled_field(kind, exact=True, **held)
    assert not field.rules.lossy
    assume(value is None or forward(field, value) is not None)

    there = out_of_row(field, field.rules.forward(value))

    assert canonical(kind, value) == canonical(kind, there)


@given(undoable(), st.sampled_from(Policy))
def test_an_edit_that_arrived_is_no_conflict(case, policy):
    """Whatever was written here, once it is read back it counts as there: no conflict, nothing to send, no echo."""
    kind, held, written = case
    field = a_ruled_field(kind, exact=False, **held)
    mapping = a_mapping(fields=(field,), policy=policy)
    edit = an_edit(old={"f": None}, new={"f": written})

    echo = mapping.arriving(a_change(fields={"F__c": out_of_row(field, written)}))
    merged = conflict.merge(mapping, echo, at(5), [edit], canonical)

    assert (frozenset(), ()) == (merged.keep, merged.conflicts)


@given(undoable(), WORD)
def test_a_field_that_salesforce_did_not_touch_is_no_conflict(case, ours):
    """The column holds the ruled value; an edit of it found that one, and Salesforce still says what it came from."""
    kind, held, value = case
    assume(kind is Kind.TEXT)
    field = a_ruled_field(kind, exact=False, **held)
    mapping = a_mapping(fields=(field,))
    change = a_change(fields={"F__c": value})
    stood = mapping.arriving(change)["f"]

    merged = conflict.merge(
        mapping, mapping.arriving(change), at(5), [an_edit(old={"f": stood}, new={"f": ours})], canonical
    )

    assert () == merged.conflicts


@given(undoable())
def test_rules_are_stored_as_they_are(case):
    """What is exported is what is read."""
    _, held, _ = case
    assert rules.read(held) == rules.read(rules.read(held).written())
