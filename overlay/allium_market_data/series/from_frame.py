"""A series from rows that lie in a table: read back from Parquet, Arrow or Delta Lake, or selected by an engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from ..client.decode import DECIMAL
from ..errors import UsageError
from ..model.endpoint import OPEN_INTEREST
from ..model.intervals import INTERVALS, WIDTHS, Interval
from ..model.provenance import Provenance
from ..model.rows import Columns
from ..model.times import from_micros, micros, to_iso
from ..optional import require
from ..validation import Instant, to_instant
from .series import OpenInterestSeries

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")
UNKNOWN = "unknown"


def restore(
    table: object,
    *,
    market_id: str | None = None,
    interval: Interval | None = None,
    start: Instant | None = None,
    end: Instant | None = None,
    fetched: Instant | None = None,
) -> OpenInterestSeries:
    """A series of the rows of one market in ``table``, an Arrow table or whatever speaks the Arrow PyCapsule interface.

    Needed are the columns market_id, ts, oi_base, oi_quote_usd (exact decimals or their text) and provisional, in any
    order of rows; a column ``interval`` selects too. ``market_id``, ``interval``, ``start`` and ``end`` may be left out
    where the table or its metadata tells them. The span is the caller's word that the table is complete in it: what has
    no row there is a gap. A span within that of the metadata is a part of the series; one beyond it is refused.

    ``fetched`` is when the rows were fetched. Without it the latest ``fetched_at`` of the rows counts, where there is
    such a column; else the end of the earliest provisional bucket, or the end of the span where none is provisional.
    The provenance has what the metadata tells, ``"unknown"`` for the rest, no windows and no requests.
    Raises ``UsageError`` for a table that is not like that, or that has one bucket twice.
    """
    rows = _table(table)
    told = {
        key.decode(): value.decode() for key, value in (rows.schema.metadata or {}).items() if key != b"ARROW:schema"
    }
    found = _interval(interval, rows, told)
    rows = _where(rows, "interval", found) if "interval" in rows.column_names else rows
    market = _chosen(market_id, rows.column("market_id").unique().to_pylist(), "market_id")
    since, until = _span(start, end, told)
    rows = _within(_where(rows, "market_id", market), since, until)
    columns = _columns(rows, WIDTHS[found])
    return OpenInterestSeries(
        market_id=market,
        interval=found,
        start=since,
        end=until,
        columns=columns,
        provenance=_provenance(told, _fetched(fetched, rows, columns, found, until)),
    )


def _wrong(what: str) -> NoReturn:
    raise UsageError(f"this table is no open interest: {what}")


def _table(source: Any) -> pa.Table:
    """The source as an Arrow table with the columns needed, its times in UTC."""
    pa = require("pyarrow", "arrow")
    if not hasattr(source, "__arrow_c_stream__"):
        _wrong(f"{type(source).__name__} does not speak Arrow")
    rows = source if isinstance(source, pa.Table) else pa.table(source)
    missing = [
        name for name in ("market_id", "ts", *OPEN_INTEREST.values, "provisional") if name not in rows.column_names
    ]
    if missing:
        _wrong(f"it has no column {', '.join(missing)}")
    for name in ("market_id", "interval", *OPEN_INTEREST.values):  # engines hand out text in several types
        if name in rows.column_names and (name in ("market_id", "interval") or "string" in str(rows[name].type)):
            column = _attempt(partial(rows[name].cast, pa.string()), f"{name} is no text")
            rows = rows.set_column(rows.schema.get_field_index(name), name, column)
    for name in [name for name in ("ts", "fetched_at") if name in rows.column_names]:
        column = _attempt(partial(rows[name].cast, pa.timestamp("us", tz="UTC")), f"{name} is no time in microseconds")
        rows = rows.set_column(rows.schema.get_field_index(name), name, column)
    if not pa.types.is_boolean(rows["provisional"].type):
        _wrong(f"provisional is {rows['provisional'].type}, not bool")
    return rows


def _attempt(make: Callable[[], T], what: str) -> T:
    try:
        return make()
    except require("pyarrow", "arrow").ArrowException as error:
        _wrong(f"{what} ({error})")


def _where(rows: pa.Table, name: str, value: str) -> pa.Table:
    compute = require("pyarrow.compute", "arrow")
    return rows.filter(compute.equal(rows[name], value))


def _within(rows: pa.Table, start: datetime, end: datetime) -> pa.Table:
    """The rows with start <= ts < end, ascending."""
    compute = require("pyarrow.compute", "arrow")
    if rows["ts"].null_count:
        _wrong("a row has no ts")
    after, before = compute.greater_equal(rows["ts"], start), compute.less(rows["ts"], end)
    return rows.filter(compute.and_(after, before)).sort_by("ts")


def _chosen(wanted: str | None, there: list[Any], name: str) -> str:
    """What was asked for, or the only one there is."""
    if wanted is not None:
        return wanted
    if len(there) != 1 or there[0] is None:
        raise UsageError(f"the table has {len(there)} values of {name}: say which with {name}=")
    return str(there[0])


def _interval(wanted: Interval | None, rows: pa.Table, told: Mapping[str, str]) -> Interval:
    there = rows.column("interval").unique().to_pylist() if "interval" in rows.column_names else []
    there = there or [told[key] for key in ("interval",) if key in told]
    found = _chosen(wanted, there, "interval")
    if found not in INTERVALS:
        raise UsageError(f"unknown interval {found!r:.80}: use one of {', '.join(INTERVALS)}")
    if "interval" in told and told["interval"] != found:
        raise UsageError(f"the rows are of {told['interval']}, not of {found}: resample the series instead")
    return found


def _span(start: Instant | None, end: Instant | None, told: Mapping[str, str]) -> tuple[datetime, datetime]:
    """The span asked for, which is that of the metadata or lies within it."""
    for name, given in (("start", start), ("end", end)):
        if given is None and name not in told:
            raise UsageError(f"the table does not tell from when to when it is complete: say {name}=")
    since = to_instant(told["start"] if start is None else start, "start")
    until = to_instant(told["end"] if end is None else end, "end")
    if since > until or (since == until and told.get("start") != told.get("end")):
        raise UsageError(f"start must be before end: {to_iso(since)} is not before {to_iso(until)}")
    if "start" in told and "end" in told:
        first, last = to_instant(told["start"], "start"), to_instant(told["end"], "end")
        if since < first or until > last:
            raise UsageError(
                f"the table holds {to_iso(first)} to {to_iso(last)}, and not all of {to_iso(since)} to {to_iso(until)}"
            )
    return since, until


def _columns(rows: pa.Table, width: int) -> Columns:
    ts = rows["ts"].to_pylist()
    stamps = [from_micros(micros(stamp)) for stamp in ts]  # plain UTC, whatever time zone class Arrow chose
    for before, stamp in pairwise(stamps):
        if before == stamp:
            _wrong(f"the bucket {to_iso(stamp)} stands there twice")
    odd = next((stamp for stamp in stamps if micros(stamp) % width), None)
    if odd is not None:
        _wrong(f"{to_iso(odd)} is not on a boundary of its interval")
    if rows["provisional"].null_count:
        _wrong("a row does not say whether it is provisional")
    return Columns(
        stamps, tuple(_texts(rows[name], name) for name in OPEN_INTEREST.values), rows["provisional"].to_pylist()
    )


def _texts(column: pa.ChunkedArray, name: str) -> list[str]:
    """Decimal text; of Arrow decimals without the zeros behind that their scale adds."""
    types = require("pyarrow", "arrow").types
    if not (types.is_decimal(column.type) or types.is_string(column.type)):
        _wrong(f"{name} is {column.type}, and only decimals or their text are exact")
    made = [_plain(value) if isinstance(value, Decimal) else value for value in column.to_pylist()]
    for row, value in enumerate(made):
        if value is None or not DECIMAL.fullmatch(value):
            _wrong(f"{name} of row {row} is {value!r:.80}, no plain, finite, non-negative decimal")
    return made


def _plain(value: Decimal) -> str:
    written = f"{value:f}"
    return written.rstrip("0").rstrip(".") if "." in written else written


def _fetched(
    told: Instant | None, rows: pa.Table, columns: Columns, interval: Interval, end: datetime
) -> tuple[datetime, datetime]:
    """Between which instants the rows were fetched, as far as it matters to what is provisional and what is a gap."""
    if told is not None:
        return to_instant(told, "fetched"), to_instant(told, "fetched")
    if "fetched_at" in rows.column_names and len(rows) and rows["fetched_at"].null_count < len(rows):
        latest = max(stamp for stamp in rows["fetched_at"].to_pylist() if stamp is not None)
        return from_micros(micros(latest)), from_micros(micros(latest))
    if True not in columns.provisional:
        return end, end
    first = columns.ts[columns.provisional.index(True)]
    return first, from_micros(micros(first) + WIDTHS[interval])


def _provenance(told: Mapping[str, str], fetched: tuple[datetime, datetime]) -> Provenance:
    return Provenance(
        base_url=told.get("base_url", UNKNOWN),
        specification=told.get("specification", UNKNOWN),
        client_version=told.get("client_version", UNKNOWN),
        windows=(),
        requests=0,
        started=fetched[0],
        finished=fetched[1],
    )
