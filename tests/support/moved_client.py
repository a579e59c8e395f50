"""A program for a moved tree: the client against the sandbox of the same contract, compared with the samples themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from allium_market_data import MarketData
from allium_market_data.errors import UsageError
from allium_market_data.model.endpoint import OPEN_INTEREST
from allium_market_data.model.intervals import WIDTHS
from allium_market_data.model.times import from_micros, micros
from allium_market_data.sandbox import DEFAULT_API_KEY, Reading, Samples, create_app, running
from allium_market_data.sandbox.answer import Span

MARKET = "hl:perp:BTC-USDC"
START = datetime(2026, 5, 1, tzinfo=UTC)


def main() -> None:
    """Print each interval and what came of it: the number of rows, or why no request can fetch it."""
    with Samples.open() as samples:
        for reading in (Reading(), Reading(label="end", order="descending")):
            with (
                running(create_app(samples, reading)) as url,
                MarketData(DEFAULT_API_KEY, url) as client,
            ):
                for interval in OPEN_INTEREST.operation.intervals:
                    width = WIDTHS[interval]
                    end = START + timedelta(days=9)
                    shift = width if reading.label == "end" else 0
                    span = Span(micros(START) - shift, micros(end) - shift)
                    rows = samples.history(MARKET).last_per_bucket(width, span)
                    expected = [(from_micros(start + shift), *amounts) for start, *amounts in rows]
                    try:
                        series = client.open_interest(MARKET, interval=interval, start=START, end=end)
                    except UsageError as error:
                        print(interval, error)
                        continue
                    fetched = [(row.ts, str(row.oi_base), str(row.oi_quote_usd)) for row in series]
                    assert fetched == expected != [], interval
                    print(interval, len(fetched))


if __name__ == "__main__":
    main()
