"""The open interest of one market over a span: rows, the gaps between them, frames and files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, overload

from ..errors import UsageError
from ..formats import arrow as frames
from ..formats import files
from ..formats.arrow import Decimals, Tabular
from ..model.intervals import WIDTHS, Interval, ceil
from ..model.provenance import Provenance
from ..model.rows import Columns, OpenInterest
from ..model.times import from_micros, micros, to_iso
from ..model.timestamps import contiguous_runs
from ..validation import Instant

if TYPE_CHECKING:
    import pyarrow as pa
    from matplotlib.axes import Axes

    from .align import Amount
    from .dense import DenseSeries, Fill
    from .resample import Label


@dataclass(frozen=True, slots=True)
class Gap:
    """Neighbouring buckets that have no row: those with start <= ts < end, aware UTC datetimes on boundaries."""

    start: datetime
    end: datetime
    buckets: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class OpenInterestSeries(Tabular, Sequence[OpenInterest]):
    """Every row of one market with start <= ts < end, ascending and each once.

    ``columns`` holds the rows as the server wrote them; records are made from it as they are looked at.
    ``unknown_fields`` tells for each field that the specification does not name in how many rows or answers it stood.
    Two series are equal when market, interval, span and records are; where the rows came from does not count.
    Raises ``UsageError`` for columns that are not of one length, or whose ends do not fit the span or the interval.
    """

    market_id: str
    interval: Interval
    start: datetime
    end: datetime
    columns: Columns
    provenance: Provenance
    unknown_fields: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ts, width = self.columns.ts, WIDTHS[self.interval]
        if {len(self.columns.provisional), *map(len, self.columns.values)} != {len(ts)}:
            raise UsageError("the columns of a series must be of one length")
        if ts and not self.start <= ts[0] <= ts[-1] < self.end:
            raise UsageError(f"rows of {to_iso(ts[0])} to {to_iso(ts[-1])} are not within {self._span}")
        if any(micros(label) % width for label in (*ts[:1], *ts[-1:])):
            raise UsageError(f"{to_iso(ts[0])} or {to_iso(ts[-1])} is no boundary of {self.interval}")

    @property
    def _span(self) -> str:
        return f"{to_iso(self.start)} to {to_iso(self.end)}"

    def __len__(self) -> int:
        return len(self.columns)

    def __iter__(self) -> Iterator[OpenInterest]:
        return self.columns.records(self.market_id)

    @overload
    def __getitem__(self, index: int) -> OpenInterest: ...
    @overload
    def __getitem__(self, index: slice) -> OpenInterestSeries: ...
    def __getitem__(self, index: int | slice) -> OpenInterest | OpenInterestSeries:
        """A record, or the series of a range of rows.

        A part that does not begin (end) with this series begins with its first row (ends where the next row begins),
        so a gap between two parts belongs to the earlier one and none is lost. A step raises ``UsageError``: every n-th
        row is no series, as the rows left out would look like gaps; ``list(series)[::n]`` gives such records.
        """
        if isinstance(index, slice):
            return self._part(index)
        position = range(len(self))[index]
        return next(self.columns[position : position + 1].records(self.market_id))

    def _part(self, part: slice) -> OpenInterestSeries:
        if part.step not in (None, 1):
            raise UsageError(f"a series has no every n-th row: use list(series)[{_shown(part)}] for records")
        first, stop, _ = part.indices(len(self))
        stop, labels = max(first, stop), self.columns.ts
        start = self.start if first == 0 else labels[first] if first < len(self) else self.end
        end = self.end if stop == len(self) else labels[stop]
        if first == stop and len(self):  # no rows, so no span in which any could be missing
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
            and all(map(_same, mine.values, theirs.values))
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        gaps, provisional = self.gaps(), self.columns.provisional.count(True)
        missing = sum(gap.buckets for gap in gaps)
        return (
            f"<OpenInterestSeries {self.market_id!r} {self.interval} {self._span}: {len(self)} rows, "
            f"{len(gaps)} gaps of {missing} buckets, {provisional} provisional>"
        )

    def gaps(self) -> list[Gap]:
        """The buckets without a row, as ranges that could not be longer, ascending.

        A bucket that had not begun when the fetch finished is not missing.
        """
        width, ts = WIDTHS[self.interval], self.columns.ts
        bucket = timedelta(microseconds=width)
        begun = ceil(micros(min(self.end, self.provenance.finished)), width)
        edges = [from_micros(ceil(micros(self.start), width))]
        for first, stop in contiguous_runs(ts, self.interval):
            edges += (ts[first], ts[stop - 1] + bucket)
        edges.append(from_micros(max(begun, micros(edges[-1]))))
        spans = zip(edges[::2], edges[1::2], strict=True)
        return [Gap(start, end, (end - start) // bucket) for start, end in spans if start < end]

    @property
    def provisional(self) -> tuple[OpenInterest, ...]:
        """The records whose bucket was not over when it was asked for: their values may still change."""
        flags = self.columns.provisional
        return tuple(self[row] for row, flag in enumerate(flags) if flag) if True in flags else ()

    def resample(self, interval: Interval, *, label: Label = "start") -> OpenInterestSeries:
        """The series at a coarser interval: the last value of each coarser bucket, as the server would give it.

        ``label`` is what ``ts`` names, which the specification leaves open: the start of a bucket or its end. A coarser
        bucket that the span covers in part is left out, and the span shrinks by it, unless nothing behind the span had
        begun when it was fetched: the bucket is then provisional. Provisional is also every bucket that was not over when
        the fetch began, and one with a provisional row. Raises ``UsageError`` for an interval that is no multiple.
        """
        from .resample import resample

        return resample(self, interval, label)

    def densify(self, *, fill: Fill = None) -> DenseSeries:
        """A row for every bucket of the span that had begun when the fetch finished: the rows, and those of ``gaps()``.

        A bucket without a row has the values None, or with ``fill="last"`` those of the last row before it, marked
        ``filled``; before the first row there is nothing to carry, so None stays.
        """
        from .dense import densify

        return densify(self, fill)

    @overload
    def implied_price(self, numbers: Literal["decimal"] = "decimal", *, digits: int = 28) -> list[Decimal | None]: ...
    @overload
    def implied_price(self, numbers: Literal["float"]) -> list[float | None]: ...
    def implied_price(
        self, numbers: Literal["decimal", "float"] = "decimal", *, digits: int = 28
    ) -> list[Decimal | None] | list[float | None]:
        """US dollars for a unit of the base, one for each row: oi_quote_usd / oi_base, or None where the base is zero.

        A Decimal has ``digits`` significant digits, rounded half to even; a float is the one nearest to the exact
        quotient, and ``PrecisionError`` tells of one that no float can hold.
        """
        from . import price

        if numbers not in ("decimal", "float"):
            raise UsageError(f"unknown numbers {numbers!r:.80}: use 'decimal' or 'float'")
        return price.as_decimals(self, digits) if numbers == "decimal" else price.as_floats(self)

    def plot(self, *, axes: Axes | None = None, amount: Amount = "oi_quote_usd") -> Axes:
        """Draw the series and return matplotlib's Axes: gaps as gaps, provisional rows marked, time in UTC."""
        from .plot import plot

        return plot(self, axes=axes, amount=amount)

    @classmethod
    def from_arrow(
        cls,
        table: object,
        *,
        market_id: str | None = None,
        interval: Interval | None = None,
        start: Instant | None = None,
        end: Instant | None = None,
        fetched: Instant | None = None,
    ) -> OpenInterestSeries:
        """A series again from rows that this package wrote: a table, a frame, whatever speaks Arrow. See ``restore``."""
        from .from_frame import restore

        return restore(table, market_id=market_id, interval=interval, start=start, end=end, fetched=fetched)

    def to_arrow(self, *, decimals: Decimals = "exact") -> pa.Table:
        """An Arrow table: market_id, ts (microseconds, UTC), oi_base, oi_quote_usd, provisional; with provenance.

        Exact decimals are decimal128(38, 18) where every value of a column fits that, else decimal128(38, s), else
        decimal256(76, s) with the least scale s that fits. Nothing is rounded: what fits none of them raises
        ``PrecisionError``. ``decimals="text"`` keeps the text of the server, ``"float"`` gives the nearest floats.
        """
        form = frames.Form(decimals=decimals, metadata=self._metadata())
        return frames.to_table([(self.market_id, self.columns)], self.interval, form)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The Arrow PyCapsule interface: whatever reads Arrow can read a series."""
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    def to_csv(self, path: files.Path, *, overwrite: bool = False) -> int:
        """Write CSV: market_id, ts, oi_base, oi_quote_usd, decimals as the server wrote them. Returns the rows.

        As all files: it appears whole or not at all, and one that exists is kept unless ``overwrite``; ``OutputError``
        says what went wrong.
        """
        return self._write(path, "csv", overwrite=overwrite)

    def to_jsonl(self, path: files.Path, *, overwrite: bool = False) -> int:
        """Write JSON Lines, with the columns of ``to_csv``, all as strings. Returns the rows."""
        return self._write(path, "jsonl", overwrite=overwrite)

    def to_parquet(self, path: files.Path, *, overwrite: bool = False, decimals: Decimals = "exact") -> int:
        """Write Parquet, with the columns, types and metadata of ``to_arrow``. Returns the rows."""
        return self._write(path, "parquet", overwrite=overwrite, decimals=decimals)

    def _write(self, path: files.Path, form: files.Format, **options: Any) -> int:
        pages = [(self.market_id, self.columns)]
        return files.write(pages, path, form, interval=self.interval, metadata=self._metadata(), **options)

    def _metadata(self) -> dict[str, str]:
        return frames.metadata(
            interval=self.interval,
            start=self.start,
            end=self.end,
            base_url=self.provenance.base_url,
            specification=self.provenance.specification,
            client_version=self.provenance.client_version,
        )


def _same(mine: list[str], theirs: list[str]) -> bool:
    """Whether two columns hold the same numbers. Equal text is the quick way; 1.50 and 1.5 are equal too."""
    return mine == theirs or (
        len(mine) == len(theirs) and all(a == b or Decimal(a) == Decimal(b) for a, b in zip(mine, theirs, strict=True))
    )


def _shown(part: slice) -> str:
    return ":".join("" if bound is None else str(bound) for bound in (part.start, part.stop, part.step))
