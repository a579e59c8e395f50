"""Sets of instants as sorted, disjoint, half-open ranges of whole microseconds. Pure."""

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
    """Whatever lies in any of the parts; empty parts vanish."""
    joined: list[Span] = []
    for start, end in sorted(part for part in parts if part[0] < part[1]):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return tuple(joined)


def without(whole: Span, taken: Spans) -> Spans:
    """What of ``whole`` lies in none of ``taken``."""
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


def size(spans: Iterable[Span]) -> int:
    """How many microseconds lie in the spans."""
    return sum(end - start for start, end in spans)


def by_month(span: Span) -> Iterator[Span]:
    """The span, cut where months begin in UTC."""
    start, end = span
    while start < end:
        stop = min(end, _next_month(start))
        yield start, stop
        start = stop


def month(instant: int) -> str:
    """The month of an instant in UTC, as yyyy-mm."""
    return f"{from_micros(instant):%Y-%m}"


def span_of(label: str) -> Span:
    """The whole of a month that is named as ``month`` names it."""
    start = micros(datetime.strptime(label, "%Y-%m").replace(tzinfo=UTC))
    return start, _next_month(start)


def _next_month(instant: int) -> int:
    moment = from_micros(instant)
    year, index = divmod(moment.year * 12 + moment.month, 12)
    return micros(datetime(year, index + 1, 1, tzinfo=moment.tzinfo))
