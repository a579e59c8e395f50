"""The labels of rows: bucket boundaries, ascending and each once, kept as runs of neighbours. Pure.

Open interest has few gaps, so thousands of labels are one start and one count, and what is done to labels costs a step for
each run, not one for each row. A datetime is made when somebody looks at it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import accumulate, chain, compress, islice, pairwise, repeat
from operator import ne, sub
from typing import Any, overload

from .intervals import DAY, MINUTE, SECOND, WIDTHS, Interval
from .times import EPOCH, from_micros, micros

_FIRST_DAY = EPOCH.toordinal()


class Timestamps(Sequence[datetime]):
    """Aware UTC datetimes on multiples of ``width``, a whole number of microseconds, ascending and each once.

    ``starts`` holds the first label of each run of neighbours in microseconds since 1970, ``stops`` how many labels there are
    up to its end. It equals any sequence of the same datetimes.
    """

    __slots__ = ("starts", "stops", "width")

    def __init__(self, width: int, starts: Sequence[int] = (), stops: Sequence[int] = ()) -> None:
        self.width, self.starts, self.stops = width, starts, stops

    @classmethod
    def of(cls, stamps: Sequence[datetime], width: int) -> Timestamps:
        """The labels of ascending datetimes that stand on boundaries."""
        if not stamps:
            return cls(width)
        instants = [
            int(second) * SECOND for second in map(datetime.timestamp, stamps)
        ]  # exact: a boundary is whole minutes
        steps = map(sub, instants[1:], instants)
        breaks = [0, *compress(range(1, len(instants)), map(ne, steps, repeat(width)))]
        return cls(width, [instants[first] for first in breaks], [*breaks[1:], len(instants)])

    @classmethod
    def joined(cls, parts: Iterable[Timestamps], width: int) -> Timestamps:
        """The labels of all parts, one after the other; each part begins behind the one before it."""
        starts: list[int] = []
        stops: list[int] = []
        for part in parts:
            count = stops[-1] if stops else 0
            more = [count + stop for stop in part.stops]
            first = 0
            if starts and more and _end(starts, stops, width) == part.starts[0]:
                stops[-1], first = more[0], 1
            starts += part.starts[first:]
            stops += more[first:]
        return cls(width, starts, stops)

    def __len__(self) -> int:
        return self.stops[-1] if self.stops else 0

    @overload
    def __getitem__(self, index: int) -> datetime: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[datetime]: ...
    def __getitem__(self, index: int | slice) -> datetime | Sequence[datetime]:
        if isinstance(index, slice):
            first, stop, step = index.indices(len(self))
            return self._part(first, max(first, stop)) if step == 1 else list(self)[index]
        return from_micros(self.instant(range(len(self))[index]))

    def instant(self, row: int) -> int:
        """The label of a row, counted from 0, in microseconds since 1970."""
        run = bisect_right(self.stops, row)
        return self.starts[run] + (row - (self.stops[run - 1] if run else 0)) * self.width

    def before(self, moment: datetime) -> int:
        """How many labels are before an aware datetime: the row of the first at or after it."""
        instant = micros(moment)
        run = bisect_left(self.starts, instant) - 1
        if run < 0:
            return 0
        first = self.stops[run - 1] if run else 0
        return min(first - (self.starts[run] - instant) // self.width, self.stops[run])

    def _part(self, first: int, stop: int) -> Timestamps:
        if first == stop:
            return Timestamps(self.width)
        low, high = bisect_right(self.stops, first), bisect_right(self.stops, stop - 1) + 1
        starts = [self.instant(first), *self.starts[low + 1 : high]]
        return Timestamps(self.width, starts, [min(end, stop) - first for end in self.stops[low:high]])

    def __iter__(self) -> Iterator[datetime]:
        step: Any = timedelta(microseconds=self.width)
        return chain.from_iterable(
            accumulate(repeat(step, stop - first - 1), initial=from_micros(start))
            for start, (first, stop) in zip(self.starts, self.contiguous_runs(), strict=True)
        )

    @property
    def ascend(self) -> bool:
        """Whether each run begins behind the end of the one before it, as it must."""
        counts = (stop - first for first, stop in self.contiguous_runs())
        ends = (start + count * self.width for start, count in zip(self.starts, counts, strict=True))
        return all(end < start for end, start in zip(ends, self.starts[1:], strict=False))

    def contiguous_runs(self) -> Iterator[tuple[int, int]]:
        """The index ranges [first, stop) of labels without a gap inside, in order; together they are all of them."""
        return pairwise((0, *self.stops))

    def __eq__(self, other: Any) -> bool:
        if isinstance(other, Timestamps) and other.width == self.width:
            return (list(self.starts), list(self.stops)) == (list(other.starts), list(other.stops))
        return (
            len(self) == len(other) and all(map(datetime.__eq__, self, other))
            if _is_sequence(other)
            else NotImplemented
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Labels({list(self)!r})"


def before(stamps: Sequence[datetime], moment: datetime) -> int:
    """How many of ascending datetimes are before a moment."""
    return stamps.before(moment) if isinstance(stamps, Timestamps) else bisect_left(stamps, moment)


def _is_sequence(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _end(starts: Sequence[int], stops: Sequence[int], width: int) -> int:
    """Where the last run ends: the label behind it."""
    return starts[-1] + (stops[-1] - (stops[-2] if len(stops) > 1 else 0)) * width


def spelled(start: int, count: int, width: int, tail: str) -> str:
    """The text of so many neighbouring labels, with commas between; ``tail`` is what follows the minute of each."""
    clock = clocks(width, tail)
    index, parts = start // width, list[str]()
    while count > 0:
        day, first = divmod(index, len(clock))
        stop = min(first + count, len(clock))
        told = f",{date.fromordinal(_FIRST_DAY + day).isoformat()}"
        parts += (told, told.join(clock[first:stop]))
        index, count = index + stop - first, count - (stop - first)
    return "".join(parts)[1:]


@lru_cache(maxsize=64)
def clocks(width: int, tail: str) -> tuple[str, ...]:
    """What follows the date of each label of a day; ``tail`` is what follows the minute."""
    minutes = (start // MINUTE for start in range(0, DAY, width))
    return tuple(f"T{minute // 60:02}:{minute % 60:02}{tail}" for minute in minutes)


FEW = 64
"""Rows between which looking at each costs less than halving further."""


def contiguous_runs(ts: Sequence[datetime], interval: Interval) -> Iterator[tuple[int, int]]:
    """The longest index ranges [first, stop) of rows without a gap inside, in order; together they are all the rows."""
    if isinstance(ts, Timestamps) and ts.width == WIDTHS[interval]:
        yield from ts.contiguous_runs()
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
