"""The price that open interest implies: quote over base."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction

from ..errors import PrecisionError, UsageError
from ..model.rows import OpenInterest
from ..model.times import to_iso


def decimal_prices(rows: Iterable[OpenInterest], digits: int) -> list[Decimal | None]:
    """The price of each row, rounded half to even to ``digits`` significant digits; None where the base is zero."""
    if not isinstance(digits, int) or isinstance(digits, bool) or not 1 <= digits <= 1_000:
        raise UsageError(f"digits must be a whole number from 1 to 1,000, not {digits!r:.80}")
    context = Context(prec=digits, rounding=ROUND_HALF_EVEN, Emax=MAX_EMAX, Emin=MIN_EMIN)
    return [context.divide(row.oi_quote_usd, row.oi_base) if row.oi_base else None for row in rows]


def float_prices(rows: Iterable[OpenInterest]) -> list[float | None]:
    """The float nearest to the price of each row; None where the base is zero.

    Raises ``PrecisionError`` for a price that is out of range for a float.
    """
    return [_nearest_float(row) if row.oi_base else None for row in rows]


def _nearest_float(row: OpenInterest) -> float:
    try:
        return float(Fraction(row.oi_quote_usd) / Fraction(row.oi_base))
    except OverflowError:
        message = f'the price of {row.market_id} at {to_iso(row.ts)} is out of range for a float: use decimals="exact"'
        raise PrecisionError(message) from None
