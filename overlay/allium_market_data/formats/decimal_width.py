"""The digits that columns of decimals need, counted before Arrow reads them.

Arrow casts text to decimals quickly, but a text of more digits than its type can count may overflow *without an error*
(39 digits in a decimal128, 78 in a decimal256).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from ..optional import require

if TYPE_CHECKING:
    import pyarrow as pa


class DecimalWidth(NamedTuple):
    """The digits that decimals need before and after the point, superfluous zeros left out."""

    whole: int = 0
    fraction: int = 0

    @classmethod
    def of(cls, value: str) -> DecimalWidth:
        """The room that one decimal text needs; none for an empty one."""
        whole, _, fraction = value.partition(".")
        return cls(len(whole.lstrip("0")), len(fraction.rstrip("0")))

    def wider(self, other: DecimalWidth) -> DecimalWidth:
        """Room for both."""
        return DecimalWidth(max(self.whole, other.whole), max(self.fraction, other.fraction))

    @property
    def type(self) -> tuple[int, int] | None:
        """Precision and scale: (38, 18) if that fits, else (38, least scale), else (76, least scale), else none."""
        if self.wider(USUAL) == USUAL:
            return 38, 18
        digits = self.whole + self.fraction
        return next(((most, self.fraction) for most in (38, 76) if digits <= most), None)


USUAL: Final = DecimalWidth(20, 18)
"""The room of decimal128(38, 18)."""

SHORT: Final = 19
"""Decimal text of no more characters always has the usual room."""


def measure(column: pa.ChunkedArray) -> DecimalWidth:
    """The room that the values of a column of decimal text need."""
    compute = require("pyarrow.compute", "arrow")
    whole, fraction = _digits(column)
    # Taking superfluous zeros off costs more than all the rest, and only matters where no value without them is as long.
    padded = compute.starts_with(column, "0"), compute.ends_with(column, "0")
    if any(_most(n) != _most(compute.if_else(pad, 0, n)) for n, pad in zip((whole, fraction), padded, strict=True)):
        whole, fraction = _digits(trimmed(column))
    return DecimalWidth(_most(whole), _most(fraction))


def longest(column: pa.ChunkedArray) -> int:
    """The characters of the longest value."""
    return _most(require("pyarrow.compute", "arrow").binary_length(column))


def _most(counts: pa.ChunkedArray) -> int:
    return require("pyarrow.compute", "arrow").max(counts).as_py() or 0


def _digits(column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """How many characters stand before and after the point of each value."""
    compute = require("pyarrow.compute", "arrow")
    length, point = compute.binary_length(column), compute.find_substring(column, ".")
    pointless = compute.less(point, 0)
    whole = compute.if_else(pointless, length, point)
    return whole, compute.if_else(pointless, 0, compute.subtract(compute.subtract(length, point), 1))


def trimmed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Decimal text without the zeros (and the point) that the value does not need; a zero becomes an empty text."""
    compute = require("pyarrow.compute", "arrow")
    short = compute.ascii_rtrim(compute.ascii_rtrim(column, "0"), ".")
    return compute.ascii_ltrim(compute.if_else(compute.match_substring(column, "."), short, column), "0")
