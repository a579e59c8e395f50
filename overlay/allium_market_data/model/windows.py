"""The requests that cover a span of time, each with the range of buckets that it owns.

The specification leaves open how a server labels and cuts the buckets at the edges of a window (see ``spec/clauses.toml``).
Under every reading, a response to [start, end) has the value of a whole bucket if its label is at least one bucket after
``start`` and before ``end``; only such buckets may be *owned* by a request. So each request begins at least one bucket
before the first that it owns. It begins a little earlier still, so that a gap across the border of two windows has rows on
both sides of it in one response.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import overload

from .intervals import WIDTHS, Interval, ceil
from .times import from_micros, micros, to_iso

OVERLAP = 40
"""Overlap with the previous window, as 1/OVERLAP of a request; 0 disables it."""


@dataclass(frozen=True, slots=True)
class Window:
    """One request: it asks for [start, end) and owns the buckets labelled first <= ts < end.

    ``first`` is internal to planning and fetching; ``start`` and ``end`` are the requested span.
    """

    start: datetime
    first: datetime
    end: datetime

    def __str__(self) -> str:
        return f"{to_iso(self.start)} to {to_iso(self.end)}"


@dataclass(frozen=True, slots=True)
class Plan(Sequence[Window]):
    """The windows of a fetch, in order. Together they own every bucket with start <= ts < end exactly once.

    ``len(plan)`` is the number of requests and ``plan.buckets`` the number of buckets. Windows are computed when they are
    read, so a plan over centuries costs nothing.
    """

    interval: Interval
    start: datetime
    end: datetime
    span: int
    limit: int
    overlap: int = OVERLAP

    @property
    def width(self) -> int:
        """The width of a bucket in microseconds."""
        return WIDTHS[self.interval]

    @property
    def bucket(self) -> timedelta:
        """The width of a bucket."""
        return timedelta(microseconds=self.width)

    @property
    def _first(self) -> int:
        return ceil(micros(self.start), self.width)

    @property
    def buckets(self) -> int:
        """The number of buckets in the span."""
        return (ceil(micros(self.end), self.width) - self._first) // self.width

    @property
    def first_bucket(self) -> datetime:
        """The first boundary at or after the start: the label of the first bucket in the span."""
        return from_micros(self._first)

    @property
    def stop_bucket(self) -> datetime:
        """The first boundary at or after the end: the first label after the span."""
        return from_micros(ceil(micros(self.end), self.width))

    def part(self, start: datetime, end: datetime) -> Plan:
        """The fewest requests for a part of this plan's span."""
        return replace(self, start=start, end=end, overlap=0)

    @property
    def _reach(self) -> int:
        """The buckets that one request spans. A response has at most one row more, so that it never fills the limit."""
        return min(self.span // self.width, self.limit - 2)

    @property
    def is_possible(self) -> bool:
        """Whether a request can own a bucket besides the one that it begins early."""
        return self._reach >= 2

    @property
    def _overlap(self) -> int:
        """The buckets by which a request overlaps the previous one, besides the one that every request begins early."""
        return self._reach // self.overlap if self.overlap else 0

    @property
    def _step(self) -> int:
        """The buckets that a request owns. The first request owns more, since it overlaps no other."""
        return self._reach - 1 - self._overlap

    def __len__(self) -> int:
        rest = self.buckets - (self._reach - 1)
        return min(self.buckets, 1) if rest <= 0 else 1 + -(-rest // self._step)

    @overload
    def __getitem__(self, index: int) -> Window: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Window, ...]: ...
    def __getitem__(self, index: int | slice) -> Window | tuple[Window, ...]:
        """The window at ``index``, or several."""
        if isinstance(index, slice):
            return tuple(self._window(i) for i in range(*index.indices(len(self))))
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        return self._window(index % len(self))

    def _window(self, index: int) -> Window:
        lead = self._reach - 1
        first = 0 if index == 0 else lead + (index - 1) * self._step
        start = -1 if index == 0 else first - 1 - self._overlap
        end = min(lead + index * self._step, self.buckets)
        return Window(*(from_micros(self._first + bucket * self.width) for bucket in (start, first, end)))

    def __iter__(self) -> Iterator[Window]:
        return (self._window(index) for index in range(len(self)))
