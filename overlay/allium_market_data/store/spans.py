"""Sets of instants as sorted, disjoint, half-open ranges of whole microseconds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TypeAlias

from ..model.times import from_micros, micros

Span: TypeAlias = tuple[int, int]
"""Every instant with start <= instant < end, in microseconds since 1970-01-01T00:00:00Z."""

Spans: TypeAlias = tuple[Span, ...]
"""Sorted; no two overlap or touch."""


def union(parts: Iterable[Span]) -> Spans:
    """The instants that lie in any of the parts. Empty parts are ignored."""
    joined: list[Span] = []
    for start, end in sorted(part for part in parts if part[0] < part[1]):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return tuple(joined)


def subtract(whole: Span, taken: Spans) -> Spans:
    """The parts of ``whole`` that lie in none of ``taken``."""
    start, end = whole
    left: list[Span] = []
    for low, high in taken:
        if high <= start or low >= end:
            continue
        if start < low:
            left.append((start, low))
        start = high
    if start < end:
        left.append((start, end))
    return tuple(left)


def contains(spans: Iterable[Span], instant: int) -> bool:
    """True if the instant lies in one of the spans."""
    return any(start <= instant < end for start, end in spans)


def overlaps(spans: Iterable[Span], other: Span) -> bool:
    """True if some instant lies in one of the spans and in the other."""
    return any(start < other[1] and other[0] < end for start, end in spans)


def remove(spans: Spans, removed: Iterable[Span]) -> Spans:
    """The instants of ``spans`` that lie in none of ``removed``."""
    taken = union(removed)
    return tuple(part for span in spans for part in subtract(span, taken))


def intersect(spans: Iterable[Span], other: Span) -> Spans:
    """The instants of ``spans`` that lie in ``other``."""
    return union((max(start, other[0]), min(end, other[1])) for start, end in spans)


def total_length(spans: Iterable[Span]) -> int:
    """The number of microseconds in the spans."""
    return sum(end - start for start, end in spans)


def split_by_month(span: Span) -> Iterator[Span]:
    """Split the span where a month begins in UTC."""
    start, end = span
    while start < end:
        stop = min(end, _next_month(start))
        yield start, stop
        start = stop


def month_of(instant: int) -> str:
    """The month of an instant in UTC, as yyyy-mm."""
    return f"{from_micros(instant):%Y-%m}"


def month_span(month: str) -> Span:
    """The span of a month that is written yyyy-mm."""
    start = micros(datetime(int(month[:4]), int(month[5:]), 1, tzinfo=UTC))
    return start, _next_month(start)


def _next_month(instant: int) -> int:
    moment = from_micros(instant)
    year, index = divmod(moment.year * 12 + moment.month, 12)
    return micros(datetime(year, index + 1, 1, tzinfo=moment.tzinfo))
