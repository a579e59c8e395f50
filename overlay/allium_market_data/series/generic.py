"""The rows of one market over a span, of any endpoint: its rows, its gaps, and how to get them as frames and files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import MISSING, dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Generic, Self, SupportsIndex, TypeVar, overload

from ..counts import counted
from ..errors import UsageError
from ..formats.arrow import Decimals, RowSchema, Tabular, source_metadata, to_table
from ..formats.files import Format, Path, write
from ..formats.read_file import read_file
from ..model.endpoint import Endpoint
from ..model.intervals import Interval
from ..model.rows import EXACT
from ..model.times import to_iso
from ..validation import Instant
from .base import SeriesBase
from .dense import DenseSeries, Fill, densify
from .display import Displayed
from .from_frame import from_frame
from .plot import Scale, plot
from .resample import Label, resample
from .select import between, row_number, select

if TYPE_CHECKING:
    import pyarrow as pa
    from matplotlib.axes import Axes

RecordT = TypeVar("RecordT")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Series(Displayed, SeriesBase, Tabular, Generic[RecordT]):
    """Every row of one market with start <= ts < end, ascending and each once.

    It is read like a list of records: ``len``, ``in``, iteration, an index or a slice. ``polars.DataFrame``,
    ``pandas.DataFrame``, ``pyarrow.table`` and everything else that reads Arrow take it as it is, with exact decimals.

    ``unknown_fields`` counts, for each field that the specification does not name, the rows or responses that had it.
    Two series are equal if market, interval, span and records are equal; their provenance does not matter.
    Raises ``UsageError`` for columns of different lengths, or whose ends do not fit the span or the interval.
    """

    def __iter__(self) -> Iterator[RecordT]:
        return self.columns.records(self.market_id, self.endpoint.record)

    @overload
    def __getitem__(self, index: SupportsIndex) -> RecordT: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: SupportsIndex | slice) -> RecordT | Self:
        """A record, or the series of a range of rows or of a span of time: ``series[:10]``, ``series["2026-05-02":]``.

        A slice by time works as ``between`` does. A slice by rows that omits the first (last) rows starts at its first row
        (ends at the first row after it), so a gap between two slices belongs to the earlier one and none is lost. A step
        raises ``UsageError``, since the skipped rows would look like gaps; ``list(series)[::n]`` gives every n-th record.
        """
        if isinstance(index, slice):
            return select(self, index)
        position = row_number(index, len(self))
        record: RecordT = next(self.columns[position : position + 1].records(self.market_id, self.endpoint.record))
        return record

    def between(self, start: Instant | None = None, end: Instant | None = None) -> Self:
        """The series over the part of its span with start <= ts < end, with the gaps in it. None leaves an end as it is.

        The result never covers more than this series does: its ``start`` and ``end`` say what it covers.
        Raises ``UsageError`` for a time that cannot be read, or a start after the end.
        """
        return between(self, start, end)

    def head(self, rows: int = 5) -> Self:
        """The series of the first rows."""
        return self[:rows]

    def tail(self, rows: int = 5) -> Self:
        """The series of the last rows."""
        return self[max(len(self) - rows, 0) :]

    @property
    def ts(self) -> Sequence[datetime]:
        """The timestamp of each row, aware UTC datetimes."""
        return self.columns.ts

    def values(self, column: str) -> list[Decimal]:
        """The decimals of a column, each exact. Raises ``UsageError`` for an unknown name."""
        return list(map(EXACT.create_decimal, self.texts(column)))

    def to_dicts(self) -> list[dict[str, Any]]:
        """Each row as a dictionary: market_id, ts, the decimals, and provisional."""
        names = ("market_id", "ts", *self.endpoint.columns, "provisional")
        rows: Iterator[tuple[Any, ...]] = self.columns.records(self.market_id, lambda *cells: cells)
        return [dict(zip(names, row, strict=True)) for row in rows]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Series):
            return NotImplemented
        mine, theirs = self.columns, other.columns
        return (
            (self.market_id, self.interval, self.start, self.end, self.endpoint.columns)
            == (other.market_id, other.interval, other.start, other.end, other.endpoint.columns)
            and (mine.ts, mine.provisional) == (theirs.ts, theirs.provisional)
            and all(map(_equal_numbers, mine.values, theirs.values))
        )

    __hash__ = None  # type: ignore[assignment]

    def _title(self) -> str:
        gaps, provisional = self.gaps(), self.columns.provisional.count(True)
        missing = sum(gap.buckets for gap in gaps)
        gap_text = f"{counted(len(gaps), 'gap')} of {counted(missing, 'bucket')}" if gaps else "no gaps"
        return (
            f"{type(self).__name__} {self.market_id!r} {self.interval} {self._span}: {counted(len(self), 'row')}, {gap_text}, "
            f"{provisional} provisional"
        )

    def _headings(self) -> Sequence[str]:
        return ("ts", *self.endpoint.columns, "")

    def _cells(self, row: int) -> Sequence[str]:
        columns = self.columns
        texts = [column[row] for column in columns.values]
        return (to_iso(columns.ts[row]), *texts, "provisional" if columns.provisional[row] else "")

    def _row_count(self) -> int:
        return len(self)

    @property
    def provisional(self) -> tuple[RecordT, ...]:
        """The records of buckets that had not ended when they were requested: their values may still change."""
        flags = self.columns.provisional
        return tuple(self[row] for row, flag in enumerate(flags) if flag) if True in flags else ()

    def resample(self, interval: Interval, *, label: Label = "start") -> Self:
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

    def plot(self, *, axes: Axes | None = None, amount: str | None = None, scale: Scale = "linear") -> Axes:
        """Draw the series and return matplotlib's Axes: gaps as gaps, provisional rows marked, time in UTC.

        ``amount`` is a decimal column, by default the last one; ``scale`` is ``"linear"``, ``"log"`` or ``"index"``.
        """
        return plot(self, axes=axes, amount=amount, scale=scale)

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
        endpoint: Endpoint | None = None,
    ) -> Self:
        """A series from the rows of one market in ``frame``: an Arrow table or anything with the Arrow PyCapsule interface.

        Required are the columns market_id, ts, those of the decimals (exact decimals or their text) and provisional, in any
        order of rows; a column ``interval`` selects rows too. ``market_id``, ``interval``, ``start`` and ``end`` may be
        omitted if the table or its metadata determines them. By passing a span, the caller asserts that the table is
        complete over it: a bucket without a row there is a gap. A span beyond that of the metadata is refused.

        ``fetched`` is when the rows were fetched. It defaults to the latest ``fetched_at`` of the rows if there is such a
        column; else to the end of the earliest provisional bucket, or the end of the span if no row is provisional.
        The provenance holds what the metadata says, else ``"unknown"``, with no windows and no requests.
        Raises ``UsageError`` for any other table, and for one in which a bucket occurs twice.
        """
        return from_frame(cls, cls._endpoint(endpoint), frame, market_id, interval, start, end, fetched)

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
        endpoint: Endpoint | None = None,
    ) -> Self:
        """A series from a CSV, JSON Lines, Parquet or Arrow file, as its suffix says; the arguments are those of ``from_frame``.

        Parquet and Arrow files that this package wrote say what their rows are. CSV and JSON Lines do not say over which span
        they are complete, so those need ``interval``, ``start`` and ``end``. Raises ``UsageError`` for any other file.
        """
        table = read_file(path, cls._endpoint(endpoint).columns)
        return cls.from_frame(
            table,
            market_id=market_id,
            interval=interval,
            start=start,
            end=end,
            fetched=fetched,
            endpoint=endpoint,
        )

    @classmethod
    def _endpoint(cls, endpoint: Endpoint | None) -> Endpoint:
        """The endpoint of a series of this class. Only a subclass has a default."""
        default = next(each.default for each in fields(cls) if each.name == "endpoint")
        if endpoint is None and default is MISSING:
            raise UsageError("pass endpoint=, whose rows these are")
        return default if endpoint is None else endpoint  # type: ignore[return-value]

    def to_arrow(self, *, decimals: Decimals = "exact") -> pa.Table:
        """An Arrow table: market_id, ts (microseconds, UTC), the decimals, provisional; its metadata says the source.

        Exact decimals are decimal128(38, 18) if every value of a column fits, else decimal128(38, s), else
        decimal256(76, s), with the smallest scale s that fits. Nothing is rounded: a value that fits none of them raises
        ``PrecisionError``. ``decimals="text"`` keeps the text of the server; ``"float"`` gives the nearest floats.
        """
        schema = RowSchema(fields=self.endpoint.columns, decimals=decimals, metadata=self._metadata())
        return to_table([(self.market_id, self.columns)], self.interval, schema)

    def to_csv(self, path: Path, *, overwrite: bool = False) -> int:
        """Write CSV: market_id, ts, the decimals, provisional (true or false). Returns the number of rows.

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
        options |= {"interval": self.interval, "fields": self.endpoint.columns, "metadata": self._metadata()}
        return write(pages, path, file_format, **options)

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
