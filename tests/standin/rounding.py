"""Rounding to a number of decimals, in Salesforce's two ways."""

from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal


def half_up(value: float, decimals: int) -> float:
    """A half goes up, also below zero: 12.345 becomes 12.35, -12.345 becomes -12.34 (formulas and numbers)."""
    step = Decimal(1).scaleb(-decimals)
    return float(((Decimal(str(value)) / step + Decimal("0.5")).to_integral_value(ROUND_FLOOR) * step).normalize())


def half_even(value: float, decimals: int) -> float:
    """A half goes to the even neighbour (currencies)."""
    return float(Decimal(str(value)).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_EVEN))
