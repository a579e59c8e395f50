"""Series without holes: a row for every bucket, which says of itself whether the server had one.

A row that was not there has no value (``None``), or, if the caller wants it, the value of the last row before it. Only the
latter is ``filled``, so three cases stay apart: what the server said, what was carried, and what nobody knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, overload

from ..errors import UsageError
from ..formats import arrow as frames
from ..formats.arrow import Decimals, Tabular
from ..model.endpoint import OPEN_INTEREST
from ..model.intervals import WIDTHS, Interval, ceil
from ..model.times import from_micros, micros
from ..optional import require

if TYPE_CHECKING:
    import pyarrow as pa

    from .series import OpenInterestSeries

Fill: TypeAlias = Literal["last"] | None
"""What stands in a bucket without a row: nothing, or the value of the last row before it."""


class DenseRow(NamedTuple):
    """One bucket. Without a row the values are None; ``filled`` says that they were carried from an earlier bucket.

    ``provisional`` holds for a value that may still change, and for an empty bucket that may still get one.
    """

    market_id: str
    ts: datetime
    oi_base: Decimal | None
    oi_quote_usd: Decimal | None
    provisional: bool
    filled: bool


class DenseColumns(NamedTuple):
    """Equally long columns of a clock: one of text or None for each decimal field, and two of flags."""

    values: tuple[list[str | None], ...]
    provisional: list[bool]
    filled: list[bool]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class DenseSeries(Tabular, Sequence[DenseRow]):
    """Every bucket with start <= ts < end that had begun when the fetch finished, ascending: see ``densify``."""

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
        base, quote = (decimal(column[index]) for column in self.columns.values)
        flags = self.columns.provisional[index], self.columns.filled[index]
        return DenseRow(self.market_id, self.ts[index], base, quote, *flags)

    def __repr__(self) -> str:
        empty = self.columns.values[0].count(None)
        filled = self.columns.filled.count(True)
        return f"<DenseSeries {self.market_id!r} {self.interval}: {len(self)} rows, {filled} filled, {empty} empty>"

    def to_arrow(self, *, decimals: Decimals = "exact") -> pa.Table:
        """An Arrow table: market_id, ts, oi_base, oi_quote_usd (null where there is none), provisional, filled."""
        pa = require("pyarrow", "arrow")
        plain = clock_table(self.ts).add_column(0, "market_id", [pa.repeat(self.market_id, len(self))])
        plain = append(plain, dict(zip(OPEN_INTEREST.values, self.columns.values, strict=True)), pa.string())
        flags = {"provisional": self.columns.provisional, "filled": self.columns.filled}
        return frames.typed(append(plain, flags, pa.bool_()), OPEN_INTEREST.values, decimals)


def densify(series: OpenInterestSeries, fill: Fill = None) -> DenseSeries:
    """A row for every bucket of the series: see ``OpenInterestSeries.densify``."""
    ts = clock(series)
    return DenseSeries(
        market_id=series.market_id,
        interval=series.interval,
        fill=fill,
        ts=ts,
        columns=on_clock(series, ts, fill),
    )


def clock(series: OpenInterestSeries) -> list[datetime]:
    """Every bucket of the span that had begun when the fetch finished, or that has a row all the same."""
    width = WIDTHS[series.interval]
    stop = ceil(micros(min(series.end, series.provenance.finished)), width)
    if series.columns.ts:
        stop = max(stop, micros(series.columns.ts[-1]) + width)
    return list(map(from_micros, range(ceil(micros(series.start), width), stop, width)))


def on_clock(series: OpenInterestSeries, ts: Sequence[datetime], fill: Fill) -> DenseColumns:
    """The series at the buckets ``ts`` (ascending). What is carried may come from a row before the first of them."""
    if fill not in (None, "last"):
        raise UsageError(f"unknown fill {fill!r:.80}: use None or 'last'")
    source, width = series.columns, WIDTHS[series.interval]
    made = DenseColumns(tuple([] for _ in source.values), [], [])
    row, began = -1, micros(series.provenance.started)
    for stamp in ts:
        while row + 1 < len(source) and source.ts[row + 1] <= stamp:
            row += 1
        here = row >= 0 and source.ts[row] == stamp
        known = here or (fill == "last" and row >= 0)
        for column, values in zip(made.values, source.values, strict=True):
            column.append(values[row] if known else None)
        made.provisional.append((known and source.provisional[row]) or (not here and micros(stamp) + width >= began))
        made.filled.append(known and not here)
    return made


def decimal(text: str | None) -> Decimal | None:
    """The number of a text, exactly."""
    return None if text is None else Decimal(text)


def clock_table(ts: Sequence[datetime]) -> pa.Table:
    """An Arrow table of one column, ts."""
    pa = require("pyarrow", "arrow")
    return pa.table({"ts": pa.array(ts, pa.timestamp("us", tz="UTC"))})


def append(table: pa.Table, columns: dict[str, Any], kind: pa.DataType) -> pa.Table:
    """The table with more columns of one type."""
    pa = require("pyarrow", "arrow")
    for name, column in columns.items():
        table = table.append_column(name, pa.chunked_array([pa.array(column, kind)]))
    return table
