"""Runs of buckets that follow one another without a gap. Pure.

Rows ascend, are unique and stand on boundaries of their interval (see ``Columns``). So when the labels of two rows lie
as many buckets apart as the rows themselves, every row between them is known without looking at it: what is done to a
series costs a step for each gap, not one for each row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import compress, islice, repeat
from operator import ne, sub

from .intervals import WIDTHS, Interval
from .labels import Labels

FEW = 64
"""Rows between which looking at each costs less than halving further."""


def runs(ts: Sequence[datetime], interval: Interval) -> Iterator[tuple[int, int]]:
    """The longest index ranges [first, stop) of rows without a gap inside, in order; together they are all the rows."""
    if isinstance(ts, Labels) and ts.width == WIDTHS[interval]:
        yield from ts.runs()
        return
    first = 0
    for stop in _breaks(ts, timedelta(microseconds=WIDTHS[interval])):
        yield first, stop
        first = stop
    if len(ts) > first:
        yield first, len(ts)


def _breaks(ts: Sequence[datetime], bucket: timedelta) -> Iterator[int]:
    """The indices of the rows that have a gap before them, ascending."""
    unseen = [(0, len(ts) - 1)]
    while unseen:
        low, high = unseen.pop()
        if high <= low or ts[high] - ts[low] == (high - low) * bucket:
            continue
        if high - low <= FEW:
            part = ts[low : high + 1]
            steps = map(sub, islice(part, 1, None), part)
            yield from compress(range(low + 1, high + 1), map(ne, steps, repeat(bucket)))
            continue
        middle = (low + high) // 2
        unseen += ((middle, high), (low, middle))
