"""The number of digits that columns of decimals need, counted before Arrow parses them.

Arrow casts text to decimals quickly, but text with more digits than the type may overflow *without an error* (39 digits in a
decimal128, 78 in a decimal256).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from ..optional import require

if TYPE_CHECKING:
    import pyarrow as pa


class DecimalWidth(NamedTuple):
    """The number of digits before and after the decimal point, without leading and trailing zeros."""

    whole: int = 0
    fraction: int = 0

    @classmethod
    def of(cls, value: str) -> DecimalWidth:
        """The width of one decimal text; zero for empty text."""
        whole, _, fraction = value.removeprefix("-").partition(".")
        return cls(len(whole.lstrip("0")), len(fraction.rstrip("0")))

    def union(self, other: DecimalWidth) -> DecimalWidth:
        """The smallest width that holds both."""
        return DecimalWidth(max(self.whole, other.whole), max(self.fraction, other.fraction))

    @property
    def type(self) -> tuple[int, int] | None:
        """Precision and scale: (38, 18) if that fits, else (38, minimal scale), else (76, minimal scale), else None."""
        if self.union(DEFAULT_WIDTH) == DEFAULT_WIDTH:
            return 38, 18
        digits = self.whole + self.fraction
        return next(((precision, self.fraction) for precision in (38, 76) if digits <= precision), None)


DEFAULT_WIDTH: Final = DecimalWidth(20, 18)
"""The width of decimal128(38, 18)."""

ALWAYS_FITS: Final = 19
"""Decimal text of at most this length fits the default width."""


def decimal_width(column: pa.ChunkedArray) -> DecimalWidth:
    """The smallest width that holds all values of a column of decimal text."""
    compute = require("pyarrow.compute", "arrow")
    column = _without_sign(column)
    whole, fraction = _digit_counts(column)
    # Stripping zeros costs more than everything else, and matters only if the longest values have some to strip.
    padded = compute.starts_with(column, "0"), compute.ends_with(column, "0")
    if any(_max(n) != _max(compute.if_else(pad, 0, n)) for n, pad in zip((whole, fraction), padded, strict=True)):
        whole, fraction = _digit_counts(strip_zeros(column))
    return DecimalWidth(_max(whole), _max(fraction))


def max_length(column: pa.ChunkedArray) -> int:
    """The length of the longest text."""
    return _max(require("pyarrow.compute", "arrow").binary_length(column))


def _max(counts: pa.ChunkedArray) -> int:
    return require("pyarrow.compute", "arrow").max(counts).as_py() or 0


def _digit_counts(column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """The number of characters before and after the decimal point of each value."""
    compute = require("pyarrow.compute", "arrow")
    length, point = compute.binary_length(column), compute.find_substring(column, ".")
    no_point = compute.less(point, 0)
    whole = compute.if_else(no_point, length, point)
    return whole, compute.if_else(no_point, 0, compute.subtract(compute.subtract(length, point), 1))


def _without_sign(column: pa.ChunkedArray) -> pa.ChunkedArray:
    compute = require("pyarrow.compute", "arrow")
    has_signs = compute.any(compute.starts_with(column, "-")).as_py()
    return compute.ascii_ltrim(column, "-") if has_signs else column


def strip_zeros(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Decimal text without sign, leading zeros, trailing zeros and a trailing point; zero becomes empty text."""
    compute = require("pyarrow.compute", "arrow")
    stripped = compute.ascii_rtrim(compute.ascii_rtrim(column, "0"), ".")
    return compute.ascii_ltrim(compute.if_else(compute.match_substring(column, "."), stripped, column), "-0")


def shortest(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The same numbers without needless zeros, as Arrow counts them as digits while it parses, which may overflow."""
    compute = require("pyarrow.compute", "arrow")
    first = compute.if_else(compute.starts_with(column, "-"), "-0", "0")
    return compute.binary_join_element_wise(first, strip_zeros(column), "")
