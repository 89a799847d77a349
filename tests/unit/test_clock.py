"""Times as Salesforce and Postgres write them."""

from datetime import UTC, datetime, timedelta

import pytest

from common import clock


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2017-05-02T11:53:53.000Z", datetime(2017, 5, 2, 11, 53, 53, tzinfo=UTC)),
        ("2018-12-10T17:50:19.000+0000", datetime(2018, 12, 10, 17, 50, 19, tzinfo=UTC)),
        ("2018-12-10T17:50:19+00:00", datetime(2018, 12, 10, 17, 50, 19, tzinfo=UTC)),
        ("2018-12-10T17:50:19.5+09:00", datetime(2018, 12, 10, 8, 50, 19, 500_000, tzinfo=UTC)),
        ("2018-12-10 17:50:19.123456+05:30", datetime(2018, 12, 10, 12, 20, 19, 123456, tzinfo=UTC)),
        ("2018-12-10T17:50:19", datetime(2018, 12, 10, 17, 50, 19, tzinfo=UTC)),
        ("2026-01-31T12:00:00.123456789Z", datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)),
    ],
)
def test_parse_reads_every_way_of_writing(text, moment):
    """Offsets with and without colon, Z, fractions of any length and no offset at all are one moment in UTC."""
    got = clock.parse(text)

    assert moment == got
    assert timedelta(0) == got.utcoffset()


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "2026-02-30T00:00:00Z", "infinity", "0044-03-15T00:00:00+00 BC", "10000-01-01T00:00:00Z",
     "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-05:00", "2026-01-31T12:00:00 \0"],
)  # fmt: skip
def test_parse_refuses_what_is_no_time(text):
    """Whatever is no time raises ValueError, so does a time that leaves the calendar when moved to UTC."""
    with pytest.raises(ValueError):
        clock.parse(text)


def test_now_is_aware():
    """The present is in UTC, and says so."""
    assert timedelta(0) == clock.now().utcoffset()
