"""The price that open interest implies: quote over base. Pure."""

from __future__ import annotations

from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from ..errors import PrecisionError, UsageError
from ..model.times import to_iso

if TYPE_CHECKING:
    from ..model.rows import OpenInterest
    from .series import OpenInterestSeries

DIGITS = 28
"""Significant digits of a price, unless told otherwise."""


def as_decimals(series: OpenInterestSeries, digits: int = DIGITS) -> list[Decimal | None]:
    """A price for each row, rounded half to even to so many significant digits; None where the base is zero."""
    if not isinstance(digits, int) or isinstance(digits, bool) or not 1 <= digits <= 1_000:
        raise UsageError(f"digits must be a whole number of 1 to 1,000, not {digits!r:.80}")
    context = Context(prec=digits, rounding=ROUND_HALF_EVEN, Emax=MAX_EMAX, Emin=MIN_EMIN)
    return [context.divide(row.oi_quote_usd, row.oi_base) if row.oi_base else None for row in series]


def as_floats(series: OpenInterestSeries) -> list[float | None]:
    """The float nearest to the price of each row; None where the base is zero. ``PrecisionError`` beyond all floats."""
    return [_nearest(row) if row.oi_base else None for row in series]


def _nearest(row: OpenInterest) -> float:
    try:
        return float(Fraction(row.oi_quote_usd) / Fraction(row.oi_base))
    except OverflowError:
        message = f"the price of {row.market_id} at {to_iso(row.ts)} is beyond what a float can hold: ask for decimals"
        raise PrecisionError(message) from None
