"""Rows as Arrow tables, and these as polars and pandas frames. Nothing is rounded.

pyarrow, polars and pandas are extras, imported when they are used. The digits of a whole column are counted first (see
``decimal_width``), and its type is chosen to hold all of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args
from urllib.parse import urlsplit

from ..errors import OutputError, PrecisionError
from ..model.intervals import WIDTHS, Interval
from ..model.rows import Columns
from ..model.times import micros, to_iso
from ..model.timestamps import contiguous_runs
from ..optional import require
from ..validation import check_choice
from .decimal_width import ALWAYS_FITS, DEFAULT_WIDTH, DecimalWidth, decimal_width, max_length, shortest

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

Decimals: TypeAlias = Literal["exact", "text", "float"]
"""The representation of decimals: exact decimals, the text that the server wrote, or floats."""

BATCH: Final = 1 << 16
"""The rows of a batch or of a Parquet row group."""

CHUNK: Final = 1 << 20
"""The rows of an Arrow array; one array holds at most 2 GiB of text."""

SOURCE: Final = "Allium Market Data API (unofficial client)"


@dataclass(frozen=True, slots=True)
class RowSchema:
    """The Arrow schema of rows: the decimal fields, their representation, the width of each so far, and metadata."""

    fields: tuple[str, ...]
    decimals: Decimals = "exact"
    metadata: Mapping[str, str] = field(default_factory=dict)
    widths: tuple[DecimalWidth, ...] = ()

    def __post_init__(self) -> None:
        check_choice("decimals", self.decimals, get_args(Decimals))

    @property
    def arrow(self) -> pa.Schema:
        """The columns market_id, ts, the decimal fields and provisional, with the metadata."""
        pa = require("pyarrow", "arrow")
        columns = [("market_id", pa.string()), ("ts", pa.timestamp("us", tz="UTC"))]
        columns += [(name, self._type(pa, width)) for name, width in zip(self.fields, self._widths, strict=True)]
        return pa.schema([*columns, ("provisional", pa.bool_())], metadata=dict(self.metadata))

    @property
    def _widths(self) -> tuple[DecimalWidth, ...]:
        return self.widths or (DecimalWidth(),) * len(self.fields)

    def _type(self, pa: Any, width: DecimalWidth) -> pa.DataType:
        if self.decimals != "exact":
            return pa.string() if self.decimals == "text" else pa.float64()
        precision, scale = width.type or (76, width.fraction)
        return (pa.decimal128 if precision == 38 else pa.decimal256)(precision, scale)

    def widened(self, text: pa.Table) -> RowSchema:
        """This schema, widened to hold the decimals of ``text`` too. Raises ``PrecisionError`` if no type holds them."""
        if self.decimals != "exact":
            return self
        widths = tuple(
            width.union(decimal_width(text[name])) for name, width in zip(self.fields, self._widths, strict=True)
        )
        for name, before, width in zip(self.fields, self._widths, widths, strict=True):
            if width.type is None:
                raise _too_wide(text, name, before)
        return replace(self, widths=widths)

    def narrowest(self, text: pa.Table) -> RowSchema:
        """The narrowest schema for ``text`` alone. The digits of short text need not be counted."""
        default = replace(self, widths=(DEFAULT_WIDTH,) * len(self.fields))
        return default if default.fits_by_length(text) else self.widened(text)

    def fits_by_length(self, text: pa.Table) -> bool:
        """Whether the decimals of ``text`` are so short that they fit this schema, whatever their digits are."""
        if self.decimals != "exact" or any(width.type != DEFAULT_WIDTH.type for width in self.widths):
            return False
        return all(max_length(text[name]) <= ALWAYS_FITS for name in self.fields)

    def with_text(self, table: pa.Table) -> pa.Table:
        """A table of this schema with its decimals as plain text; Arrow's own cast may write exponents."""
        pa = require("pyarrow", "arrow")
        for name in self.fields:
            column = pa.chunked_array([[f"{value:f}" for value in table[name].to_pylist()]], pa.string())
            table = table.set_column(table.schema.get_field_index(name), name, column)
        return table

    def cast(self, text: pa.Table) -> pa.Table:
        """The rows of ``text``, which this schema must hold, in this schema."""
        return self.cast_decimals(text).cast(self.arrow)

    def cast_decimals(self, text: pa.Table) -> pa.Table:
        """``text`` with its decimal fields in the types of this schema, and other columns unchanged."""
        schema = self.arrow
        for name in self.fields:
            column = _cast_column(text, name, schema.field(name).type)
            text = text.set_column(text.schema.get_field_index(name), schema.field(name), column)
        return text


