"""Rows and series of open interest at chosen buckets, for tests of everything after a fetch."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from allium_market_data.model.endpoint import OPEN_INTEREST
from allium_market_data.model.intervals import WIDTHS, Interval
from allium_market_data.model.provenance import Provenance
from allium_market_data.model.rows import Columns
from allium_market_data.series.series import OpenInterestSeries

FIELDS = OPEN_INTEREST.columns
START = datetime(2026, 5, 1, tzinfo=UTC)
MARKET = "hl:perp:BTC-USDC"


def instant(bucket: int, interval: Interval = "1m") -> datetime:
    """The start of a bucket; bucket 0 starts at 2026-05-01T00:00:00Z."""
    return START + bucket * timedelta(microseconds=WIDTHS[interval])


def columns(
    buckets: Sequence[int],
    base: Sequence[str] | None = None,
    quote: Sequence[str] | None = None,
    *,
    interval: Interval = "1m",
    provisional: Sequence[int] = (),
) -> Columns:
    """Rows at ``buckets``; those in ``provisional`` are provisional."""
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
    """A series of these rows, or of rows at these buckets, over start <= bucket < end."""
    data = rows if isinstance(rows, Columns) else columns(rows, interval=interval)
    bucket = timedelta(microseconds=WIDTHS[interval])
    after_last = (data.ts[-1] - START) // bucket + 1 if data.ts else start + 1
    return OpenInterestSeries(
        market_id=market_id,
        interval=interval,
        start=instant(start, interval),
        end=instant(after_last if end is None else end, interval),
        columns=data,
        provenance=provenance(finished),
        unknown_fields={},
    )
