"""From a span of time to the requests that cover it, each with the range of buckets that it owns. Pure.

How a server labels and cuts buckets at the edges of a window is open (see ``spec/clauses.toml``). A request for [start, end)
holds the whole value of a bucket under every reading only if its label is at least one bucket after ``start`` and before
``end``; those buckets a request may *own*. So each request begins at least one bucket before what it owns. It begins a
little earlier still, so that a gap across the border of two requests shows rows on both of its sides in one answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import overload

from .intervals import WIDTHS, Interval, ceil
from .times import from_micros, micros, to_iso

OVERLAP = 40
"""One part in so many of a request looks back into what the one before it owns; 0 for none."""


@dataclass(frozen=True, slots=True)
class Window:
    """One request: it asks for [start, end) and owns the buckets labelled first <= ts < end."""

    start: datetime
    first: datetime
    end: datetime

    def __str__(self) -> str:
        return f"{to_iso(self.start)} to {to_iso(self.end)}"


@dataclass(frozen=True, slots=True)
class Plan(Sequence[Window]):
    """The windows of a fetch, in order: what they own covers every bucket with start <= ts < end exactly once.

    Windows are worked out as they are looked at, so a plan over centuries costs nothing.
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
    def first(self) -> int:
        """The first boundary at or after the start, in microseconds."""
        return ceil(micros(self.start), self.width)

    @property
    def stop(self) -> int:
        """The first boundary at or after the end, in microseconds."""
        return ceil(micros(self.end), self.width)

    @property
    def buckets(self) -> int:
        """How many buckets the fetch asks for."""
        return (self.stop - self.first) // self.width

    @property
    def bucket(self) -> timedelta:
        """The width of a bucket."""
        return timedelta(microseconds=self.width)

    @property
    def first_bucket(self) -> datetime:
        """The first boundary at or after the start: the label of the first bucket asked for."""
        return from_micros(self.first)

    @property
    def stop_bucket(self) -> datetime:
        """The first boundary at or after the end: the first label that is not asked for."""
        return from_micros(self.stop)

    def part(self, start: datetime, end: datetime) -> Plan:
        """The fewest requests for a part of this plan's span."""
        return replace(self, start=start, end=end, overlap=0)

    @property
    def _reach(self) -> int:
        """Buckets that one request spans. An answer holds at most one more, so that it never fills the limit."""
        return min(self.span // self.width, self.limit - 2)

    @property
    def _spare(self) -> int:
        """Buckets that a request looks back, beside the one that every request begins early."""
        return self._reach // self.overlap if self.overlap else 0

    @property
    def _step(self) -> int:
        """Buckets that a request owns, but for the first, which has nothing to look back into."""
        return self._reach - 1 - self._spare

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
        start = -1 if index == 0 else first - 1 - self._spare
        end = min(lead + index * self._step, self.buckets)
        return Window(*(from_micros(self.first + bucket * self.width) for bucket in (start, first, end)))

    def __iter__(self) -> Iterator[Window]:
        return (self._window(index) for index in range(len(self)))
