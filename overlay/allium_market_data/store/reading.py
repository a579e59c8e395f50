"""A series out of a table: complete, as a fetch would give it, or an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..client.plan import plan
from ..errors import StoreError
from ..model.endpoint import OPEN_INTEREST
from ..model.intervals import WIDTHS, Interval, ceil
from ..model.times import from_micros, micros, to_iso
from ..series.series import OpenInterestSeries
from ..validation import Instant, check_market, to_instant
from .spans import without

if TYPE_CHECKING:
    from .table import Table


def read(table: Table, market: str, interval: Interval, start: Instant, end: Instant) -> OpenInterestSeries:
    """Every row of the market with start <= ts < end. See ``Table.series``."""
    wanted = plan(OPEN_INTEREST, interval, to_instant(start, "start"), to_instant(end, "end"))  # the checks of a fetch
    series, width = (wanted.interval, check_market(market)), WIDTHS[wanted.interval]
    span = tuple(ceil(micros(moment), width) for moment in (wanted.start, wanted.end))
    left = without((span[0], span[1]), table.coverage.complete.get(series, ()))
    if left:
        since, until = (to_iso(from_micros(moment)) for moment in left[0])
        raise StoreError(
            f"{table.uri} is not complete: {market} {interval} lacks {since} to {until}"
            f"{', and more' if left[1:] else ''}; allium-md backfill or update fetches it"
        )
    rows = table.stored(series, (span[0], span[1]))
    hashes = sorted(set(rows["specification"].to_pylist()))
    told = {"specification": hashes[0]} if len(hashes) == 1 else {}
    fetched = max([span[1], *(micros(moment) for moment in rows["fetched_at"].to_pylist())])
    return OpenInterestSeries.from_frame(
        rows.replace_schema_metadata(told),
        market_id=market,
        interval=interval,
        start=wanted.start,
        end=wanted.end,
        fetched=from_micros(fetched),
    )
