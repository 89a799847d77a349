"""The bitmaps of change events."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.standin.events import bitmaps

PLACES = st.sets(st.tuples(st.integers(0, 200), st.one_of(st.none(), st.integers(0, 11))))


@pytest.mark.parametrize(
    ("bitmap", "places"),
    [
        ([], []),
        (["0x400800"], [(11, None), (22, None)]),
        (["0x800000", "6-0x01"], [(6, 0), (23, None)]),
        (["6-0x0180"], [(6, 7), (6, 8)]),
        (["0x400000", "4-0x01"], [(4, 0), (22, None)]),
        (["0x100000000000800000"], [(23, None), (68, None)]),
        (["0x08F81000"], [(12, None), (19, None), (20, None), (21, None), (22, None), (23, None), (27, None)]),
    ],
)
def test_captured_bitmaps_are_read_and_written(bitmap, places):
    """Bit i, the lowest first, is field i; whole bytes; parts of a compound field stand apart."""
    assert places == bitmaps.decode(bitmap)
    assert bitmap == bitmaps.encode(places)


@given(PLACES)
def test_every_set_of_places_comes_back(places):
    """What is written is read again, in the order of the schema."""
    assert places == set(bitmaps.decode(bitmaps.encode(places)))


def test_places_have_names():
    """`Name` for a field, `Compound.Part` for a part of one."""
    fields = [("ChangeEventHeader", []), ("Name", []), ("BillingAddress", ["Street", "City"])]

    assert ["Name", "BillingAddress.City"] == bitmaps.names(["0x02", "2-0x02"], fields)


@pytest.mark.parametrize("wrong", ["400800", "x-0x01", "0xZZ"])
def test_what_is_no_bitmap_is_refused(wrong):
    """A text that only looks like one is no empty set."""
    with pytest.raises(ValueError, match=r"\w"):
        bitmaps.decode([wrong])
