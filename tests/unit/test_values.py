"""What a value is on both sides."""

import json
from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest

from common.errors import Terminal
from common.mapping import Field, Kind
from common.postgres.values import COLUMN_TYPE, RECORD_TYPE, canonical, into_record, out_of_row


def a_field(kind):
    return Field("F__c", "f", kind)


def test_every_kind_has_a_column_type():
    """No kind is forgotten."""
    assert set(Kind) == set(COLUMN_TYPE) == set(RECORD_TYPE)


# -- into Postgres -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (Kind.TEXT, "", None),
        (Kind.TEXT, " ", " "),
        (Kind.TEXT, "0", "0"),
        (Kind.BOOLEAN, False, False),
        (Kind.TEXT, None, None),
        (Kind.ID, "a29e0000000Jz3m", "a29e0000000Jz3mAAC"),
        (Kind.ID, "a29e0000000K4P0AAK", "a29e0000000K4P0AAK"),
        (Kind.ID, "fifteen letters", "fifteen letters"),
        (Kind.TEXT, "a29e0000000Jz3m", "a29e0000000Jz3m"),
        (Kind.DECIMAL, "9.12E8", "9.12E8"),
    ],
)
def test_into_record(kind, value, expected):
    """Empty text is null, as in Salesforce; short ids are lengthened, in id columns only; the rest is Postgres' to read."""
    assert expected == into_record(a_field(kind), value)


# -- compared ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        (Kind.INTEGER, "5030396.0", 5030396),
        (Kind.INTEGER, "-0.0", "0"),
        (Kind.DECIMAL, "9.12E8", "912000000.00"),
        (Kind.DECIMAL, "0.10", Decimal("0.1")),
        (Kind.DECIMAL, "123456789012345678.12", "123456789012345678.120"),
        (Kind.BOOLEAN, "true", True),
        (Kind.BOOLEAN, "FALSE", False),
        (Kind.ID, "a29e0000000Jz3m", "a29e0000000Jz3mAAC"),
        (Kind.DATE, "2026-01-31", "2026-01-31T00:00:00.000Z"),
        (Kind.DATETIME, "2026-01-31T12:00:00.000+0000", "2026-01-31T21:00:00+09:00"),
        (Kind.DATETIME, "2026-01-31T12:00:00.999999+00:00", "2026-01-31T12:00:00.000Z"),
        (Kind.TIME, "10:22:00.000Z", "10:22:00"),
        (Kind.TEXT, "  padded ", "padded"),
        (Kind.TEXT, "", None),
        (Kind.TEXT, "   ", None),
        (Kind.EMAIL, "Kim.CS@Example.COM ", "kim.cs@example.com"),
        (Kind.INTEGER, "", None),
    ],
)
def test_canonical_values_of_both_sides_are_equal(kind, one, other):
    """The same value is equal however the two sides wrote it."""
    assert canonical(kind, one) == canonical(kind, other)


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        (Kind.DECIMAL, "9007199254740993", "9007199254740992"),
        (Kind.DECIMAL, "0.1", "0.10000000000000001"),
        (Kind.BOOLEAN, False, None),
        (Kind.INTEGER, "0", None),
        (Kind.ID, "001A0000006Vm9r", "001a0000006Vm9r"),
        (Kind.TEXT, "Acme", "ACME"),
        (Kind.EMAIL, "kim@example.com", "kim@example.org"),
        (Kind.TEXT, "é", "e\u0301"),
        (Kind.DATETIME, "2026-01-31T12:00:00Z", "2026-01-31T12:00:01Z"),
    ],
)
def test_canonical_keeps_different_values_apart(kind, one, other):
    """Comparison loses no digit, no case and no emptiness."""
    assert canonical(kind, one) != canonical(kind, other)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Kind.BOOLEAN, "yes"),
        (Kind.INTEGER, "many"),
        (Kind.INTEGER, "NaN"),
        (Kind.INTEGER, "Infinity"),
        (Kind.DECIMAL, "1,5"),
        (Kind.DATE, "infinity"),
        (Kind.DATE, "0044-03-15 BC"[5:]),
        (Kind.DATETIME, "-infinity"),
        (Kind.DATETIME, "0001-01-01T00:00:00+14:00"),
        (Kind.TIME, "24:00:00"),
        (Kind.TIME, "noon"),
    ],
)
def test_canonical_refuses_what_is_no_value_of_the_kind(kind, value):
    """A value of another kind is refused as such; it never ends in a bug of ours."""
    with pytest.raises(Terminal) as caught:
        canonical(kind, value)

    assert "value_refused" == caught.value.reason


