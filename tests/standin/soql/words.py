"""SOQL's words: which are clauses, functions and date literals."""

AGGREGATES = frozenset(["COUNT", "COUNT_DISTINCT", "SUM", "AVG", "MIN", "MAX"])
DATE_FUNCTIONS = frozenset(
    [
        "CALENDAR_MONTH",
        "CALENDAR_QUARTER",
        "CALENDAR_YEAR",
        "DAY_IN_MONTH",
        "DAY_IN_WEEK",
        "DAY_IN_YEAR",
        "DAY_ONLY",
        "FISCAL_MONTH",
        "FISCAL_QUARTER",
        "FISCAL_YEAR",
        "HOUR_IN_DAY",
        "WEEK_IN_MONTH",
        "WEEK_IN_YEAR",
    ]
)
SHOWING = frozenset(["TOLABEL", "FORMAT", "CONVERTCURRENCY", "CONVERTTIMEZONE"])
FUNCTIONS = AGGREGATES | DATE_FUNCTIONS | SHOWING | {"FIELDS"}

_NAMED_DAYS = ("TODAY", "YESTERDAY", "TOMORROW")
_SPANS = ("WEEK", "MONTH", "QUARTER", "YEAR", "FISCAL_QUARTER", "FISCAL_YEAR")
PERIODS = frozenset(
    [
        *_NAMED_DAYS,
        "LAST_90_DAYS",
        "NEXT_90_DAYS",
        *(f"{step}_{s}" for step in ("LAST", "THIS", "NEXT") for s in _SPANS),
    ]
)
_COUNTED = ("DAYS", "WEEKS", "MONTHS", "QUARTERS", "YEARS", "FISCAL_QUARTERS", "FISCAL_YEARS")
COUNTED_PERIODS = frozenset(
    f"{word}" for unit in _COUNTED for word in (f"LAST_N_{unit}", f"NEXT_N_{unit}", f"N_{unit}_AGO")
)

CLAUSES = frozenset(
    ["USING", "WHERE", "WITH", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "ALL", "FOR", "UPDATE", "FROM", "SELECT"]
)
RESERVED = frozenset(
    ["SELECT", "FROM", "WHERE", "HAVING", "LIMIT", "OFFSET", "LIKE", "IN", "AND", "OR", "NOT", "NULL", "FOR", "WITH"]
)
_UNSUPPORTED = frozenset(["ROLLUP", "CUBE", "GROUPING", "DISTANCE", "GEOLOCATION", "CATEGORY", "DATA"])


def is_period(word: str) -> bool:
    """Whether a word is a date literal (TODAY, LAST_N_DAYS:3)."""
    name, colon, _ = word.partition(":")
    return name in COUNTED_PERIODS if colon else name in PERIODS


def unsupported(word: str) -> str:
    """A remark on a word that Salesforce knows and the stand-in does not."""
    return " (not supported by this stand-in)" if word in _UNSUPPORTED else ""
