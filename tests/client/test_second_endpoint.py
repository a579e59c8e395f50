"""A second endpoint, made up, under the guarantee of the first: hourly, no interval parameter, one signed decimal.

A client has a method of a declared endpoint the same way as ``open_interest``: a plan and the class of its series.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allium_market_data import AsyncMarketData
from allium_market_data.client.decode import PageRequest, decode
from allium_market_data.client.plan import plan
from allium_market_data.client.series_fetch import start_call
from allium_market_data.client.transport import request
from allium_market_data.errors import ContractError, UsageError
from allium_market_data.model.intervals import HOUR
from allium_market_data.model.times import micros
from allium_market_data.model.windows import Window
from allium_market_data.sandbox import DEFAULT_API_KEY, READINGS, Samples, create_app, reading_named, running
from allium_market_data.series.generic import Series
from allium_market_data.validation import Instant, to_span
from support.funding_rates import FUNDING_RATES, FundingRate
from support.sample_series import MARKET

START = datetime(2026, 5, 1, tzinfo=UTC)
HOURS = 500
VALUES = {hour: f"{'-' if hour % 3 else ''}0.{hour:08}" for hour in range(HOURS) if hour % 97 != 5}
TEXTUAL = [name for name in READINGS if not name.startswith("decimals")]


class FundingData(AsyncMarketData):
    """A client with the second endpoint."""

    async def funding_rates(self, market_id: str, *, start: Instant, end: Instant | None = None) -> Series[FundingRate]:
        requests = plan(FUNDING_RATES, "1h", *to_span(start, end))
        kind: type[Series[FundingRate]] = Series
        series = await self._series(FUNDING_RATES, kind, market_id, requests, "raise", start_call(None))
        assert isinstance(series, Series)
        return series


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Samples]:
    file: Path = tmp_path_factory.mktemp("funding") / "rates.csv"
    rows = (f"{MARKET},{(START + timedelta(hours=hour)).isoformat()},{value}" for hour, value in VALUES.items())
    file.write_text("\n".join(["market_id,ts,rate", *rows, ""]))
    with Samples.open([file], operation=FUNDING_RATES.operation) as opened:
        yield opened


@pytest.mark.parametrize(
    "reading", [[], ["label-end"], ["cut-samples"], ["descending", "keep-latest"], ["ts-z", "gzip"]]
)
def test_every_row_is_fetched_under_every_reading(samples: Samples, reading: list[str]) -> None:
    async def fetch(url: str) -> Series[FundingRate]:
        async with FundingData(DEFAULT_API_KEY, url) as client:
            return await client.funding_rates(MARKET, start=START, end=START + timedelta(hours=HOURS))

    app = create_app(samples, reading_named(reading))
    with running(app) as url:
        series = asyncio.run(fetch(url))
    shift = 1 if "label-end" in reading else 0
    expected = [(START + timedelta(hours=hour + shift), Decimal(value)) for hour, value in VALUES.items()]
    assert [(row.ts, row.rate) for row in series] == [pair for pair in expected if pair[0] < series.end]
    assert [type(row) for row in series[:1]] == [FundingRate]
    assert len(app.state.requests) >= len(plan(FUNDING_RATES, "1h", START, series.end)) > 2


def test_a_request_has_no_interval_and_the_maximum_of_rows() -> None:
    window = plan(FUNDING_RATES, "1h", START, START + timedelta(days=30))[1]
    query = request(FUNDING_RATES, MARKET, "1h", window).params
    operation = FUNDING_RATES.operation
    assert set(query) == {operation.start_parameter, operation.end_parameter, operation.limit_parameter}
    assert query[operation.limit_parameter] == operation.limit_maximum
    assert window.end - window.start <= timedelta(microseconds=operation.window_cap)


def test_another_interval_is_refused() -> None:
    with pytest.raises(UsageError, match="use one of 1h"):
        plan(FUNDING_RATES, "1m", START, START + timedelta(days=1))


def body(*values: str) -> bytes:
    stamps = [(START + timedelta(hours=hour)).isoformat() for hour in range(len(values))]
    rows = [{"market_id": MARKET, "ts": ts, "funding_rate": value} for ts, value in zip(stamps, values, strict=True)]
    return json.dumps({"items": rows}).encode()


def page_request(rows: int) -> PageRequest:
    window = Window(START - timedelta(hours=1), START, START + timedelta(hours=rows))
    return PageRequest(FUNDING_RATES, MARKET, "1h", window, datetime(2100, 1, 1, tzinfo=UTC))


@given(st.lists(st.from_regex(r"-?[0-9]{1,30}(\.[0-9]{1,30})?", fullmatch=True), max_size=20))
def test_signed_decimals_are_kept_digit_by_digit(values: list[str]) -> None:
    assert decode(body(*values), page_request(len(values))).rows.values == (values,)


@pytest.mark.parametrize("value", ["--1", "+1", "1-", "-", "-.5", "1.", "", "1e3", "-1-1", "NaN"])
def test_a_value_that_is_not_a_plain_decimal_is_refused(value: str) -> None:
    with pytest.raises(ContractError, match="is not a plain, finite decimal") as raised:
        decode(body("1", value), page_request(2))
    assert (raised.value.row, raised.value.field) == (1, "funding_rate")


def test_timestamps_in_milliseconds_are_read_as_the_same_rows() -> None:
    operation = replace(FUNDING_RATES.operation, timestamp_format="epoch-milliseconds")
    changed = replace(page_request(3), endpoint=type(FUNDING_RATES)(operation, FundingRate))
    rows = [
        {"market_id": MARKET, "ts": micros(START) // 1000 + hour * HOUR // 1000, "funding_rate": "1"}
        for hour in range(3)
    ]
    data = json.dumps({"items": rows}).encode()
    assert decode(data, changed).rows.ts == decode(body("1", "1", "1"), page_request(3)).rows.ts
    for wrong in (-(10**18), 10**18, "2026-05-01T00:00:00Z", 1.5, micros(START) // 1000 + 1):
        with pytest.raises(ContractError):
            decode(json.dumps({"items": [{**rows[0], "ts": wrong}]}).encode(), changed)
