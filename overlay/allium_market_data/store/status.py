"""What a table holds: rows, complete windows and gaps of each series, from the table's log."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike

from ..model.endpoint import OPEN_INTEREST, Endpoint
from ..model.intervals import WIDTHS
from .coverage import Coverage, SeriesKey
from .schema import is_partition
from .spans import Spans, contains, month_of, split_by_month, subtract, total_length
from .table import Table


@dataclass(frozen=True, slots=True)
class SeriesStatus:
    """The rows and complete windows of one series. ``months`` has (month, rows, buckets of complete windows) each.

    A retired market is left out of updates. ``outside`` counts the rows outside the complete windows.
    """

    key: SeriesKey
    rows: int
    provisional: int
    complete: Spans
    months: tuple[tuple[str, int, int], ...]
    retired: bool = False
    outside: int = 0

    @property
    def gaps(self) -> Spans:
        """The spans between the complete windows. A backfill fetches them."""
        return subtract((self.complete[0][0], self.complete[-1][1]), self.complete) if self.complete else ()

    @property
    def missing(self) -> int:
        """The number of buckets in complete windows for which the server has no row."""
        return total_length(self.complete) // WIDTHS[self.key[0]] - (self.rows - self.outside)


def status(
    table: Table | str | PathLike[str],
    *,
    endpoint: Endpoint = OPEN_INTEREST,
    storage_options: dict[str, str] | None = None,
) -> list[SeriesStatus]:
    """The status of every series, in order. Raises ``StoreError``.

    Delta's log counts the rows; only those of windows that were taken out are read.
    """
    if not isinstance(table, Table):
        table = Table(table, endpoint=endpoint, storage_options=storage_options)
    counts: dict[SeriesKey, dict[str, int]] = {}
    with table.storage_errors():
        actions = table.delta.get_add_actions(flatten=True)
        names = ("partition.interval", "partition.market_id", "partition.month", "num_records")
        columns = [actions.column(name).to_pylist() for name in names]
    for interval, market, month, rows in zip(*columns, strict=True):
        if is_partition(interval, market, month):
            months = counts.setdefault((interval, market), {})
            months[month] = months.get(month, 0) + rows
    return [
        _series_status(key, counts.get(key, {}), table.coverage, rows_outside(table, key))
        for key in sorted(table.coverage.keys | set(counts))
    ]


def rows_outside(table: Table, key: SeriesKey) -> int:
    """The number of rows outside the complete windows: provisional ones, and those in windows that were taken out."""
    forgotten = table.coverage.forgotten.get(key, ())
    spans = [(key, span) for span in forgotten]
    taken_out = sum(map(len, table.read_rows(spans))) if spans else 0
    return taken_out + sum(not contains(forgotten, label) for label in table.coverage.provisional.get(key, ()))


def _series_status(key: SeriesKey, counts: dict[str, int], coverage: Coverage, outside: int) -> SeriesStatus:
    width, buckets = WIDTHS[key[0]], dict.fromkeys(counts, 0)
    complete, provisional = coverage.complete.get(key, ()), coverage.provisional.get(key, ())
    for span in complete:
        for part in split_by_month(span):
            month = month_of(part[0])
            buckets[month] = buckets.get(month, 0) + total_length([part]) // width
    months = tuple((month, counts.get(month, 0), buckets[month]) for month in sorted(buckets))
    retired, rows = key[1] in coverage.retired, sum(counts.values())
    return SeriesStatus(key, rows, len(provisional), complete, months, retired, outside)
