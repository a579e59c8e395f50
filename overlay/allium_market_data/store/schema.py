"""What stands in the tables: columns, partitions, and the name by which a table of ours is known.

One row for each (market_id, interval, ts), in partitions of one interval, market and month, so that one market and a month
read one folder. The schema's version stands in the table's own name (Delta keeps no free keys in its configuration).
Delta writes the least and greatest decimal of a file as a float, which may be rounded to the wrong side of a value; so
only ``ts`` and ``provisional`` have such statistics, and no engine skips a file that it should read.
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
from .spans import month

if TYPE_CHECKING:
    import pyarrow as pa

VERSION: Final = 1
NAME: Final = "allium-md open interest, schema"
RESTATEMENTS_NAME: Final = "allium-md restatements, schema"
PARTITIONS: Final = ("interval", "market_id", "month")
PRECISION, SCALE = 38, 18
ROOM: Final = DEFAULT_WIDTH

CONFIGURATION: Final = {
    "delta.dataSkippingStatsColumns": "ts,provisional",
    "delta.enableExpiredLogCleanup": "false",  # which windows are complete stands in the log
    "delta.logRetentionDuration": "interval 36500 days",
}


def rows_schema() -> pa.Schema:
    """The columns of the table of open interest."""
    pa = require("pyarrow", "store")
    instant, decimal = pa.timestamp("us", tz="UTC"), pa.decimal128(PRECISION, SCALE)
    return pa.schema(
        [
            ("market_id", pa.string()),
            ("interval", pa.string()),
            ("month", pa.string()),
            ("ts", instant),
            ("oi_base", decimal),
            ("oi_quote_usd", decimal),
            ("provisional", pa.bool_()),
            ("fetched_at", instant),
            ("specification", pa.string()),
        ]
    )


def restatements_schema() -> pa.Schema:
    """The columns of the table of restatements: a bucket, both values of it, and when each was fetched.

    A bucket that was not there before has no old values and no ``old_fetched_at``.
    """
    pa = require("pyarrow", "store")
    instant, decimal = pa.timestamp("us", tz="UTC"), pa.decimal128(PRECISION, SCALE)
    kinds = [("oi_base", decimal), ("oi_quote_usd", decimal), ("fetched_at", instant)]
    pairs = [(f"{age}_{name}", kind) for name, kind in kinds for age in ("old", "new")]
    plain = [("market_id", pa.string()), ("interval", pa.string()), ("month", pa.string()), ("ts", instant)]
    return pa.schema([*plain, *pairs])


def rows_table(market_id: str, interval: Interval, columns: Columns, fetched_at: int, specification: str) -> pa.Table:
    """Rows of one market and month as they stand in the table. Raises ``PrecisionError``; nothing is rounded."""
    pa = require("pyarrow", "store")
    plain = text_table(market_id, columns, interval)
    for name in OPEN_INTEREST.values:
        if decimal_width(plain[name]).union(ROOM) != ROOM:
            raise _no_room(market_id, name, columns)
    shaped = RowSchema(widths=(ROOM,) * len(OPEN_INTEREST.values)).cast(plain)
    stamp = pa.scalar(fetched_at, pa.timestamp("us", tz="UTC"))
    label = month(0) if not columns else f"{columns.ts[0]:%Y-%m}"
    constants = {
        "interval": pa.scalar(interval, pa.string()),
        "month": pa.scalar(label, pa.string()),
        "fetched_at": stamp,
        "specification": pa.scalar(specification, pa.string()),
    }
    for name, value in constants.items():
        shaped = shaped.append_column(name, pa.repeat(value, len(columns)))
    return shaped.select(rows_schema().names).cast(rows_schema())


def _no_room(market_id: str, name: str, columns: Columns) -> PrecisionError:
    values = columns.values[OPEN_INTEREST.values.index(name)]
    ts, value = next(
        pair for pair in zip(columns.ts, values, strict=True) if DecimalWidth.of(pair[1]).union(ROOM) != ROOM
    )
    return PrecisionError(
        f"{name} of {market_id} at {to_iso(ts)}, {value:.80}: the table holds {ROOM.whole} digits before the point "
        f"and {ROOM.fraction} after it (decimal({PRECISION}, {SCALE})); nothing of this window was written"
    )
