"""What a table holds: each series' rows, complete windows and gaps, from the table's log alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

from ..model.intervals import WIDTHS
from ..model.times import from_micros
from ..sanitize import clean
from .coverage import Series
from .spans import Spans, by_month, month, size, without
from .storage import reported
from .table import Table


@dataclass(frozen=True, slots=True)
class Standing:
    """One series: how many rows it has, what is complete, and in which months how many buckets are there of how many.

    ``gaps`` are spans between complete windows; ``missing`` counts buckets of complete windows that the server lacks.
    """

    series: Series
    rows: int
    provisional: int
    complete: Spans
    months: tuple[tuple[str, int, int], ...]

    @property
    def gaps(self) -> Spans:
        """The spans between the complete windows: a backfill fills them."""
        return without((self.complete[0][0], self.complete[-1][1]), self.complete) if self.complete else ()

    @property
    def missing(self) -> int:
        """Buckets that are known not to be on the server."""
        return size(self.complete) // WIDTHS[self.series[0]] - (self.rows - self.provisional)


def status(table: Table | str | PathLike[str], *, storage_options: dict[str, str] | None = None) -> list[Standing]:
    """The standing of every series, in order. Reads no row: Delta's log counts them. Raises ``StoreError``."""
    if not isinstance(table, Table):
        table = Table(table, options=storage_options)
    counts: dict[Series, dict[str, int]] = {}
    with reported(table.uri):
        actions = table.delta.get_add_actions(flatten=True)
        names = ("partition.interval", "partition.market_id", "partition.month", "num_records")
        columns = [actions.column(name).to_pylist() for name in names]
    for interval, market, label, rows in zip(*columns, strict=True):
        months = counts.setdefault((interval, market), {})
        months[label] = months.get(label, 0) + rows
    coverage = table.coverage
    return [
        _standing(
            series, counts.get(series, {}), coverage.complete.get(series, ()), coverage.provisional.get(series, ())
        )
        for series in sorted(set(counts) | set(coverage.complete))
    ]


def _standing(series: Series, counts: dict[str, int], complete: Spans, provisional: Sequence[int]) -> Standing:
    width, wanted = WIDTHS[series[0]], dict.fromkeys(counts, 0)
    for span in complete:
        for part in by_month(span):
            label = month(part[0])
            wanted[label] = wanted.get(label, 0) + size([part]) // width
    months = tuple((label, counts.get(label, 0), wanted[label]) for label in sorted(wanted))
    return Standing(series, sum(counts.values()), len(provisional), complete, months)


def show(standings: Sequence[Standing]) -> Any:
    """The standings as a rich table."""
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table as Shown

    shown = Shown(box=SIMPLE_HEAD)
    for name in ("market", "interval", "rows", "complete from", "to", "gaps, first", "missing", "provisional"):
        shown.add_column(name, justify="left" if name in ("market", "interval") else "right")
    for one in standings:
        ends = [one.complete[0][0], one.complete[-1][1]] if one.complete else []
        gaps = f"{len(one.gaps)}, {from_micros(one.gaps[0][0]):%Y-%m-%d}" if one.gaps else "0"
        dates = [f"{from_micros(end):%Y-%m-%d %H:%M}" for end in ends] or ["none", "none"]
        counts = (f"{one.missing:,}", f"{one.provisional:,}")
        shown.add_row(escape(clean(one.series[1])), one.series[0], f"{one.rows:,}", *dates, gaps, *counts)
    return shown