class Tabular(ABC):
    """Adds frames to a class that has an Arrow table.

    Such a class is never a ``collections.abc.Sequence`` or ``Mapping``: polars would read one row by row, guess its types, and
    replace a decimal that does not fit by null. Without them it takes the Arrow stream.
    """

    __slots__ = ()

    @abstractmethod
    def to_arrow(self, *, decimals: Decimals = "exact") -> pa.Table:
        """The rows as an Arrow table."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The Arrow PyCapsule interface, by which any library that reads Arrow reads these rows: ``polars.DataFrame(rows)``."""
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    def to_polars(self, *, decimals: Decimals = "exact") -> pl.DataFrame:
        """A polars frame with the columns of ``to_arrow``, exact by default: polars computes with decimals.

        A quotient has the scale of the column, and what has no exact result, such as a logarithm, is a float. Raises
        ``PrecisionError`` where 38 digits are not enough.
        """
        polars, table = require("polars", "polars"), self.to_arrow(decimals=decimals)
        for column in table.schema:
            if getattr(column.type, "precision", 0) > 38:
                raise PrecisionError(
                    f'{column.name} needs {column.type}, but polars has 38 digits: use decimals="text"'
                )
        return polars.from_arrow(table)

    def to_pandas(self, *, decimals: Decimals = "float") -> pd.DataFrame:
        """A pandas frame with the columns of ``to_arrow``, decimals as float64 by default, each the nearest to its decimal.

        This is the one frame that is not exact by default: pandas divides, compares over time, plots and describes floats
        only. ``decimals="exact"`` keeps every digit, as Arrow decimals (``pandas.ArrowDtype``). Raises ``PrecisionError`` for a
        value out of range for a float.
        """
        pandas, table = require("pandas", "pandas"), self.to_arrow(decimals=decimals)
        is_decimal = require("pyarrow", "pandas").types.is_decimal
        return table.to_pandas(types_mapper=lambda kind: pandas.ArrowDtype(kind) if is_decimal(kind) else None)


def to_table(pages: Iterable[tuple[str, Columns]], interval: Interval, schema: RowSchema) -> pa.Table:
    """An Arrow table of all pages, each a market and its rows, in the narrowest types of ``schema``.

    Raises ``PrecisionError`` if no type holds a decimal, ``OutputError`` if pyarrow is missing.
    """
    pa = require("pyarrow", "arrow")
    tables = [text_table(market_id, columns, interval, schema.fields) for market_id, columns in pages]
    empty = replace(schema, decimals="text", metadata={}).arrow.empty_table()
    text = pa.concat_tables(tables) if tables else empty
    return schema.narrowest(text).cast(text)


def typed(text: pa.Table, fields: Sequence[str], decimals: Decimals) -> pa.Table:
    """``text`` with its decimal ``fields``, which may contain nulls, in the narrowest types that hold a whole column."""
    return RowSchema(fields=tuple(fields), decimals=decimals).narrowest(text).cast_decimals(text)


