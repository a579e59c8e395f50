"""Bucket intervals and their boundaries, in whole microseconds since 1970-01-01T00:00:00Z.

Every interval divides a day, so the boundaries are the multiples of the interval since the epoch, in UTC.
"""

from __future__ import annotations

from typing import Final, TypeAlias, get_args

from allium_market_data_wire.contract import Interval as _Interval

Interval: TypeAlias = _Interval
"""The bucket intervals of the specification."""

INTERVALS: Final[tuple[Interval, ...]] = get_args(Interval)
"""The bucket intervals of the specification, ascending (clause *interval*)."""

SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

UNITS: Final = {"m": MINUTE, "h": HOUR, "d": DAY}
"""The units of intervals."""

WIDTHS: Final[dict[Interval, int]] = {name: int(name[:-1]) * UNITS[name[-1]] for name in INTERVALS}
"""The width of a bucket in microseconds."""


def floor(instant: int, width: int) -> int:
    """The last boundary at or before ``instant``."""
    return instant - instant % width


def ceil(instant: int, width: int) -> int:
    """The first boundary at or after ``instant``."""
    return instant + -instant % width
