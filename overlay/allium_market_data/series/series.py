"""The open interest of one market over a span: its rows, its gaps, and how to get them as frames and files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, overload

from ..errors import UsageError
from ..formats.arrow import Decimals, RowSchema, Tabular, source_metadata, to_table
from ..formats.files import Format, Path, write
from ..formats.read_file import read_file
from ..model.endpoint import OPEN_INTEREST
from ..model.intervals import Interval
from ..model.rows import OpenInterest
from ..validation import Instant, check_choice
from .base import Amount, SeriesBase
from .dense import DenseSeries, Fill, densify
from .from_frame import from_frame
from .plot import plot
from .price import decimal_prices, float_prices
from .resample import Label, resample

if TYPE_CHECKING:
    import pyarrow as pa
    from matplotlib.axes import Axes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class OpenInterestSeries(SeriesBase, Tabular):
    """Every row of one market with start <= ts < end, ascending and each once.

    It is read like a list of ``OpenInterest``: ``len``, ``in``, iteration, an index or a slice. ``polars.DataFrame``,
    ``pandas.DataFrame``, ``pyarrow.table`` and everything else that reads Arrow take it as it is, with exact decimals.

    ``unknown_fields`` counts, for each field that the specification does not name, the rows or responses that had it.
    Two series are equal if market, interval, span and records are equal; their provenance does not matter.
    Raises ``UsageError`` for columns of different lengths, or whose ends do not fit the span or the interval.
    """

    def __iter__(self) -> Iterator[OpenInterest]:
        return self.columns.records(self.market_id)

    @overload
    def __getitem__(self, index: int) -> OpenInterest: ...
    @overload
    def __getitem__(self, index: slice) -> OpenInterestSeries: ...
    def __getitem__(self, index: int | slice) -> OpenInterest | OpenInterestSeries:
        """A record, or the series of a range of rows.

        A slice that omits the first (last) rows starts at its first row (ends at the first row after it), so a gap
        between two slices belongs to the earlier one and none is lost. A step raises ``UsageError``, since the skipped
        rows would look like gaps; ``list(series)[::n]`` gives every n-th record.
        """
        if isinstance(index, slice):
            return self._slice(index)
        position = range(len(self))[index]
        return next(self.columns[position : position + 1].records(self.market_id))

    def _slice(self, part: slice) -> OpenInterestSeries:
        if part.step not in (None, 1):
            bounds = ":".join("" if bound is None else str(bound) for bound in (part.start, part.stop, part.step))
            raise UsageError(f"a series cannot be sliced with a step: use list(series)[{bounds}] for records")
        first, stop, _ = part.indices(len(self))
        stop, ts = max(first, stop), self.columns.ts
        start = self.start if first == 0 else ts[first] if first < len(self) else self.end
        end = self.end if stop == len(self) else ts[stop]
        if first == stop and len(self):  # an empty slice has an empty span, so that it has no gaps
            end = start
        return replace(self, start=start, end=end, columns=self.columns[first:stop])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, OpenInterestSeries):
            return NotImplemented
        mine, theirs = self.columns, other.columns
        return (
            (self.market_id, self.interval, self.start, self.end)
            == (other.market_id, other.interval, other.start, other.end)
            and (mine.ts, mine.provisional) == (theirs.ts, theirs.provisional)
            and all(map(_equal_numbers, mine.values, theirs.values))
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        gaps, provisional = self.gaps(), self.columns.provisional.count(True)
        missing = sum(gap.buckets for gap in gaps)
        return (
            f"<OpenInterestSeries {self.market_id!r} {self.interval} {self._span}: {len(self)} rows, "
            f"{len(gaps)} gaps of {missing} buckets, {provisional} provisional>"
        )

    @property
    def provisional(self) -> tuple[OpenInterest, ...]:
        """The records of buckets that had not ended when they were requested: their values may still change."""
        flags = self.columns.provisional
        return tuple(self[row] for row, flag in enumerate(flags) if flag) if True in flags else ()

    def resample(self, interval: Interval, *, label: Label = "start") -> OpenInterestSeries:
        """The series at a coarser interval: the last value of each coarser bucket, as the server would return it.

        ``label`` is what ``ts`` names, which the specification leaves open: the start of a bucket or its end. A coarser
        bucket that the span covers only in part is omitted, and the span shrinks accordingly. The exception is the last
        bucket if nothing after the span had begun when it was fetched. A bucket is provisional if it had not ended when the
        fetch began, or if it has a provisional row. Raises ``UsageError`` for an interval that is not a multiple.
        """
        return resample(self, interval, label)

    def densify(self, *, fill: Fill = None) -> DenseSeries:
        """A row for every bucket of the span that had begun when the fetch finished: the rows, and those of ``gaps()``.

        A bucket without a row has the values None or, with ``fill="last"``, those of the last row before it, marked
        ``filled``. Before the first row there is nothing to carry forward, so the values stay None.
        """
        return densify(self, fill)

    @overload
    def implied_price(self, *, decimals: Literal["exact"] = "exact", digits: int = 28) -> list[Decimal | None]: ...
    @overload
    def implied_price(self, *, decimals: Literal["float"]) -> list[float | None]: ...
    def implied_price(
        self, *, decimals: Literal["exact", "float"] = "exact", digits: int = 28
    ) -> list[Decimal | None] | list[float | None]:
        """The price of each row in US dollars, oi_quote_usd / oi_base, or None where the base is zero.

        ``"exact"`` gives Decimals, rounded once, half to even, to ``digits`` significant digits. ``"float"`` gives the
        floats nearest to the exact quotients, and raises ``PrecisionError`` for one that is out of range.
        """
        check_choice("decimals", decimals, ("exact", "float"))
        return decimal_prices(self, digits) if decimals == "exact" else float_prices(self)

    def plot(self, *, axes: Axes | None = None, amount: Amount = "oi_quote_usd") -> Axes:
        """Draw the series and return matplotlib's Axes: gaps as gaps, provisional rows marked, time in UTC."""
        return plot(self, axes=axes, amount=amount)

    @classmethod
    def from_frame(
        cls,
        frame: object,
        *,
        market_id: str | None = None,
        interval: Interval | None = None,
        start: Instant | None = None,
        end: Instant | None = None,
        fetched: Instant | None = None,
    ) -> OpenInterestSeries:
        """A series from the rows of one market in ``frame``: an Arrow table or anything with the Arrow PyCapsule interface.

        Required are the columns market_id, ts, oi_base, oi_quote_usd (exact decimals or their text) and provisional, in
        any order of rows; a column ``interval`` selects rows too. ``market_id``, ``interval``, ``start`` and ``end`` may
        be omitted if the table or its metadata determines them. By passing a span, the caller asserts that the table is
        complete over it: a bucket without a row there is a gap. A span beyond that of the metadata is refused.

        ``fetched`` is when the rows were fetched. It defaults to the latest ``fetched_at`` of the rows if there is such a
        column; else to the end of the earliest provisional bucket, or the end of the span if no row is provisional.
        The provenance holds what the metadata says, else ``"unknown"``, with no windows and no requests.
        Raises ``UsageError`` for any other table, and for one in which a bucket occurs twice.
        """
        return from_frame(cls, frame, market_id, interval, start, end, fetched)

    @classmethod
    def from_file(
        cls,
        path: Path,
        *,
        market_id: str | None = None,
        interval: Interval | None = None,
        start: Instant | None = None,
        end: Instant | None = None,
        fetched: Instant | None = None,
    ) -> OpenInterestSeries:
        """A series from a CSV, JSON Lines, Parquet or Arrow file, as its suffix says; the arguments are those of ``from_frame``.

        Parquet and Arrow files that this package wrote say what their rows are. CSV and JSON Lines do not say over which span
        they are complete, so those need ``interval``, ``start`` and ``end``. Raises ``UsageError`` for any other file.
        """
        return from_frame(cls, read_file(path, OPEN_INTEREST.columns), market_id, interval, start, end, fetched)

    def to_arrow(self, *, decimals: Decimals = "exact") -> pa.Table:
        """An Arrow table: market_id, ts (microseconds, UTC), oi_base, oi_quote_usd, provisional; its metadata says the source.

        Exact decimals are decimal128(38, 18) if every value of a column fits, else decimal128(38, s), else
        decimal256(76, s), with the smallest scale s that fits. Nothing is rounded: a value that fits none of them raises
        ``PrecisionError``. ``decimals="text"`` keeps the text of the server; ``"float"`` gives the nearest floats.
        """
        schema = RowSchema(decimals=decimals, metadata=self._metadata())
        return to_table([(self.market_id, self.columns)], self.interval, schema)

    def to_csv(self, path: Path, *, overwrite: bool = False) -> int:
        """Write CSV: market_id, ts, oi_base, oi_quote_usd, provisional (true or false). Returns the number of rows.

        Decimals are written as the server wrote them; ``from_file`` reads them back. Like all files it appears complete
        or not at all, and an existing file is kept unless ``overwrite`` is true.
        Raises ``OutputError``.
        """
        return self._write(path, "csv", overwrite=overwrite)

    def to_jsonl(self, path: Path, *, overwrite: bool = False) -> int:
        """Write JSON Lines with the fields of ``to_csv``: strings, and a boolean. Returns the number of rows."""
        return self._write(path, "jsonl", overwrite=overwrite)

    def to_parquet(self, path: Path, *, overwrite: bool = False, decimals: Decimals = "exact") -> int:
        """Write Parquet with the columns, types and metadata of ``to_arrow``. Returns the number of rows."""
        return self._write(path, "parquet", overwrite=overwrite, decimals=decimals)

    def _write(self, path: Path, file_format: Format, **options: Any) -> int:
        pages = [(self.market_id, self.columns)]
        return write(pages, path, file_format, interval=self.interval, metadata=self._metadata(), **options)

    def _metadata(self) -> dict[str, str]:
        return source_metadata(
            interval=self.interval,
            start=self.start,
            end=self.end,
            base_url=self.provenance.base_url,
            specification=self.provenance.specification,
            client_version=self.provenance.client_version,
        )


def _equal_numbers(mine: list[str], theirs: list[str]) -> bool:
    """Whether two columns hold the same numbers: 1.50 equals 1.5. Comparing text first is faster."""
    return mine == theirs or (
        len(mine) == len(theirs) and all(a == b or Decimal(a) == Decimal(b) for a, b in zip(mine, theirs, strict=True))
    )
