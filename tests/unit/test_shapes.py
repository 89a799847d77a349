"""The comparer of recorded and given JSON: it must see every difference that matters, and no other."""

import pytest

from tests.conformance.shapes import deviations


@pytest.mark.parametrize(
    ("recorded", "ours"),
    [
        ({"id": "0010x0000012345AAA", "n": 1.5}, {"n": 2, "id": "001Sb0000000001IAA"}),
        ({"records": [{"a": None}, {"a": "x"}]}, {"records": [{"a": "y"}]}),
        ([], []),
        ({"at": "2011-07-07T00:37:00.000+0000"}, {"at": "2026-01-31T10:00:00.000+0000"}),
    ],
)
def test_equal_shapes_have_no_deviations(recorded, ours):
    """Values may differ; of several recorded kinds ours may have some."""
    assert [] == deviations(recorded, ours)


@pytest.mark.parametrize(
    ("recorded", "ours", "line"),
    [
        ({"a": 1}, {}, "a: missing"),
        ({}, {"a": 1}, "a: not recorded"),
        ({"a": 1}, {"a": "1"}, "a: number recorded, digits here"),
        ({"a": "x"}, {"a": None}, "a: text recorded, null here"),
        ({"a": True}, {"a": 1}, "a: boolean recorded, number here"),
        ({"a": {"b": 1}}, {"a": [1]}, "a: an object recorded, a list here"),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1, "c": 2}]}, "a[].c: not recorded"),
        ({"a": [{"b": 1}]}, {"a": []}, "a[]: an object recorded, nothing here"),
        ({"totalSize": 1}, {"totalSize": 2}, "totalSize: 1 recorded, 2 here"),
        ([{"errorCode": "A"}], [{"errorCode": "B"}], "[].errorCode: 'A' recorded, 'B' here"),
        (
            {"at": "2011-07-07T00:37:00.000+0000"},
            {"at": "2011-07-07T00:37:00Z"},
            "at: datetime recorded, text here",
        ),
    ],
)
def test_each_difference_is_one_line(recorded, ours, line):
    """A missing or new key, another type, another kind of text, another telling value."""
    assert [line] == deviations(recorded, ours)
