"""The columns and partitions of the tables, and the name that identifies them.

There is one row for each (market_id, interval, ts), and one partition for each interval, market and month: a month of one
market is one folder. The schema version is part of the table's name, because Delta's configuration takes no keys of one's
own. Delta rounds the minimum and maximum of a decimal column to a float, and an engine that trusts them could skip a file
that it should read; so only ``ts`` and ``provisional`` have statistics.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..errors import PrecisionError
from ..formats.arrow import RowSchema, text_table
from ..formats.decimal_width import DEFAULT_WIDTH, DecimalWidth, decimal_width
from ..model.endpoint import OPEN_INTEREST
from ..model.intervals import Interval
from ..model.rows import Columns
from ..model.times import to_iso
from ..optional import require
from .spans import month_of

if TYPE_CHECKING:
    import pyarrow as pa

VERSION: Final = 1
NAME: Final = "allium-md open interest, schema"
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


def rows_schema() -> pa.Schema:
    """The columns of the open-interest table."""
    pa = require("pyarrow", "store")
    instant, decimal = pa.timestamp("us", tz="UTC"), pa.decimal128(PRECISION, SCALE)
    return pa.schema(
        [
            ("market_id", pa.string()),
            ("interval", pa.string()),
            ("month", pa.string()),
            ("ts", instant),
            *((name, decimal) for name in OPEN_INTEREST.columns),
            ("provisional", pa.bool_()),
            ("fetched_at", instant),
            ("specification", pa.string()),
        ]
    )


def restatements_schema() -> pa.Schema:
    """The columns of the restatements table: a bucket, its old and new values, and when each was fetched.

    The old values and ``old_fetched_at`` are null for a bucket that had no row before.
    """
    pa = require("pyarrow", "store")
    instant, decimal = pa.timestamp("us", tz="UTC"), pa.decimal128(PRECISION, SCALE)
    kinds = [*((name, decimal) for name in OPEN_INTEREST.columns), ("fetched_at", instant)]
    pairs = [(f"{age}_{name}", kind) for name, kind in kinds for age in ("old", "new")]
    bucket = [("market_id", pa.string()), ("interval", pa.string()), ("month", pa.string()), ("ts", instant)]
    return pa.schema([*bucket, *pairs])


def rows_table(market_id: str, interval: Interval, columns: Columns, fetched_at: int, specification: str) -> pa.Table:
    """Rows of one market and month in the table's columns. Nothing is rounded. Raises ``PrecisionError``."""
    pa = require("pyarrow", "store")
    texts = text_table(market_id, columns, interval, OPEN_INTEREST.columns)
    for name in OPEN_INTEREST.columns:
        if decimal_width(texts[name]).union(WIDTH) != WIDTH:
            raise _precision_error(market_id, name, columns)
    rows = RowSchema(OPEN_INTEREST.columns, widths=(WIDTH,) * len(OPEN_INTEREST.columns)).cast(texts)
    constants = {
        "interval": pa.scalar(interval, pa.string()),
        "month": pa.scalar(f"{columns.ts[0]:%Y-%m}" if columns else month_of(0), pa.string()),
        "fetched_at": pa.scalar(fetched_at, pa.timestamp("us", tz="UTC")),
        "specification": pa.scalar(specification, pa.string()),
    }
    for name, value in constants.items():
        rows = rows.append_column(name, pa.repeat(value, len(columns)))
    return rows.select(rows_schema().names).cast(rows_schema())


def _precision_error(market_id: str, name: str, columns: Columns) -> PrecisionError:
    values = columns.values[OPEN_INTEREST.columns.index(name)]
    ts, value = next(
        pair for pair in zip(columns.ts, values, strict=True) if DecimalWidth.of(pair[1]).union(WIDTH) != WIDTH
    )
    return PrecisionError(
        f"{name} of {market_id} at {to_iso(ts)} is {value:.80}: it does not fit decimal({PRECISION}, {SCALE}), which has "
        f"{WIDTH.whole} digits before the point and {WIDTH.fraction} after it; nothing of this window was written"
    )
