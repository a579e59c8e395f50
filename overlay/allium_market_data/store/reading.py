"""Reading rows of a Delta table, and making a complete series of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, cast

from ..errors import StoreError, UsageError
from ..model.endpoint import Endpoint
from ..model.intervals import WIDTHS, ceil
from ..model.times import from_micros, micros, to_iso
from ..optional import require
from ..series.series import OpenInterestSeries, series_class
from .coverage import Coverage, SeriesKey
from .spans import Span, subtract
from .storage_error import describe

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as ds
    from deltalake import DeltaTable


def open_dataset(delta: DeltaTable, markets: Sequence[str], months: Sequence[str]) -> ds.Dataset:
    """The files of some markets and months. A dataset of every file takes long to make if there are many."""
    return delta.to_pyarrow_dataset(
        file_pruning_predicate=[("market_id", "in", list(markets)), ("month", "in", list(months))]
    )


@contextmanager
def data_errors(uri: str, options: Mapping[str, str] | None) -> Iterator[None]:
    """Turn an error of reading data files into a ``StoreError`` that says how to repair the table."""
    try:
        yield
    except (require("pyarrow", "store").ArrowException, OSError) as error:
        reason = describe(error, options, is_local=False)[:300]
        raise StoreError(
            f"cannot read the rows of {uri}: {reason}; if a data file is missing or damaged, list such files with allium-md "
            "status --check-files, delete them, remove them from the log with deltalake's DeltaTable(...).repair(), and "
            "fetch their months again with allium-md backfill"
        ) from error


def sql_in(column: str, values: Iterable[str]) -> str:
    """``column IN (...)`` for Delta, so that it reads and locks these partitions only.

    Not for the column ``interval``: when Delta checks for conflicts it prints the condition and parses it again, and then
    takes that name for the SQL keyword.
    """
    quoted = ("'" + value.replace("'", "''") + "'" for value in values)
    return f"{column} IN ({', '.join(quoted)})"


def rows_between(rows: pa.Table, start: int, end: int) -> pa.Table:
    """The rows with start <= ts < end."""
    pc = require("pyarrow.compute", "store")
    ts = rows["ts"]
    return rows.filter(pc.and_(pc.greater_equal(ts, from_micros(start)), pc.less(ts, from_micros(end))))


def check_complete(uri: str, coverage: Coverage, key: SeriesKey, span: Span) -> None:
    """Raise ``StoreError`` if any part of the span is not complete."""
    missing = subtract(span, coverage.complete.get(key, ()))
    if missing:
        start, end = (to_iso(from_micros(moment)) for moment in missing[0])
        more = ", and more" if missing[1:] else ""
        tail = coverage.end_of(key)
        first = coverage.first.get(key)
        if first is not None and missing[0][0] < first:
            hint = (
                f"a search found its first row at about {to_iso(from_micros(first))}, and nothing before that was fetched: "
                "start there, or run allium-md backfill --whole-span"
            )
        elif tail is not None and missing[0][0] >= tail:
            hint = "the server had no later row yet that confirms it, or it was never fetched: run allium-md update"
        else:
            hint = "it was never fetched, or has been taken out: run allium-md backfill"
        raise StoreError(f"{uri} is not complete: {key[1]} {key[0]} is missing {start} to {end}{more}; {hint}")


def to_series(
    uri: str, endpoint: Endpoint, rows: pa.Table, key: SeriesKey, start: datetime, end: datetime
) -> OpenInterestSeries:
    """The series of ``rows``, which are all rows of a complete span. For another endpoint it is a ``Series``.

    Raises ``StoreError`` for rows that only another tool can have written, such as two of one bucket.
    """
    interval, market = key
    specifications = sorted(set(rows["specification"].to_pylist()))
    metadata = {"specification": specifications[0]} if len(specifications) == 1 else {}
    closed = ceil(micros(end), WIDTHS[interval])
    fetched = max([closed, *(micros(moment) for moment in rows["fetched_at"].to_pylist())])
    try:
        series = series_class(endpoint).from_frame(
            rows.replace_schema_metadata(metadata),
            market_id=market,
            interval=interval,
            start=start,
            end=end,
            fetched=from_micros(fetched),
            endpoint=endpoint,
        )
    except UsageError as error:
        raise StoreError(
            f"the rows of {market} {interval} in {uri} were damaged by another tool: {error}; take the window out of the "
            "complete ones with allium-md forget, and fetch it again with allium-md backfill"
        ) from error
    return cast("OpenInterestSeries", series)