def text_table(market_id: str, columns: Columns, interval: Interval, fields: Sequence[str]) -> pa.Table:
    """Rows of one market as an Arrow table whose decimals, named by ``fields``, are still text.

    ``market_id`` is a plain string column, not a dictionary: a file may hold several markets, and an Arrow file cannot
    replace a dictionary after its first batch. Parquet compresses the column to almost nothing anyway.
    """
    pa = require("pyarrow", "arrow")
    try:
        chunks = [columns] if len(columns) <= CHUNK else [columns[i : i + CHUNK] for i in range(0, len(columns), CHUNK)]
        arrays = [_text_arrays(pa, market_id, chunk, interval) for chunk in chunks]
    except UnicodeEncodeError as error:
        raise OutputError(f"the market {market_id!a} cannot be encoded as UTF-8") from error
    names = ["market_id", "ts", *fields, "provisional"]
    return pa.concat_tables([pa.Table.from_arrays(chunk, names) for chunk in arrays])


def _text_arrays(pa: Any, market_id: str, columns: Columns, interval: Interval) -> list[Any]:
    return [
        pa.repeat(pa.scalar(market_id, pa.string()), len(columns)),
        _timestamps(pa, columns.ts, interval),
        *(pa.array(column, pa.string()) for column in columns.values),
        pa.array(columns.provisional, pa.bool_()) if True in columns.provisional else pa.repeat(False, len(columns)),
    ]


def _timestamps(pa: Any, ts: Sequence[datetime], interval: Interval) -> pa.Array:
    """Timestamps as an Arrow array, counted up within each run, which is much faster than converting each datetime."""
    compute, width, kind = require("pyarrow.compute", "arrow"), WIDTHS[interval], pa.timestamp("us", tz="UTC")
    if not ts:
        return pa.array([], kind)
    runs = list(contiguous_runs(ts, interval))
    stops = pa.array([stop for _, stop in runs], pa.int32())
    offsets = pa.array([micros(ts[first]) - first * width for first, _ in runs], pa.int64())
    counted = compute.cumulative_sum(pa.repeat(pa.scalar(width, pa.int64()), len(ts)), start=-width)
    return compute.add(counted, compute.run_end_decode(pa.RunEndEncodedArray.from_arrays(stops, offsets))).cast(kind)


def _cast_column(text: pa.Table, name: str, kind: pa.DataType) -> pa.ChunkedArray:
    compute, column = require("pyarrow.compute", "arrow"), text[name]
    precision = getattr(kind, "precision", None)
    if precision and max_length(column) > precision:
        column = shortest(column)
    try:
        values = column.cast(kind)
    except require("pyarrow", "arrow").ArrowInvalid as error:
        raise OutputError(f"{name} holds a value that is not a plain decimal: {error}") from error
    if str(kind) == "double" and not compute.all(compute.is_finite(values), min_count=0).as_py():
        row = compute.index(compute.is_finite(values), False).as_py()
        raise PrecisionError(f'{_location(text, name, row)} is out of range for a float: use decimals="exact"')
    return values


def _location(text: pa.Table, name: str, row: int) -> str:
    market = f" of {text['market_id'][row]}" if "market_id" in text.column_names else ""
    return f"{name}{market} at {to_iso(text['ts'][row].as_py())}, {text[name][row].as_py():.160}"


def _too_wide(text: pa.Table, name: str, width: DecimalWidth) -> PrecisionError:
    """The error for the first value that no type holds together with the values before it."""
    values, row = text[name].to_pylist(), -1
    while width.type is not None:
        row += 1
        width = width.union(DecimalWidth.of(values[row] or ""))
    return PrecisionError(
        f"{_location(text, name, row)}: with the rows before it, {name} needs {width.whole} digits before the point and "
        f'{width.fraction} after it, but an Arrow decimal has 76 in all: use decimals="text"'
    )


def source_metadata(
    *, interval: Interval, start: datetime, end: datetime, base_url: str, specification: str, client_version: str
) -> dict[str, str]:
    """The metadata of an Arrow schema or a Parquet file: where its rows came from, never with a key."""
    url = urlsplit(base_url)
    return {
        "source": SOURCE,
        "specification": specification,
        "client_version": client_version,
        "interval": interval,
        "start": to_iso(start),
        "end": to_iso(end),
        "base_url": f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}",
    }
