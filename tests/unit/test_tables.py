"""Tables for people, JSON for programs."""

import json
from datetime import UTC, datetime
from decimal import Decimal

from functions.cli.tables import show


def test_korean_stands_in_columns(capsys):
    """A Korean letter takes two places on a terminal, an accent on top of another letter none."""
    show([{"name": "한국", "n": 1}, {"name": "abcdef", "n": 2}, {"name": "e\u0301", "n": 3}])

    assert ["name    n", "한국    1", "abcdef  2", "e\u0301       3"] == capsys.readouterr().out.splitlines()


def test_nothing_has_its_word_and_values_read_well(capsys):
    show([])
    show([{"at": datetime(2026, 1, 31, 12, tzinfo=UTC), "empty": None, "flag": True, "lines": "a\nb"}])

    told = capsys.readouterr().out
    assert told.startswith("none\n")
    assert "2026-01-31 12:00:00+00:00  -      yes   a b" in told


def test_programs_get_json(capsys):
    """Times in ISO 8601, numbers as numbers, text as it is."""
    show([{"at": datetime(2026, 1, 31, tzinfo=UTC), "n": Decimal("1.5"), "name": "한국"}], as_json=True)

    told = capsys.readouterr().out
    assert [{"at": "2026-01-31T00:00:00+00:00", "n": 1.5, "name": "한국"}] == json.loads(told)
    assert "한국" in told
