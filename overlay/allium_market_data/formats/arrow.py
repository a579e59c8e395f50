"""Rows as Arrow tables, and from there as polars and pandas frames. Nothing is rounded.

pyarrow, polars and pandas are extras, imported when they are used. The digits of a whole column are counted first (see
``rooms``), and its type is chosen to hold all of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args
from urllib.parse import urlsplit

from ..errors import OutputError, PrecisionError, UsageError
from ..model.endpoint import OPEN_INTEREST
from ..model.intervals import WIDTHS, Interval
from ..model.rows import Columns
from ..model.times import micros, to_iso
from ..model.timestamps import contiguous_runs
from ..optional import require
from .decimal_width import SHORT, USUAL, DecimalWidth, longest, measure, trimmed

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

Decimals: TypeAlias = Literal["exact", "text", "float"]
"""How a frame keeps decimals: exactly, as Arrow decimals; as the text that the server wrote; or as floats."""

BATCH: Final = 1 << 16
"""Rows of a batch or of a Parquet row group."""

CHUNK: Final = 1 << 20
"""Rows of an Arrow array; one array holds at most 2 GiB of text."""

SOURCE: Final = "Allium Market Data API (unofficial client)"


@dataclass(frozen=True, slots=True)
class Form:
    """How rows stand in Arrow: the decimal fields, how they are kept, the room that each needs so far, and metadata."""

    fields: tuple[str, ...] = OPEN_INTEREST.values
    decimals: Decimals = "exact"
    metadata: Mapping[str, str] = field(default_factory=dict)
    rooms: tuple[DecimalWidth, ...] = ()

    def __post_init__(self) -> None:
        if self.decimals not in get_args(Decimals):
            raise UsageError(f"unknown decimals {self.decimals!r:.80}: use one of {', '.join(get_args(Decimals))}")

    def fitting(self, plain: pa.Table) -> Form:
        """This form with room for the rows of ``plain`` too. Raises ``PrecisionError`` when no type has that room."""
        if self.decimals != "exact":
            return self
        known = self.rooms or (DecimalWidth(),) * len(self.fields)
        rooms = tuple(room.wider(measure(plain[name])) for name, room in zip(self.fields, known, strict=True))
        for name, before, room in zip(self.fields, known, rooms, strict=True):
            if room.type is None:
                raise _no_room(plain, name, before)
        return replace(self, rooms=rooms)

    def settled(self, plain: pa.Table) -> Form:
        """This form with room for ``plain``, behind which no more rows come, so that short text need not be measured."""
        usual = replace(self, rooms=(USUAL,) * len(self.fields))
        return usual if usual.surely_fits(plain) else self.fitting(plain)

    def surely_fits(self, plain: pa.Table) -> bool:
        """Whether the decimals of ``plain`` are so short that they fit the types of this form, whatever they are."""
        usual = self.decimals == "exact" and all(room.type == USUAL.type for room in self.rooms)
        return usual and all(longest(plain[name]) <= SHORT for name in self.fields)

    def as_text(self, table: pa.Table) -> pa.Table:
        """A table of this form with its decimals as plain text, which Arrow itself would write with exponents."""
        pa = require("pyarrow", "arrow")
        for name in self.fields:
            written = pa.chunked_array([[f"{value:f}" for value in table[name].to_pylist()]], pa.string())
            table = table.set_column(table.schema.get_field_index(name), name, written)
        return table

    @property
    def schema(self) -> pa.Schema:
        """The columns market_id, ts, the decimal fields, provisional; with the metadata."""
        pa = require("pyarrow", "arrow")
        rooms = self.rooms or (DecimalWidth(),) * len(self.fields)
        columns = [("market_id", pa.string()), ("ts", pa.timestamp("us", tz="UTC"))]
        columns += [(name, self._type(pa, room)) for name, room in zip(self.fields, rooms, strict=True)]
        return pa.schema([*columns, ("provisional", pa.bool_())], metadata=dict(self.metadata))

    def _type(self, pa: Any, room: DecimalWidth) -> pa.DataType:
        if self.decimals != "exact":
            return pa.string() if self.decimals == "text" else pa.float64()
        precision, scale = room.type or (76, room.fraction)
        return (pa.decimal128 if precision == 38 else pa.decimal256)(precision, scale)

    def shape(self, plain: pa.Table) -> pa.Table:
        """The rows of ``plain``, which this form fits, in this form."""
        return self.convert(plain).cast(self.schema)

    def convert(self, plain: pa.Table) -> pa.Table:
        """``plain`` with its decimal fields in the types of this form, other columns as they are."""
        schema = self.schema
        for name in self.fields:
            column = _cast(plain, name, schema.field(name).type)
            plain = plain.set_column(plain.schema.get_field_index(name), schema.field(name), column)
        return plain


class Tabular(ABC):
    """What has an Arrow table has the frames that are made of it."""

    __slots__ = ()

    @abstractmethod
    def to_arrow(self, *, decimals: Decimals = "exact") -> pa.Table:
        """The rows as an Arrow table."""

    def to_polars(self, *, decimals: Decimals = "exact") -> pl.DataFrame:
        """A polars frame with the columns of ``to_arrow``. Raises ``PrecisionError`` where 38 digits are not enough."""
        return to_polars(self.to_arrow(decimals=decimals))

    def to_pandas(self, *, decimals: Decimals = "exact") -> pd.DataFrame:
        """A pandas frame with the columns of ``to_arrow``; exact decimals are of an Arrow dtype, never floats."""
        return to_pandas(self.to_arrow(decimals=decimals))


def to_table(pages: Iterable[tuple[str, Columns]], interval: Interval, form: Form) -> pa.Table:
    """An Arrow table of all pages, each a market and rows of it, in the narrowest types that ``form`` has for them.

    Raises ``PrecisionError`` when a decimal has no room, ``OutputError`` when pyarrow is missing.
    """
    pa = require("pyarrow", "arrow")
    tables = [plain_table(market_id, columns, interval, form.fields) for market_id, columns in pages]
    empty = replace(form, decimals="text", metadata={}).schema.empty_table()
    plain = pa.concat_tables(tables) if tables else empty
    return form.settled(plain).shape(plain)


def typed(plain: pa.Table, fields: Sequence[str], decimals: Decimals) -> pa.Table:
    """``plain`` with the decimal text of ``fields``, nulls among it, in the narrowest types that hold all of a column."""
    return Form(fields=tuple(fields), decimals=decimals).settled(plain).convert(plain)


def to_polars(table: pa.Table) -> pl.DataFrame:
    """A polars frame of an Arrow table. Raises ``PrecisionError`` for a decimal256: polars ends at 38 digits."""
    polars = require("polars", "polars")
    for column in table.schema:
        if getattr(column.type, "precision", 0) > 38:
            raise PrecisionError(f'{column.name} needs {column.type}, and polars holds 38 digits: use decimals="text"')
    return polars.from_arrow(table)


def to_pandas(table: pa.Table) -> pd.DataFrame:
    """A pandas frame of an Arrow table; exact decimals stay Arrow decimals (``pandas.ArrowDtype``)."""
    pandas = require("pandas", "pandas")
    decimal = require("pyarrow", "pandas").types.is_decimal
    return table.to_pandas(types_mapper=lambda kind: pandas.ArrowDtype(kind) if decimal(kind) else None)


def plain_table(market_id: str, columns: Columns, interval: Interval, fields: Sequence[str]) -> pa.Table:
    """Rows of one market as an Arrow table whose decimals are still text.

    ``market_id`` is a plain string column, not a dictionary: several markets may follow one another in one file, and an
    Arrow file cannot replace a dictionary half way. Parquet compresses it to nothing all the same.
    """
    pa = require("pyarrow", "arrow")
    try:
        pieces = [columns] if len(columns) <= CHUNK else [columns[i : i + CHUNK] for i in range(0, len(columns), CHUNK)]
        parts = [_plain_part(pa, market_id, piece, interval) for piece in pieces]
    except UnicodeEncodeError as error:
        raise OutputError(f"the market {market_id!a} is no text that UTF-8 can hold") from error
    names = ["market_id", "ts", *fields, "provisional"]
    return pa.concat_tables([pa.Table.from_arrays(part, names) for part in parts])


def _plain_part(pa: Any, market_id: str, columns: Columns, interval: Interval) -> list[Any]:
    return [
        pa.repeat(pa.scalar(market_id, pa.string()), len(columns)),
        _timestamps(pa, columns.ts, interval),
        *(pa.array(column, pa.string()) for column in columns.values),
        pa.array(columns.provisional, pa.bool_()) if True in columns.provisional else pa.repeat(False, len(columns)),
    ]


def _timestamps(pa: Any, ts: Sequence[datetime], interval: Interval) -> pa.Array:
    """Labels as an Arrow array: counted up within each run, which is far quicker than to read each datetime."""
    compute, width, kind = require("pyarrow.compute", "arrow"), WIDTHS[interval], pa.timestamp("us", tz="UTC")
    if not ts:
        return pa.array([], kind)
    ranges = list(contiguous_runs(ts, interval))
    stops = pa.array([stop for _, stop in ranges], pa.int32())
    shifts = pa.array([micros(ts[first]) - first * width for first, _ in ranges], pa.int64())
    counted = compute.cumulative_sum(pa.repeat(pa.scalar(width, pa.int64()), len(ts)), start=-width)
    shifted = compute.run_end_decode(pa.RunEndEncodedArray.from_arrays(stops, shifts))
    return compute.add(counted, shifted).cast(kind)


def _cast(plain: pa.Table, name: str, kind: pa.DataType) -> pa.ChunkedArray:
    compute, column = require("pyarrow.compute", "arrow"), plain[name]
    most = getattr(kind, "precision", None)
    if most and longest(column) > most:
        # Superfluous zeros count while Arrow reads, and may overflow; so they go first.
        column = compute.binary_join_element_wise("0", trimmed(column), "")
    try:
        made = column.cast(kind)
    except require("pyarrow", "arrow").ArrowInvalid as error:
        raise OutputError(f"{name} holds what is no plain decimal: {error}") from error
    if str(kind) == "double" and not compute.all(compute.is_finite(made), min_count=0).as_py():
        row = compute.index(compute.is_finite(made), False).as_py()
        raise PrecisionError(f'{_place(plain, name, row)} is beyond what a float can hold: use decimals="exact"')
    return made


def _place(plain: pa.Table, name: str, row: int) -> str:
    of = f" of {plain['market_id'][row]}" if "market_id" in plain.column_names else ""
    return f"{name}{of} at {to_iso(plain['ts'][row].as_py())}, {plain[name][row].as_py():.160}"


def _no_room(plain: pa.Table, name: str, room: DecimalWidth) -> PrecisionError:
    """The error for the first value for which there is no room beside those before it."""
    values, row = plain[name].to_pylist(), -1
    while room.type is not None:
        row += 1
        room = room.wider(DecimalWidth.of(values[row] or ""))
    return PrecisionError(
        f"{_place(plain, name, row)}: with the rows before it, {name} needs {room.whole} digits before the point and "
        f'{room.fraction} after it, and an Arrow decimal has 76 in all: use decimals="text"'
    )


def metadata(
    *, interval: Interval, start: datetime, end: datetime, base_url: str, specification: str, client_version: str
) -> dict[str, str]:
    """What an Arrow schema or a Parquet file says about where its rows came from. It never holds a key."""
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
