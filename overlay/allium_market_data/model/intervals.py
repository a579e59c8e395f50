"""Bucket intervals and their boundaries, in whole microseconds since 1970-01-01T00:00:00Z.

Every interval divides a day, so the boundaries are the multiples of the interval since the epoch, in UTC.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

Interval: TypeAlias = Literal["1m", "5m", "15m", "1h", "4h", "1d"]
"""The bucket intervals of the specification (clause *interval*)."""

INTERVALS: Final[tuple[Interval, ...]] = get_args(Interval)

SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

WIDTHS: Final[dict[Interval, int]] = {
    "1m": MINUTE,
    "5m": 5 * MINUTE,
    "15m": 15 * MINUTE,
    "1h": HOUR,
    "4h": 4 * HOUR,
    "1d": DAY,
}
"""The width of a bucket in microseconds."""


def floor(instant: int, width: int) -> int:
    """The last boundary at or before ``instant``."""
    return instant - instant % width


def ceil(instant: int, width: int) -> int:
    """The first boundary at or after ``instant``."""
    return instant + -instant % width
