"""The timestamps of rows: bucket boundaries, ascending and unique, kept as runs of consecutive buckets.

Open interest has few gaps, so thousands of timestamps are one start and one count, and an operation on timestamps costs a
step for each run instead of each row. A datetime is created only when it is read.
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
    """Aware UTC datetimes on multiples of ``width`` microseconds, ascending and unique.

    ``starts`` holds the first timestamp of each run in microseconds since 1970, and ``stops`` the number of timestamps up to
    the end of that run. Timestamps equal any sequence of the same datetimes.
    """

    __slots__ = ("starts", "stops", "width")

    def __init__(self, width: int, starts: Sequence[int] = (), stops: Sequence[int] = ()) -> None:
        self.width, self.starts, self.stops = width, starts, stops

    @classmethod
    def of(cls, stamps: Sequence[datetime], width: int) -> Timestamps:
        """From ascending datetimes on boundaries."""
        if not stamps:
            return cls(width)
        # Exact, although timestamp() is a float: a boundary is a whole minute.
        instants = [int(second) * SECOND for second in map(datetime.timestamp, stamps)]
        steps = map(sub, instants[1:], instants)
        breaks = [0, *compress(range(1, len(instants)), map(ne, steps, repeat(width)))]
        return cls(width, [instants[first] for first in breaks], [*breaks[1:], len(instants)])

    @classmethod
    def joined(cls, parts: Iterable[Timestamps], width: int) -> Timestamps:
        """The timestamps of all parts. Each part must begin after the end of the part before it."""
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
            return self._slice(first, max(first, stop)) if step == 1 else list(self)[index]
        return from_micros(self.instant(range(len(self))[index]))

    def instant(self, row: int) -> int:
        """The timestamp of a row, counted from 0, in microseconds since 1970."""
        run = bisect_right(self.stops, row)
        return self.starts[run] + (row - (self.stops[run - 1] if run else 0)) * self.width

    def count_before(self, moment: datetime) -> int:
        """The number of timestamps before an aware datetime, which is the row of the first one at or after it."""
        instant = micros(moment)
        run = bisect_left(self.starts, instant) - 1
        if run < 0:
            return 0
        first = self.stops[run - 1] if run else 0
        return min(first - (self.starts[run] - instant) // self.width, self.stops[run])

    def _slice(self, first: int, stop: int) -> Timestamps:
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
    def is_ascending(self) -> bool:
        """Whether each run begins after the end of the run before it, with a gap between."""
        counts = (stop - first for first, stop in self.contiguous_runs())
        ends = (start + count * self.width for start, count in zip(self.starts, counts, strict=True))
        return all(end < start for end, start in zip(ends, self.starts[1:], strict=False))

    def contiguous_runs(self) -> Iterator[tuple[int, int]]:
        """The index ranges [first, stop) of the runs, in order. Together they cover all timestamps."""
        return pairwise((0, *self.stops))

    def __eq__(self, other: Any) -> bool:
        if isinstance(other, Timestamps) and other.width == self.width:
            return (list(self.starts), list(self.stops)) == (list(other.starts), list(other.stops))
        if not isinstance(other, Sequence) or isinstance(other, str | bytes):
            return NotImplemented
        return len(self) == len(other) and all(map(datetime.__eq__, self, other))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Timestamps({list(self)!r})"


def count_before(stamps: Sequence[datetime], moment: datetime) -> int:
    """The number of ascending datetimes before ``moment``."""
    return stamps.count_before(moment) if isinstance(stamps, Timestamps) else bisect_left(stamps, moment)


def _end(starts: Sequence[int], stops: Sequence[int], width: int) -> int:
    """The end of the last run: its last timestamp plus ``width``."""
    return starts[-1] + (stops[-1] - (stops[-2] if len(stops) > 1 else 0)) * width


def format_run(start: int, count: int, width: int, suffix: str) -> str:
    """The text of ``count`` consecutive timestamps, separated by commas; ``suffix`` follows the minute of each."""
    times = times_of_day(width, suffix)
    index, parts = start // width, list[str]()
    while count > 0:
        day, first = divmod(index, len(times))
        stop = min(first + count, len(times))
        separator = f",{date.fromordinal(_FIRST_DAY + day).isoformat()}"
        parts += (separator, separator.join(times[first:stop]))
        index, count = index + stop - first, count - (stop - first)
    return "".join(parts)[1:]


@lru_cache(maxsize=64)
def times_of_day(width: int, suffix: str) -> tuple[str, ...]:
    """The text after the date of each bucket of a day; ``suffix`` follows the minute."""
    minutes = (start // MINUTE for start in range(0, DAY, width))
    return tuple(f"T{minute // 60:02}:{minute % 60:02}{suffix}" for minute in minutes)


MAX_SCAN = 64
"""Up to this number of rows, comparing each with the next costs less than bisecting further."""


def contiguous_runs(ts: Sequence[datetime], interval: Interval) -> Iterator[tuple[int, int]]:
    """The longest index ranges [first, stop) of rows without a gap, in order. Together they cover all rows."""
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
    """The indices of the rows with a gap before them, ascending."""
    unseen = [(0, len(ts) - 1)]
    while unseen:
        low, high = unseen.pop()
        if high <= low or ts[high] - ts[low] == (high - low) * bucket:
            continue
        if high - low <= MAX_SCAN:
            part = ts[low : high + 1]
            steps = map(sub, islice(part, 1, None), part)
            yield from compress(range(low + 1, high + 1), map(ne, steps, repeat(bucket)))
            continue
        middle = (low + high) // 2
        unseen += ((middle, high), (low, middle))
