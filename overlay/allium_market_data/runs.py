"""Runs of buckets that follow one another without a gap. Pure.

Rows ascend, are unique and stand on boundaries of their interval (see ``Columns``). So when the labels of two rows lie as
many buckets apart as the rows themselves, every row between them is known without looking at it: work over a gapless
series costs a step for each gap, not one for each row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from .intervals import WIDTHS, Interval


def runs(ts: Sequence[datetime], interval: Interval) -> Iterator[tuple[int, int]]:
    """The longest index ranges [first, stop) of rows without a gap inside, in order; together they are all the rows."""
    bucket = timedelta(microseconds=WIDTHS[interval])
    first = 0
    for stop in _breaks(ts, bucket):
        yield first, stop
        first = stop
    if len(ts) > first:
        yield first, len(ts)


def _breaks(ts: Sequence[datetime], bucket: timedelta) -> Iterator[int]:
    """The indices of the rows that have a gap before them, ascending, found by halving."""
    unseen = [(0, len(ts) - 1)]
    while unseen:
        low, high = unseen.pop()
        if high <= low or ts[high] - ts[low] == (high - low) * bucket:
            continue
        if high - low == 1:
            yield high
            continue
        middle = (low + high) // 2
        unseen += ((middle, high), (low, middle))
