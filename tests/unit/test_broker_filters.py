"""The broker's filter language: what each form takes, and what is not a filter."""

import pytest

from tests.stack.broker.filters import FilterError, parse


@pytest.mark.parametrize(
    ("text", "taken", "left"),
    [
        ("", {}, None),
        ("   ", {"kind": "x"}, None),
        ('attributes.kind = "x"', {"kind": "x"}, {"kind": "y"}),
        ('attributes.kind="x"', {"kind": "x"}, {}),
        ('attributes.kind != "x"', {"kind": "y"}, {"kind": "x"}),
        ('attributes.kind != "x"', {}, {"kind": "x"}),
        ("attributes:kind", {"kind": ""}, {"other": "kind"}),
        ('attributes:"a key"', {"a key": "1"}, {"a": "1"}),
        ('attributes."ключ" = "ü"', {"ключ": "ü"}, {"ключ": "u"}),
        ('hasPrefix(attributes.kind, "bulk")', {"kind": "bulk_poll"}, {"kind": "a bulk"}),
        ('hasPrefix(attributes.kind, "")', {"kind": ""}, {}),
        ('NOT attributes.kind = "x"', {"kind": "y"}, {"kind": "x"}),
        ("NOT attributes:kind", {}, {"kind": "x"}),
        ("-attributes:kind", {}, {"kind": "x"}),
        ("- attributes:kind", {}, {"kind": "x"}),
        ("NOT NOT attributes:kind", {"kind": "x"}, {}),
        ("attributes:a AND attributes:b", {"a": "", "b": ""}, {"a": ""}),
        ("attributes:a OR attributes:b", {"b": ""}, {"c": ""}),
        (
            "attributes:a AND NOT attributes:b AND attributes:c",
            {"a": "", "c": ""},
            {"a": "", "b": "", "c": ""},
        ),
        ("attributes:a AND (attributes:b OR attributes:c)", {"a": "", "c": ""}, {"b": "", "c": ""}),
        ("(attributes:a AND attributes:b) OR attributes:c", {"c": ""}, {"a": ""}),
        ("NOT (attributes:a OR attributes:b)", {"c": ""}, {"b": ""}),
        ('attributes.a-b_1 = "x"', {"a-b_1": "x"}, {"a": "x"}),
        (r'attributes.q = "a \"b\" \\ \x41 \u00fc \101"', {"q": 'a "b" \\ A ü A'}, {"q": "a"}),
    ],
)
def test_a_filter_takes_what_it_says(text: str, taken: dict[str, str], left: dict[str, str] | None) -> None:
    """Each form of the language takes the messages it describes and leaves the others."""
    accepts = parse(text)

    assert accepts(taken)
    assert left is None or not accepts(left)


@pytest.mark.parametrize(
    "text",
    [
        "foo bar",
        "attributes",
        "attributes.kind",
        "attributes.kind = x",
        "attributes.kind = 'x'",
        'attributes.kind = "x',
        'attributes.kind == "x"',
        'attributes.kind > "x"',
        'kind = "x"',
        "attributes:",
        'attributes.= "x"',
        "NOT",
        "attributes:a AND",
        "attributes:a and attributes:b",
        "attributes:a attributes:b",
        "attributes:a AND attributes:b OR attributes:c",
        "(attributes:a",
        "attributes:a)",
        'hasPrefix(attributes:kind, "x")',
        'hasPrefix(attributes.kind "x")',
        'attributes.kind = "\\q"',
        'attributes.kind = "' + "x" * 256 + '"',
    ],
)
def test_what_is_not_a_filter_is_refused(text: str) -> None:
    """A filter outside the language is an error, never a filter that takes all or nothing."""
    with pytest.raises(FilterError):
        parse(text)
