"""Numbers and lines of bulk CSV, written as Java writes them."""

import csv
import io
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.standin.bulk.cells import java_double
from tests.standin.bulk.jobs import Job
from tests.standin.bulk.sheet import DELIMITERS, written


def a_job(**more):
    facts = {"id": "750", "operation": "insert", "object": "Account", "version": "67.0", "created_by": "005"}
    return Job(**facts, created_at=0.0, state="Open", state_at=0.0, **more)


@pytest.mark.parametrize(
    "value, text",
    [
        (0, "0.0"),
        (800, "800.0"),
        (912260031.0, "9.12260031E8"),
        (3e7, "3.0E7"),
        (9999999.0, "9999999.0"),
        (10000000.0, "1.0E7"),
        (-12345678.5, "-1.23456785E7"),
        (0.001, "0.001"),
        (0.0005, "5.0E-4"),
        (-0.00012, "-1.2E-4"),
        (1.5e300, "1.5E300"),
    ],
)
def test_numbers_as_double_to_string_writes_them(value, text):
    """Plain from a thousandth to ten million, with an exponent outside."""
    assert text == java_double(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_lose_nothing(value):
    """What is read back is the same number, with one digit before the point where there is an exponent."""
    text = java_double(value)

    assert value == float(text)
    mantissa, _, power = text.partition("E")
    assert "." in mantissa
    assert not power or 1 <= abs(Decimal(mantissa)) < 10


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\r\x00")) | st.none() | st.integers()


@given(st.lists(st.lists(CELLS, min_size=3, max_size=3)), st.sampled_from(sorted(DELIMITERS)))
def test_what_is_written_is_read_again(rows, delimiter):
    """Whatever stands in the values; null is read as empty. It is what Python's own writer would write."""
    job = a_job(delimiter=delimiter)
    theirs = io.StringIO(newline="")
    csv.writer(theirs, delimiter=DELIMITERS[delimiter], quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)

    text = written(rows, job).decode()

    read = list(csv.reader(io.StringIO(text, newline=""), delimiter=DELIMITERS[delimiter], strict=True))
    assert [["" if cell is None else str(cell) for cell in row] for row in rows] == read
    assert theirs.getvalue() == text
