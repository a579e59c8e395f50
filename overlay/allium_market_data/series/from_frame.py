"""A series from rows in a table: read back from Parquet, Arrow or Delta Lake, or selected by a query engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from ..errors import UsageError
from ..model.endpoint import Endpoint
from ..model.intervals import INTERVALS, WIDTHS, Interval
from ..model.provenance import Provenance
from ..model.rows import PLAIN_DECIMAL, SIGNED_DECIMAL, Columns
from ..model.times import from_micros, micros, to_iso
from ..optional import require
from ..validation import Instant, check_choice, to_instant
from .base import SeriesBase

if TYPE_CHECKING:
    import pyarrow as pa

S = TypeVar("S", bound=SeriesBase)
T = TypeVar("T")


def from_frame(
    series_class: type[S],
    endpoint: Endpoint,
    frame: object,
    market_id: str | None,
    interval: Interval | None,
    start: Instant | None,
    end: Instant | None,
    fetched: Instant | None,
) -> S:
    """A series of ``series_class`` from the rows of ``frame``: see ``Series.from_frame``."""
    table = _checked_table(frame, endpoint)
    metadata = {
        key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items() if key != b"ARROW:schema"
    }
    interval = _interval(interval, table, metadata)
    if "interval" in table.column_names:
        table = _rows_with(table, "interval", interval)
    market_id = _only_value(market_id, table.column("market_id").unique().to_pylist(), "market_id")
    since, until = _span(start, end, metadata)
    table = _rows_within(_rows_with(table, "market_id", market_id), since, until)
    columns = _columns(table, WIDTHS[interval], endpoint)
    return series_class(
        endpoint=endpoint,
        market_id=market_id,
        interval=interval,
        start=since,
        end=until,
        columns=columns,
        provenance=_provenance(metadata, *_fetch_times(fetched, table, columns, interval, until)),
    )


def _invalid(reason: str) -> NoReturn:
    raise UsageError(f"this table cannot be read as a series: {reason}")


def _checked_table(frame: Any, endpoint: Endpoint) -> pa.Table:
    """The frame as an Arrow table with all required columns, text as strings and times in UTC."""
    pa = require("pyarrow", "arrow")
    if not hasattr(frame, "__arrow_c_stream__"):
        _invalid(f"{type(frame).__name__} does not support the Arrow PyCapsule interface")
    table = frame if isinstance(frame, pa.Table) else pa.table(frame)
    required = ("market_id", "ts", *endpoint.columns, "provisional")
    if missing := [name for name in required if name not in table.column_names]:
        _invalid(f"missing column {', '.join(missing)}")
    for name in ("market_id", "interval", *endpoint.columns):  # engines return text in several types
        if name in table.column_names and (name in ("market_id", "interval") or "string" in str(table[name].type)):
            table = _with_type(table, name, pa.string(), "is not text")
    for name in ("ts", "fetched_at"):
        if name in table.column_names:
            table = _with_type(table, name, pa.timestamp("us", tz="UTC"), "is not a time in microseconds")
    if not pa.types.is_boolean(table["provisional"].type):
        _invalid(f"column provisional is {table['provisional'].type}, not bool")
    return table


def _with_type(table: pa.Table, name: str, kind: pa.DataType, problem: str) -> pa.Table:
    column = _or_invalid(partial(table[name].cast, kind), f"column {name} {problem}")
    return table.set_column(table.schema.get_field_index(name), name, column)


def _or_invalid(convert: Callable[[], T], problem: str) -> T:
    try:
        return convert()
    except require("pyarrow", "arrow").ArrowException as error:
        _invalid(f"{problem} ({error})")


def _rows_with(table: pa.Table, name: str, value: str) -> pa.Table:
    compute = require("pyarrow.compute", "arrow")
    return table.filter(compute.equal(table[name], value))


def _rows_within(table: pa.Table, start: datetime, end: datetime) -> pa.Table:
    """The rows with start <= ts < end, ascending."""
    compute = require("pyarrow.compute", "arrow")
    if table["ts"].null_count:
        _invalid("ts is null in some row")
    after, before = compute.greater_equal(table["ts"], start), compute.less(table["ts"], end)
    return table.filter(compute.and_(after, before)).sort_by("ts")


def _only_value(requested: str | None, available: list[Any], name: str) -> str:
    """The requested value, or else the only one available."""
    if requested is not None:
        return requested
    if not available:
        raise UsageError(f"the table does not say its {name}: pass {name}=")
    if len(available) != 1 or available[0] is None:
        raise UsageError(f"the table has {len(available)} values of {name}: choose one with {name}=")
    return str(available[0])


def _interval(requested: Interval | None, table: pa.Table, metadata: Mapping[str, str]) -> Interval:
    available = table.column("interval").unique().to_pylist() if "interval" in table.column_names else []
    if not available and "interval" in metadata:
        available = [metadata["interval"]]
    interval = check_choice("interval", _only_value(requested, available, "interval"), INTERVALS)
    if metadata.get("interval", interval) != interval:
        raise UsageError(
            f"the interval of the rows is {metadata['interval']}, not {interval}: resample the series instead"
        )
    return interval


def _span(start: Instant | None, end: Instant | None, metadata: Mapping[str, str]) -> tuple[datetime, datetime]:
    """The requested span, by default that of the metadata, which must contain it."""
    for name, given in (("start", start), ("end", end)):
        if given is None and name not in metadata:
            raise UsageError(f"the table does not say over which span it is complete: pass {name}=")
    since = to_instant(metadata["start"] if start is None else start, "start")
    until = to_instant(metadata["end"] if end is None else end, "end")
    if since > until or (since == until and metadata.get("start") != metadata.get("end")):
        raise UsageError(f"start must be before end: {to_iso(since)} is not before {to_iso(until)}")
    if "start" in metadata and "end" in metadata:
        first, last = to_instant(metadata["start"], "start"), to_instant(metadata["end"], "end")
        if since < first or until > last:
            raise UsageError(
                f"the table covers {to_iso(first)} to {to_iso(last)}, not all of {to_iso(since)} to {to_iso(until)}"
            )
    return since, until


def _columns(table: pa.Table, width: int, endpoint: Endpoint) -> Columns:
    # Plain UTC datetimes, whichever time zone class Arrow chose.
    stamps = [from_micros(micros(stamp)) for stamp in table["ts"].to_pylist()]
    for before, stamp in pairwise(stamps):
        if before == stamp:
            _invalid(f"the bucket {to_iso(stamp)} occurs twice")
    unaligned = next((stamp for stamp in stamps if micros(stamp) % width), None)
    if unaligned is not None:
        _invalid(f"{to_iso(unaligned)} is not on a boundary of its interval")
    if table["provisional"].null_count:
        _invalid("provisional is null in some row")
    decimals = zip(endpoint.columns, endpoint.signed, strict=True)
    values = tuple(_decimal_text(table[name], name, is_signed) for name, is_signed in decimals)
    return Columns(stamps, values, table["provisional"].to_pylist())


def _decimal_text(column: pa.ChunkedArray, name: str, is_signed: bool) -> list[str]:
    """Decimals as text. Arrow decimals lose the trailing zeros that their scale adds."""
    types = require("pyarrow", "arrow").types
    if not (types.is_decimal(column.type) or types.is_string(column.type)):
        _invalid(f"column {name} is {column.type}; only decimals and text are exact")
    texts = [_plain_text(value) if isinstance(value, Decimal) else value for value in column.to_pylist()]
    grammar, kind = (SIGNED_DECIMAL, "plain") if is_signed else (PLAIN_DECIMAL, "plain non-negative")
    for row, text in enumerate(texts):
        if text is None or not grammar.fullmatch(text):
            _invalid(f"{name} in row {row} is {text!r:.80}, not a {kind} decimal")
    return texts


def _plain_text(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _fetch_times(
    fetched: Instant | None, table: pa.Table, columns: Columns, interval: Interval, end: datetime
) -> tuple[datetime, datetime]:
    """When the fetch of the rows started and finished, as far as provisional rows and gaps depend on it."""
    if fetched is not None:
        return to_instant(fetched, "fetched"), to_instant(fetched, "fetched")
    if "fetched_at" in table.column_names:
        times = [from_micros(micros(time)) for time in table["fetched_at"].to_pylist() if time is not None]
        if times:
            return max(times), max(times)
    if True not in columns.provisional:
        return end, end
    first = columns.ts[columns.provisional.index(True)]
    return first, from_micros(micros(first) + WIDTHS[interval])


def _provenance(metadata: Mapping[str, str], started: datetime, finished: datetime) -> Provenance:
    return Provenance(
        base_url=metadata.get("base_url", "unknown"),
        specification=metadata.get("specification", "unknown"),
        client_version=metadata.get("client_version", "unknown"),
        windows=(),
        requests=0,
        started=started,
        finished=finished,
    )
