"""The windows that a table is missing, as tasks of a size to fetch and commit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from ..client.plan import plan
from ..model.endpoint import OPEN_INTEREST, Endpoint
from ..model.intervals import WIDTHS, Interval, ceil, floor
from ..model.rows import Columns
from ..model.times import from_micros, micros, to_iso
from .coverage import Coverage, SeriesKey
from .spans import Span, split_by_month, subtract


@dataclass(frozen=True, slots=True)
class Task:
    """One series over a span inside one month, on bucket boundaries: fetched completely, or not at all."""

    key: SeriesKey
    span: Span
    endpoint: Endpoint = field(default=OPEN_INTEREST, compare=False, repr=False)

    @property
    def requests(self) -> int:
        """The requests that it takes if no response is short."""
        return len(plan(self.endpoint, self.key[0], from_micros(self.span[0]), from_micros(self.span[1])))

    @property
    def buckets(self) -> int:
        """The largest number of rows that it can have."""
        return (self.span[1] - self.span[0]) // WIDTHS[self.key[0]]

    def closed_until(self, columns: Columns) -> int:
        """The end of the closed buckets among its rows: the first provisional row, or the end of the span."""
        flags = columns.provisional
        return micros(columns.ts[flags.index(True)]) if True in flags else self.span[1]

    def __str__(self) -> str:
        start, end = (to_iso(from_micros(moment)) for moment in self.span)
        return f"{self.key[1]} {self.key[0]} {start} to {end}"


def closed_span(interval: Interval, start: int, end: int, now: int) -> Span:
    """The buckets labelled start <= ts < end that have ended at ``now``.

    If the server labels a bucket with its end, such a bucket has ended even earlier, so this is safe under both readings.
    """
    width = WIDTHS[interval]
    first = ceil(start, width)
    return first, max(first, min(ceil(end, width), floor(now, width)))


def plan_missing(
    markets: Iterable[str],
    interval: Interval,
    span: Span,
    coverage: Coverage,
    first: Mapping[SeriesKey, int] = MappingProxyType({}),
    endpoint: Endpoint = OPEN_INTEREST,
) -> Iterator[Task]:
    """Tasks for everything in ``span`` that is not complete, by month, and by market within a month.

    ``first`` has where the rows of a series begin; nothing before it is planned.

    A task stays within a month, so it writes one partition, and no two tasks overlap.
    """
    distinct = list(dict.fromkeys(markets))
    for part in split_by_month(span):
        for market in distinct:
            key = (interval, market)
            start = max(part[0], first.get(key, part[0]))
            for missing in subtract((start, part[1]), coverage.complete.get(key, ())):
                yield Task(key, missing, endpoint)


def group_tasks(tasks: Sequence[Task], rows: int) -> Iterator[tuple[Task, ...]]:
    """Tasks in order, in groups of about ``rows`` rows. A worker of a cluster commits a group at once."""
    group: list[Task] = []
    for task in tasks:
        group.append(task)
        if sum(member.buckets for member in group) >= rows:
            yield tuple(group)
            group = []
    if group:
        yield tuple(group)
