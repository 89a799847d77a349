"""Formula fields: what the small language means, and that what it lacks gives null."""

import pytest

from tests.standin.formulas import evaluator
from tests.standin.querying.expressions import made_field

RECORD = {"Name": "Acme", "Amount": 7.5, "Count": 2.0, "On": True, "Blank": None, "Kind": "a"}


def value_of(formula, kind="string"):
    def path(name):
        return lambda record: record.get(name)

    return evaluator(formula, path, made_field("F__c", kind))(RECORD)


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("Name & ' x ' & TEXT(Count)", "Acme x 2"),
        ('"a\\"b"', 'a"b'),
        ("Name + '!'", "Acme!"),
        ("UPPER(LEFT(Name, 2)) & LOWER(RIGHT(Name, 1)) & TRIM('  y ')", "ACey"),
        ("Blank & 'x'", "x"),
        ("Blank & ''", None),
        ("BLANKVALUE(Blank, 'none')", "none"),
        ("NULLVALUE(Name, 'none')", "Acme"),
        ("IF(On && !ISBLANK(Name), 'yes', 'no')", "yes"),
        ("IF(ISPICKVAL(Kind, 'a'), 'A', 'other')", "A"),
        ("IF(OR(Count > 5, NOT(On), Name <> 'Acme'), 'x', 'y')", "y"),
        ("IF(AND(Count >= 2, Amount <= 7.5, Count != 3, Count < 3, Name = 'Acme'), 'x', 'y')", "x"),
    ],
)
def test_texts_and_conditions(formula, expected):
    """Concatenation, comparison, and the functions on texts; an empty text is null."""
    assert expected == value_of(formula)


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("Amount * Count + 1", 16.0),
        ("1 + 2 * 3 - 4 / 2", 5.0),
        ("(1 + 2) * -3", -9.0),
        ("Blank + 1", 1.0),
        ("ROUND(Amount, 0) + ABS(0 - 1)", 9.0),
        ("MAX(1, Amount, Count) - MIN(1, 2)", 7.0),
        ("0 - 6.5", -6.0),
        ("ROUND(12.345, 2) * 100 + ROUND(0 - 12.345, 2) * 100", 1.0),
        ("LEN(Name) + VALUE('2')", 6.0),
        ("Amount / 0", None),
        ("Name * 2", None),
        ("Blank", None),
    ],
)
def test_numbers(formula, expected):
    """Strength of operators, null as zero, and null where Salesforce shows an error."""
    assert expected == value_of(formula, "double")


@pytest.mark.parametrize("formula", ["", "Name &", "(Name", "NOPE(1)", "IF(On)", "1 2", "Name @ 2", ")", "IF(On, 1, 2"])
def test_what_is_not_understood_is_null(formula):
    """A formula beyond the language never stops a query."""
    assert value_of(formula) is None
