"""Which windows a table still lacks, as tasks of a size to fetch and to commit. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..client.plan import plan
from ..model.endpoint import OPEN_INTEREST
from ..model.intervals import WIDTHS, Interval, ceil, floor
from ..model.rows import Columns
from ..model.times import from_micros, micros, to_iso
from .coverage import Coverage, Series
from .spans import Span, by_month, without


@dataclass(frozen=True, slots=True)
class Task:
    """One series over a span inside one month, on bucket boundaries: fetched by one complete call, or not at all."""

    series: Series
    span: Span

    @property
    def requests(self) -> int:
        """How many requests it takes when no answer is short."""
        return len(plan(OPEN_INTEREST, self.series[0], from_micros(self.span[0]), from_micros(self.span[1])))

    @property
    def buckets(self) -> int:
        """How many rows it brings at most."""
        return (self.span[1] - self.span[0]) // WIDTHS[self.series[0]]

    def closed_until(self, columns: Columns) -> int:
        """Where the closed buckets of its rows end: at the first provisional one, or with the span."""
        flags = columns.provisional
        return micros(columns.ts[flags.index(True)]) if True in flags else self.span[1]

    def __str__(self) -> str:
        return f"{self.series[1]} {self.series[0]} {to_iso(from_micros(self.span[0]))} to {to_iso(from_micros(self.span[1]))}"


def closed(interval: Interval, start: int, end: int, now: int) -> Span:
    """The buckets labelled start <= ts < end that are over at ``now`` under every reading of a label, as a span.

    A label may name the end of its bucket, so nothing is lost by asking for one whose start and end are past.
    """
    width = WIDTHS[interval]
    first = ceil(start, width)
    return first, max(first, min(ceil(end, width), floor(now, width)))


def lacking(markets: Iterable[str], interval: Interval, span: Span, coverage: Coverage) -> Iterator[Task]:
    """The tasks for everything in ``span`` that is not complete: month by month, and in each, market by market.

    A task never crosses a month's border, so that it writes one partition, and two of them never meet in one.
    """
    wanted = list(dict.fromkeys(markets))
    for part in by_month(span):
        for market in wanted:
            series = (interval, market)
            for left in without(part, coverage.complete.get(series, ())):
                yield Task(series, left)


def grouped(tasks: Sequence[Task], rows: int) -> Iterator[tuple[Task, ...]]:
    """Tasks in groups of about so many rows, in order: what one commit of one worker holds."""
    group: list[Task] = []
    for task in tasks:
        group.append(task)
        if sum(one.buckets for one in group) >= rows:
            yield tuple(group)
            group = []
    if group:
        yield tuple(group)