def test_canonical_types():
    """Each kind compares as what it is."""
    got = [
        canonical(Kind.DATE, "2026-01-31"),
        canonical(Kind.DATETIME, "2026-01-31T12:00:00Z"),
        canonical(Kind.TIME, "10:22:00Z"),
        canonical(Kind.INTEGER, "7.0"),
    ]

    assert [date(2026, 1, 31), datetime(2026, 1, 31, 12, tzinfo=UTC), time(10, 22), 7] == got


# -- out of Postgres ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (Kind.TEXT, "Ünïcödé 서울 🚀 'quoted'", "Ünïcödé 서울 🚀 'quoted'"),
        (Kind.TEXT, None, None),
        (Kind.BOOLEAN, False, False),
        (Kind.INTEGER, 7, "7"),
        (Kind.DECIMAL, "123456789012345678.1200", "123456789012345678.1200"),
        (Kind.DATE, "1900-01-01", "1900-01-01"),
        (Kind.DATE, "2100-12-31", "2100-12-31"),
        (Kind.DATETIME, "2026-01-31T12:00:00+00:00", "2026-01-31T12:00:00.000Z"),
        (Kind.DATETIME, "2026-01-31T21:00:00.123456+09:00", "2026-01-31T12:00:00.123Z"),
        (Kind.DATETIME, "1900-01-01T00:00:00-05:00", "1900-01-01T05:00:00.000Z"),
        (Kind.TIME, "10:22:00", "10:22:00.000Z"),
        (Kind.TIME, "23:59:59.999999", "23:59:59.999Z"),
        (Kind.ID, "a29e0000000K4P0AAK", "a29e0000000K4P0AAK"),
    ],
)
def test_out_of_row(kind, value, expected):
    """A column's value travels as Salesforce writes it."""
    assert expected == out_of_row(a_field(kind), value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Kind.DECIMAL, "NaN"),
        (Kind.DECIMAL, "Infinity"),
        (Kind.DECIMAL, "-Infinity"),
        (Kind.DECIMAL, "a word"),
        (Kind.INTEGER, "Infinity"),
        (Kind.DATE, "infinity"),
        (Kind.DATE, "-infinity"),
        (Kind.DATE, "0044-03-15 BC"),
        (Kind.DATE, "10000-01-01"),
        (Kind.DATETIME, "infinity"),
        (Kind.DATETIME, "-infinity"),
        (Kind.DATETIME, "0044-03-15T00:00:00+00:00 BC"),
        (Kind.DATETIME, "10000-01-01T00:00:00+00:00"),
        (Kind.DATETIME, "9999-12-31T23:59:59-05:00"),
        (Kind.DATETIME, "0001-01-01T00:00:00+09:00"),
        (Kind.TIME, "24:00:00"),
        (Kind.TIME, "a word"),
    ],
)
def test_out_of_row_refuses_what_salesforce_cannot_hold(kind, value):
    """Postgres' infinities, its far years and its midnight at the end of a day fail that edit, with the column named."""
    with pytest.raises(Terminal) as caught:
        out_of_row(a_field(kind), value)

    assert "value_refused" == caught.value.reason
    assert "f: Salesforce has no such" in caught.value.detail


def test_out_of_row_reads_what_postgres_writes(database):
    """`to_jsonb` of every kind, infinities included, is either read or refused; numbers keep all digits."""
    sql = """SELECT to_jsonb(v) FROM (SELECT 123456789012345678.10::numeric AS decimal, 7::integer AS integer,
             '2026-01-31 12:00:00.5+09'::timestamptz AS datetime, '10:22'::time AS time, date '1900-01-01' AS date,
             'NaN'::numeric AS nan, 'infinity'::timestamptz AS far, time '24:00' AS late, date '-infinity' AS early) AS v"""

    with database.transaction() as tx:
        row = tx.run(sql)[0][0]

    kinds = [Kind.DECIMAL, Kind.INTEGER, Kind.DATETIME, Kind.TIME, Kind.DATE]
    expected = ["123456789012345678.10", "7", "2026-01-31T03:00:00.500Z", "10:22:00.000Z", "1900-01-01"]
    assert expected == [out_of_row(a_field(kind), row[kind.value]) for kind in kinds], json.dumps(row)
    for name, kind in (("nan", Kind.DECIMAL), ("far", Kind.DATETIME), ("late", Kind.TIME), ("early", Kind.DATE)):
        with pytest.raises(Terminal):
            out_of_row(a_field(kind), row[name])
