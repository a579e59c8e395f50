"""Rows and series made by hand, for tests of what comes after a fetch."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from allium_market_data.model.intervals import WIDTHS, Interval
from allium_market_data.model.provenance import Provenance
from allium_market_data.model.rows import Columns
from allium_market_data.series.series import OpenInterestSeries

START = datetime(2026, 5, 1, tzinfo=UTC)
MARKET = "hl:perp:BTC-USDC"


def instant(bucket: int, interval: Interval = "1m") -> datetime:
    """The boundary so many buckets after 2026-05-01T00:00:00Z."""
    return START + bucket * timedelta(microseconds=WIDTHS[interval])


def columns(
    buckets: Sequence[int],
    base: Sequence[str] | None = None,
    quote: Sequence[str] | None = None,
    *,
    interval: Interval = "1m",
    provisional: Sequence[int] = (),
) -> Columns:
    """Rows at these buckets, ``provisional`` being some of the buckets."""
    texts = [f"{bucket}.50" for bucket in buckets]
    return Columns(
        [instant(bucket, interval) for bucket in buckets],
        (list(base or texts), list(quote or base or texts)),
        [bucket in provisional for bucket in buckets],
    )


def provenance(finished: datetime | None = None) -> Provenance:
    return Provenance(
        base_url="https://api.allium.so",
        specification="5f" * 32,
        client_version="0.1.0",
        windows=(),
        requests=1,
        started=START,
        finished=finished or datetime(2026, 7, 1, tzinfo=UTC),
    )


def series(
    rows: Columns | Sequence[int],
    start: int = 0,
    end: int | None = None,
    *,
    interval: Interval = "1m",
    market_id: str = MARKET,
    finished: datetime | None = None,
) -> OpenInterestSeries:
    """A series of these rows over the buckets start <= bucket < end."""
    made = rows if isinstance(rows, Columns) else columns(rows, interval=interval)
    bucket = timedelta(microseconds=WIDTHS[interval])
    last = (made.ts[-1] - START) // bucket + 1 if made.ts else start + 1
    return OpenInterestSeries(
        market_id=market_id,
        interval=interval,
        start=instant(start, interval),
        end=instant(last if end is None else end, interval),
        columns=made,
        provenance=provenance(finished),
        unknown_fields={},
    )
