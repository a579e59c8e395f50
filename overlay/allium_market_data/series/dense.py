"""Series without gaps: one row for every bucket, marked with whether the server had a row for it.

A bucket without a row has no value (``None``) or, on request, the value of the last row before it. Only the latter is
``filled``, so a value of the server, a value carried forward and an unknown value can be distinguished.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, overload

from ..counts import counted
from ..formats.arrow import Decimals, Tabular, typed
from ..model.endpoint import Endpoint
from ..model.intervals import WIDTHS, Interval, ceil
from ..model.times import from_micros, micros, to_iso
from ..optional import require
from ..validation import check_choice
from .base import SeriesBase
from .display import Displayed

if TYPE_CHECKING:
    import pyarrow as pa

Fill: TypeAlias = Literal["last"] | None
"""The value of a bucket without a row: none, or that of the last row before it."""


class DenseRow(NamedTuple):
    """One bucket. Without a row the values are None; ``filled`` marks values carried forward from an earlier bucket.

    ``provisional`` marks a value that may still change, and an empty bucket that may still get one. The rows of an endpoint
    with other decimals have those in place of these two.
    """

    market_id: str
    ts: datetime
    oi_base: Decimal | None
    oi_quote_usd: Decimal | None
    provisional: bool
    filled: bool


@cache
def row_class(columns: tuple[str, ...]) -> Callable[..., DenseRow]:
    """The class of the dense rows of an endpoint with these decimals."""
    names = ("market_id", "ts", *columns, "provisional", "filled")
    return DenseRow if names == DenseRow._fields else namedtuple("DenseRow", names)  # type: ignore[return-value]


class DenseColumns(NamedTuple):
    """Columns of equal length: one of text or None for each decimal field, and two of flags."""

    values: tuple[list[str | None], ...]
    provisional: list[bool]
    filled: list[bool]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class DenseSeries(Displayed, Tabular):
    """Every bucket with start <= ts < end that had begun when the fetch finished, ascending: see ``densify``.

    ``columns`` stores the rows. It is internal: users have rows and frames.
    """

    endpoint: Endpoint
    market_id: str
    interval: Interval
    fill: Fill
    ts: list[datetime]
    columns: DenseColumns

    def __len__(self) -> int:
        return len(self.ts)

    def __iter__(self) -> Iterator[DenseRow]:
        return map(self.__getitem__, range(len(self)))

    @overload
    def __getitem__(self, index: int) -> DenseRow: ...
    @overload
    def __getitem__(self, index: slice) -> list[DenseRow]: ...
    def __getitem__(self, index: int | slice) -> DenseRow | list[DenseRow]:
        """A row, or a list of rows."""
        if isinstance(index, slice):
            return [self[row] for row in range(len(self))[index]]
        texts = (column[index] for column in self.columns.values)
        values = (None if text is None else Decimal(text) for text in texts)
        flags = self.columns.provisional[index], self.columns.filled[index]
        return row_class(self.endpoint.columns)(self.market_id, self.ts[index], *values, *flags)

    def _title(self) -> str:
        empty = self.columns.values[0].count(None)
        filled = self.columns.filled.count(True)
        return f"DenseSeries {self.market_id!r} {self.interval}: {counted(len(self), 'row')}, {filled} filled, {empty} empty"

    def _headings(self) -> Sequence[str]:
        return ("ts", *self.endpoint.columns, "", "")

    def _cells(self, row: int) -> Sequence[str]:
        texts = [column[row] for column in self.columns.values]
        flags = ("provisional", self.columns.provisional[row]), ("filled", self.columns.filled[row])
        return (to_iso(self.ts[row]), *(text or "-" for text in texts), *(name if flag else "" for name, flag in flags))

    def _row_count(self) -> int:
        return len(self)

    def to_arrow(self, *, decimals: Decimals = "exact") -> pa.Table:
        """An Arrow table: market_id, ts, the decimals (null where unknown), provisional, filled."""
        pa = require("pyarrow", "arrow")
        table = time_table(self.ts).add_column(0, "market_id", [pa.repeat(self.market_id, len(self))])
        table = append(table, dict(zip(self.endpoint.columns, self.columns.values, strict=True)), pa.string())
        flags = {"provisional": self.columns.provisional, "filled": self.columns.filled}
        return typed(append(table, flags, pa.bool_()), self.endpoint.columns, decimals)


def densify(series: SeriesBase, fill: Fill = None) -> DenseSeries:
    """A row for every bucket of the series: see ``Series.densify``."""
    ts = bucket_times(series)
    return DenseSeries(
        endpoint=series.endpoint,
        market_id=series.market_id,
        interval=series.interval,
        fill=fill,
        ts=ts,
        columns=dense_columns(series, ts, fill),
    )


def bucket_times(series: SeriesBase) -> list[datetime]:
    """The start of every bucket of the span that had begun when the fetch finished, or that has a row all the same."""
    width = WIDTHS[series.interval]
    stop = ceil(micros(min(series.end, series.provenance.finished)), width)
    if series.columns.ts:
        stop = max(stop, micros(series.columns.ts[-1]) + width)
    return list(map(from_micros, range(ceil(micros(series.start), width), stop, width)))


def dense_columns(series: SeriesBase, ts: Sequence[datetime], fill: Fill) -> DenseColumns:
    """The series at the buckets ``ts`` (ascending). A value carried forward may come from a row before the first of them."""
    check_choice("fill", fill, (None, "last"))
    source, width = series.columns, WIDTHS[series.interval]
    dense = DenseColumns(tuple([] for _ in source.values), [], [])
    row, began = -1, micros(series.provenance.started)
    for stamp in ts:
        while row + 1 < len(source) and source.ts[row + 1] <= stamp:
            row += 1
        has_row = row >= 0 and source.ts[row] == stamp
        has_value = has_row or (fill == "last" and row >= 0)
        for column, values in zip(dense.values, source.values, strict=True):
            column.append(values[row] if has_value else None)
        may_come = not has_row and micros(stamp) + width >= began
        dense.provisional.append(may_come or (has_value and source.provisional[row]))
        dense.filled.append(has_value and not has_row)
    return dense


def time_table(ts: Sequence[datetime]) -> pa.Table:
    """An Arrow table of one column, ts."""
    pa = require("pyarrow", "arrow")
    return pa.table({"ts": pa.array(ts, pa.timestamp("us", tz="UTC"))})


def append(table: pa.Table, columns: dict[str, Any], kind: pa.DataType) -> pa.Table:
    """The table with further columns of one type."""
    pa = require("pyarrow", "arrow")
    for name, column in columns.items():
        table = table.append_column(name, pa.chunked_array([pa.array(column, kind)]))
    return table
