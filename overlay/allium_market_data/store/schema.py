"""The columns and partitions of the tables, and the name that identifies them.

There is one row for each (market_id, interval, ts), and one partition for each interval, market and month: a month of one
market is one folder. The schema version is part of the table's name, because Delta's configuration takes no keys of one's
own. Delta rounds the minimum and maximum of a decimal column to a float, and an engine that trusts them could skip a file
that it should read; so only ``ts`` and ``provisional`` have statistics.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from ..errors import PrecisionError
from ..formats.arrow import RowSchema, text_table
from ..formats.decimal_width import DEFAULT_WIDTH, DecimalWidth, decimal_width
from ..model.endpoint import Endpoint
from ..model.intervals import WIDTHS
from ..model.times import to_iso
from ..optional import require
from ..series.generic import Series
from .spans import month_of

if TYPE_CHECKING:
    import pyarrow as pa

VERSION: Final = 1
RESTATEMENTS_NAME: Final = "allium-md restatements, schema"
PARTITIONS: Final = ("interval", "market_id", "month")
PRECISION, SCALE = 38, 18
WIDTH: Final = DEFAULT_WIDTH

CONFIGURATION: Final = {
    "delta.checkpointInterval": "20",  # opening a table reads every commit since the last checkpoint
    "delta.dataSkippingStatsColumns": "ts,provisional",
    "delta.deletedFileRetentionDuration": "interval 1 days",  # checkpoints list replaced files for this long
    "delta.enableExpiredLogCleanup": "false",  # the log has the complete windows
    "delta.logRetentionDuration": "interval 36500 days",
}


def table_name(endpoint: Endpoint) -> str:
    """The name of the table of an endpoint, without the schema version."""
    return f"allium-md {endpoint.name.replace('_', ' ')}, schema"


def is_partition(interval: object, market: object, month: object) -> bool:
    """True for the values of a partition that this package may have written; another tool can write any, null too."""
    return interval in WIDTHS and bool(market) and re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", str(month)) is not None


def rows_schema(endpoint: Endpoint) -> pa.Schema:
    """The columns of the table of an endpoint."""
    pa = require("pyarrow", "store")
    instant, decimal = pa.timestamp("us", tz="UTC"), pa.decimal128(PRECISION, SCALE)
    return pa.schema(
        [
            ("market_id", pa.string()),
            ("interval", pa.string()),
            ("month", pa.string()),
            ("ts", instant),
            *((name, decimal) for name in endpoint.columns),
            ("provisional", pa.bool_()),
            ("fetched_at", instant),
            ("specification", pa.string()),
        ]
    )


def restatements_schema(endpoint: Endpoint) -> pa.Schema:
    """The columns of the restatements table: a bucket, its old and new values, and when each was fetched.

    The old values and ``old_fetched_at`` are null for a bucket that had no row before.
    """
    pa = require("pyarrow", "store")
    instant, decimal = pa.timestamp("us", tz="UTC"), pa.decimal128(PRECISION, SCALE)
    kinds = [*((name, decimal) for name in endpoint.columns), ("fetched_at", instant)]
    pairs = [(f"{age}_{name}", kind) for name, kind in kinds for age in ("old", "new")]
    bucket = [("market_id", pa.string()), ("interval", pa.string()), ("month", pa.string()), ("ts", instant)]
    return pa.schema([*bucket, *pairs])


def rows_table(series: Series[Any], fetched_at: int) -> pa.Table:
    """Rows of one market and month in the table's columns. Nothing is rounded. Raises ``PrecisionError``."""
    pa = require("pyarrow", "store")
    columns, names = series.columns, series.endpoint.columns
    texts = text_table(series.market_id, columns, series.interval, names)
    for name, values in zip(names, columns.values, strict=True):
        if decimal_width(texts[name]).union(WIDTH) != WIDTH:
            raise _precision_error(series.market_id, name, columns.ts, values)
    rows = RowSchema(names, widths=(WIDTH,) * len(names)).cast(texts)
    constants = {
        "interval": pa.scalar(series.interval, pa.string()),
        "month": pa.scalar(f"{columns.ts[0]:%Y-%m}" if columns else month_of(0), pa.string()),
        "fetched_at": pa.scalar(fetched_at, pa.timestamp("us", tz="UTC")),
        "specification": pa.scalar(series.provenance.specification, pa.string()),
    }
    for name, value in constants.items():
        rows = rows.append_column(name, pa.repeat(value, len(columns)))
    target = rows_schema(series.endpoint)
    return rows.select(target.names).cast(target)


def merge_source(rows: pa.Table, deletions: Sequence[Mapping[str, Any]]) -> pa.Table:
    """The rows to write, then the keys of rows to delete, distinguished by a column ``deleted``."""
    pa = require("pyarrow", "store")
    keys = [{name: row[name] for name in (*PARTITIONS, "ts")} for row in deletions]
    parts = rows, pa.Table.from_pylist(keys, rows.schema)
    return pa.concat_tables(
        [
            part.append_column("deleted", pa.repeat(is_deleted, len(part)))
            for part, is_deleted in zip(parts, (False, True), strict=True)
        ]
    )


def duplicate_keys(rows: pa.Table) -> Iterator[dict[str, Any]]:
    """The key of each bucket of a series that has several rows."""
    names = (*PARTITIONS, "ts")
    for key, count in Counter(zip(*(rows[name].to_pylist() for name in names), strict=True)).items():
        if count > 1:
            yield dict(zip(names, key, strict=True))


def _precision_error(market_id: str, name: str, labels: Sequence[datetime], values: Sequence[str]) -> PrecisionError:
    ts, value = next(
        pair for pair in zip(labels, values, strict=True) if DecimalWidth.of(pair[1]).union(WIDTH) != WIDTH
    )
    return PrecisionError(
        f"{name} of {market_id} at {to_iso(ts)} is {value:.80}: it does not fit decimal({PRECISION}, {SCALE}), which has "
        f"{WIDTH.whole} digits before the point and {WIDTH.fraction} after it; nothing of this window was written"
    )
