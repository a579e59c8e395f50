"""A made-up second endpoint in the shape of funding rates: hourly, no interval parameter, one signed decimal.

Allium has not published such a page here; the names are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from allium_market_data.model.endpoint import OPEN_INTEREST, Endpoint
from allium_market_data.model.rows import Columns, Record
from allium_market_data.series.generic import Series
from allium_market_data_wire.contract import DecimalField
from support.sample_series import MARKET, START, instant, provenance


class FundingRate(Record, frozen=True, gc=False):
    """The funding rate of one hour."""

    market_id: str
    ts: datetime
    rate: Decimal
    provisional: bool = False


FUNDING_RATES = Endpoint(
    replace(
        OPEN_INTEREST.operation,
        name="funding_rates",
        path="/api/v1/markets/{market_id}/perps/funding",
        interval_parameter=None,
        intervals=("1h",),
        limit_default=168,
        decimals=(DecimalField("funding_rate", "rate", True, "per hour"),),
    ),
    FundingRate,
)


def rates(
    texts: Sequence[str],
    hours: Sequence[int] | None = None,
    end: int | None = None,
    *,
    market_id: str = MARKET,
    provisional: Sequence[int] = (),
) -> Series[FundingRate]:
    """Rates at these hours, by default consecutive ones from the first, over 0 <= hour < end."""
    hours = range(len(texts)) if hours is None else hours
    last = hours[-1] + 1 if hours else 1
    return Series(
        endpoint=FUNDING_RATES,
        market_id=market_id,
        interval="1h",
        start=START,
        end=START + timedelta(hours=last if end is None else end),
        columns=Columns(
            [instant(hour, "1h") for hour in hours], (list(texts),), [hour in provisional for hour in hours]
        ),
        provenance=provenance(),
    )
