"""The types that callers see. Nothing here runs: mypy checks it, and fails when a type changes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from typing import Any, assert_type

import numpy as np

from allium_market_data import (
    INTERVALS,
    AsyncMarketData,
    FetchProgress,
    Interval,
    MarketData,
    OpenInterest,
    OpenInterestSeries,
    Plan,
    RetryPolicy,
    __version__,
    align,
    concat,
    totals,
)
from allium_market_data.errors import FetchError, UsageError
from allium_market_data.model.provenance import Provenance
from allium_market_data.model.windows import Window
from allium_market_data.series.align import Aligned, Total
from allium_market_data.series.base import Gap
from allium_market_data.series.by_market import ByMarket
from allium_market_data.series.dense import DenseRow, DenseSeries


def synchronous(start: datetime, interval: Interval, markets: Sequence[str]) -> None:
    with MarketData("key", "https://api.example", timeout=5, max_rate=2.5, retry=RetryPolicy(attempts=2)) as client:
        assert_type(client, MarketData)
        assert_type(client.open_interest("m", interval="1h", start=start, end="2026-05-01"), OpenInterestSeries)
        assert_type(
            client.open_interest(markets, interval=interval, start=start, end=start), ByMarket[OpenInterestSeries]
        )
        assert_type(client.open_interest(["m"], interval="1h", start="", end=""), ByMarket[OpenInterestSeries])
        rows = client.iter_open_interest("m", interval="1m", start=start, end=start)
        assert_type(rows, Generator[OpenInterest, None, None])
        assert_type(
            client.iter_open_interest("m", interval="1m", start=start, end=start, by="row"),
            Generator[OpenInterest, None, None],
        )
        pages = client.iter_open_interest("m", interval="1m", start=start, end=start, by="page")
        assert_type(pages, Generator[OpenInterestSeries, None, None])
        assert_type(client.plan(interval="1d", start=start, end=start), Plan)
        assert_type(client.open_interest("m", interval="1d", start="-30d"), OpenInterestSeries)
        steps: list[FetchProgress] = []
        collected = client.open_interest(
            markets, interval="1h", start=date(2026, 5, 1), errors="collect", progress=steps.append
        )
        assert_type(collected.errors, dict[str, FetchError])
        assert_type(align(collected), Aligned)
        plain: dict[str, OpenInterestSeries] = collected
        assert_type(client.latest("m"), OpenInterest)
        assert_type(client.latest([*plain], interval="1h", errors="collect"), ByMarket[OpenInterest])
        client.open_interest("m", interval="2h", start=start, end=start)  # type: ignore[call-overload]
        client.open_interest("m", interval="1h", start=5, end=start)  # type: ignore[call-overload]
        client.open_interest("m", "1h", start, start)  # type: ignore[call-overload]
        client.iter_open_interest("m", interval="1m", start=start, end=start, by="day")  # type: ignore[call-overload]
        client.iter_open_interest(["m"], interval="1m", start=start, end=start)  # type: ignore[call-overload]


async def asynchronous(start: datetime, markets: list[str]) -> None:
    async with AsyncMarketData() as client:
        assert_type(client, AsyncMarketData)
        assert_type(await client.open_interest("m", interval="1h", start=start, end=start), OpenInterestSeries)
        assert_type(await client.latest("m"), OpenInterest)
        by_market = await client.open_interest(markets, interval="1h", start=start, end=start)
        assert_type(by_market, ByMarket[OpenInterestSeries])
        rows = client.iter_open_interest("m", interval="1m", start=start, end=start)
        assert_type(rows, AsyncGenerator[OpenInterest, None])
        async for row in rows:
            assert_type(row, OpenInterest)
        pages = client.iter_open_interest("m", interval="1m", start=start, end=start, by="page")
        assert_type(pages, AsyncGenerator[OpenInterestSeries, None])
        assert_type(client.plan(interval="1d", start=start, end=start), Plan)


def records(series: OpenInterestSeries, plan: Plan) -> None:
    row = series[0]
    assert_type(row, OpenInterest)
    assert_type(row.ts, datetime)
    assert_type(row.oi_base, Decimal)
    assert_type(row.oi_quote_usd, Decimal)
    assert_type(row.provisional, bool)
    assert_type(series[1:5], OpenInterestSeries)
    assert_type(series["2026-05-02":], OpenInterestSeries)
    assert_type(series[: date(2026, 5, 2)], OpenInterestSeries)
    assert_type(series[row.ts : "now"], OpenInterestSeries)
    assert_type(series.between("-7d", np.datetime64("2026-05-02")), OpenInterestSeries)
    assert_type(series.head(), OpenInterestSeries)
    assert_type(series.tail(3), OpenInterestSeries)
    assert_type(series.ts, Sequence[datetime])
    assert_type(series.oi_base, list[Decimal])
    assert_type(series.values("oi_quote_usd"), list[Decimal])
    assert_type(series.to_dicts(), list[dict[str, Any]])
    assert_type(asdict(row), dict[str, Any])
    assert_type(list(series), list[OpenInterest])
    assert_type(series.gaps(), list[Gap])
    assert_type(series.provisional, tuple[OpenInterest, ...])
    assert_type(series.provenance, Provenance)
    assert_type(series.unknown_fields, Mapping[str, int])
    assert_type(plan[0], Window)
    assert_type(plan[1:], tuple[Window, ...])
    assert_type(INTERVALS, tuple[Interval, ...])
    assert_type(__version__, str)
    row.oi_base = Decimal(1)  # type: ignore[misc]


def failures(error: FetchError, usage_error: UsageError) -> ValueError:
    assert_type(error.market_id, str | None)
    assert_type(error.window, Window | None)
    assert_type(error.status, int | None)
    assert_type(error.headers, Mapping[str, str])
    assert_type(error.body, bytes)
    return usage_error


def analysis(series: OpenInterestSeries, interval: Interval) -> None:
    assert_type(series.resample("1h"), OpenInterestSeries)
    assert_type(series.resample(interval, label="end"), OpenInterestSeries)
    assert_type(series.densify(fill="last"), DenseSeries)
    assert_type(series.densify()[0], DenseRow)
    assert_type(series.implied_price(), list[Decimal | None])
    assert_type(series.implied_price(decimals="float"), list[float | None])
    assert_type(align(series, fill="last"), Aligned)
    assert_type(align(series)["m"], DenseSeries)
    assert_type(align({"m": series}, fill="last"), Aligned)
    assert_type(totals({"m": series}), list[Total])
    assert_type(concat(series, series), OpenInterestSeries)
    assert_type(
        OpenInterestSeries.from_file("rows.csv", interval="1h", start="2026-05-01", end="now"), OpenInterestSeries
    )
    assert_type(totals(series, missing="skip"), list[Total])
    assert_type(OpenInterestSeries.from_frame(object(), interval="1h"), OpenInterestSeries)
    series.resample("2h")  # type: ignore[arg-type]
    series.implied_price(decimals="text")  # type: ignore[call-overload]
    series.densify(fill="next")  # type: ignore[arg-type]
    totals(series, missing="zero")  # type: ignore[arg-type]
