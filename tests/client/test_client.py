"""Both clients through real HTTP: the guarantee, several markets, streams, threads, loops, and where rows came from."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from allium_market_data import AsyncMarketData, MarketData, OpenInterest, OpenInterestSeries, RetryPolicy, __version__
from allium_market_data.errors import FetchError, IncompleteError, NotFoundError, PermissionDeniedError, UsageError
from allium_market_data.model.intervals import DAY, WIDTHS, Interval
from allium_market_data.model.times import from_micros, micros
from allium_market_data.sandbox import DEFAULT_API_KEY, Samples, create_app, reading_named, running
from allium_market_data.sandbox.answer import Span
from support.adapted import scripted
from support.serving import MARKET, Sandbox, page

MAY = datetime(2026, 4, 1, 0, 0, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
BITMEX = "bitmex:perp:XBTUSD"
SPAN: dict[str, Any] = {"interval": "1h", "start": "2026-03-01", "end": "2026-03-03"}
LONG: dict[str, Any] = {"interval": "1m", "start": "2026-03-01", "end": "2026-03-11"}


def truth(samples: Samples, market: str, interval: Interval, start: datetime, end: datetime) -> list[tuple[Any, ...]]:
    """The rows straight from the database, without the endpoint and its limits."""
    span = Span(micros(start) - 2 * DAY, micros(end) + 2 * DAY)
    rows = samples.history(market).last_per_bucket(WIDTHS[interval], span)
    return [(from_micros(at), Decimal(b), Decimal(q)) for at, b, q in rows if start <= from_micros(at) < end]


def told(series: OpenInterestSeries) -> list[tuple[Any, ...]]:
    return [(row.ts, row.oi_base, row.oi_quote_usd) for row in series]


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[MarketData]:
    with MarketData(sandbox.key, sandbox.url) as opened:
        yield opened


def again(sandbox: Sandbox) -> AsyncMarketData:
    return AsyncMarketData(sandbox.key, sandbox.url)


@pytest.mark.parametrize(("interval", "days"), [("1m", 12), ("5m", 40), ("15m", 5), ("1h", 30), ("4h", 60), ("1d", 90)])
def test_a_fetch_gives_every_row_of_the_window_whatever_the_interval(
    client: MarketData, served_samples: Samples, interval: Interval, days: int
) -> None:
    start, end = MAY - timedelta(days=50), MAY + timedelta(days=days - 50)
    series = client.open_interest(MARKET, interval=interval, start=start, end=end)
    assert told(series) == truth(served_samples, MARKET, interval, start, end)
    assert (series.start, series.end, series.market_id, series.interval) == (start, end, MARKET, interval)


@pytest.mark.parametrize(
    "names",
    [
        ["label-end", "descending", "keep-latest"],
        ["cut-samples", "end-inclusive", "gzip", "unknown-fields"],
        ["start-bucket", "ts-z", "decimals-18", "descending"],
    ],
)
def test_a_fetch_gives_the_same_rows_under_other_readings(served_samples: Samples, names: list[str]) -> None:
    start, end = MAY - timedelta(days=8), MAY
    shift = timedelta(minutes=5 * ("label-end" in names))
    with running(create_app(served_samples, reading_named(names))) as url, MarketData(DEFAULT_API_KEY, url) as client:
        series = client.open_interest(MARKET, interval="5m", start=start, end=end)
    rows = truth(served_samples, MARKET, "5m", start - shift, end - shift)
    assert told(series) == [(ts + shift, base, quote) for ts, base, quote in rows]
    assert bool(series.unknown_fields) == ("unknown-fields" in names)


def test_the_text_of_a_decimal_survives(client: MarketData) -> None:
    series = client.open_interest(MARKET, **SPAN)
    text = [str(row.oi_base) for row in series]
    assert text == series.columns.values[0]
    assert any(value.endswith("0") and "." in value for value in client.open_interest(MARKET, **LONG).columns.values[0])


def test_the_synchronous_and_the_asynchronous_client_are_one(client: MarketData, sandbox: Sandbox) -> None:
    async def run() -> OpenInterestSeries:
        async with again(sandbox) as other:
            series: OpenInterestSeries = await other.open_interest(MARKET, **SPAN)
            return series

    assert asyncio.run(run()) == client.open_interest(MARKET, **SPAN)


def test_no_more_than_the_plan_is_asked_where_nothing_is_missing(client: MarketData, sandbox: Sandbox) -> None:
    start, end = datetime(2026, 3, 24, tzinfo=UTC), datetime(2026, 3, 31, tzinfo=UTC)
    series = client.open_interest(MARKET, interval="1m", start=start, end=end)
    plan = client.plan(interval="1m", start=start, end=end)
    assert len(plan) == 3
    assert len(sandbox.requests) == series.provenance.requests <= 1.6 * len(plan)


def test_several_markets_give_a_mapping_in_their_order_each_fetched_once(client: MarketData, sandbox: Sandbox) -> None:
    markets = ["hl:perp:SOL-USDC", MARKET, BITMEX, MARKET]
    found = client.open_interest(markets, **SPAN)
    assert list(found) == ["hl:perp:SOL-USDC", MARKET, BITMEX]
    assert [len(series) for series in found.values()] == [48, 48, 0]
    assert {market: series.market_id for market, series in found.items()} == {market: market for market in found}
    assert sum(request.path.count(MARKET) for request in sandbox.requests) == 1
    assert found[MARKET] == client.open_interest(MARKET, **SPAN)
    assert client.open_interest([], **SPAN) == {}
    assert list(client.open_interest((market for market in markets[:1]), **SPAN)) == markets[:1]


def test_one_failing_market_ends_all_with_its_own_plain_error(client: MarketData) -> None:
    with pytest.raises(NotFoundError, match="Market not found: hl:perp:NONE") as caught:
        client.open_interest([MARKET, "hl:perp:NONE", "hl:perp:SOL-USDC"], **LONG)
    assert caught.value.market_id == "hl:perp:NONE"
    assert caught.value.__context__ is None


def test_a_wrong_key_is_told_once_and_not_retried(sandbox: Sandbox) -> None:
    with MarketData("wrong", sandbox.url) as client, pytest.raises(PermissionDeniedError, match="Invalid API key"):
        client.open_interest(MARKET, **SPAN)
    assert [request.status for request in sandbox.requests] == [403]


@pytest.mark.parametrize(
    ("market", "saying"),
    [
        ("", "invalid market"),
        (" ", "invalid market"),
        ("hl:perp:BTC USDC", "invalid market"),
        ("hl:perp:BTC\n", "invalid market"),
        ("hl:perp:\x00", "invalid market"),
        ("hl:perp:\udcff", "invalid market"),
        ("..", "invalid market"),
        (".", "invalid market"),
        (5, "must be text like hl:perp:BTC-USDC, not int: 5"),
        (None, "must be text like hl:perp:BTC-USDC, not NoneType"),
        (b"hl:perp:BTC-USDC", "must be text"),
        ([MARKET, ""], "invalid market ''"),
        ([MARKET, None], "must be text"),
    ],
)
def test_what_cannot_be_a_market_is_refused_before_anything_is_asked(
    client: MarketData, sandbox: Sandbox, market: Any, saying: str
) -> None:
    with pytest.raises(UsageError, match=saying):
        client.open_interest(market, **SPAN)
    if not isinstance(market, list):
        with pytest.raises(UsageError, match=saying):
            client.iter_open_interest(market, **SPAN)
    assert sandbox.requests == []


@pytest.mark.parametrize("change", [{"interval": "2h"}, {"start": "soon"}, {"end": "2026-03-01"}, {"end": None}])
def test_a_wrong_call_is_refused_before_anything_is_asked(
    client: MarketData, sandbox: Sandbox, change: dict[str, Any]
) -> None:
    for method in (client.open_interest, client.iter_open_interest):
        with pytest.raises(UsageError):
            method(MARKET, **SPAN | change)
    with pytest.raises(UsageError):
        client.plan(**SPAN | change)
    with pytest.raises(UsageError):
        again(sandbox).iter_open_interest(MARKET, **SPAN | change)
    assert sandbox.requests == []


def test_streams_come_by_row_or_by_page_and_in_no_other_way(client: MarketData, sandbox: Sandbox) -> None:
    for asked in (client, again(sandbox)):
        with pytest.raises(UsageError, match="by must be 'row' or 'page', not 'day'"):
            asked.iter_open_interest(MARKET, by="day", **SPAN)  # type: ignore[call-overload]


def test_a_market_of_odd_characters_stands_in_the_path_as_it_is(client: MarketData, sandbox: Sandbox) -> None:
    for market in ("a/b?c#d%41", "hl:perp:東京", "%2e%2e", "a\\b"):
        with pytest.raises(NotFoundError):
            client.open_interest(market, **SPAN)
    assert [request.path.split("/markets/")[1].split("/perps")[0] for request in sandbox.requests][1:] == [
        "hl:perp:東京",
        "%2e%2e",
        "a\\b",
    ]


def test_a_window_without_a_boundary_is_an_empty_series_and_no_request(client: MarketData, sandbox: Sandbox) -> None:
    inside = {"interval": "1h", "start": "2026-03-01T00:00:01", "end": "2026-03-01T01:00:00"}
    series = client.open_interest(MARKET, **inside)  # type: ignore[call-overload]
    assert (list(series), series.gaps(), series.provenance.requests) == ([], [], 0)
    assert list(client.iter_open_interest(MARKET, **inside)) == []  # type: ignore[call-overload]
    assert sandbox.requests == []


def test_rows_come_one_by_one_as_in_the_series(client: MarketData) -> None:
    rows = list(client.iter_open_interest(MARKET, **LONG))
    assert rows == list(client.open_interest(MARKET, **LONG))
    assert all(isinstance(row, OpenInterest) for row in rows)


def test_the_spans_of_pages_join_and_their_gaps_are_those_of_the_whole(client: MarketData) -> None:
    pages = list(client.iter_open_interest(MARKET, by="page", **LONG))
    whole = client.open_interest(MARKET, **LONG)
    assert len(pages) >= 3
    assert (pages[0].start, pages[-1].end) == (whole.start, whole.end)
    assert all(before.end == after.start for before, after in pairwise(pages))
    assert max(len(one) for one in pages) <= 5_000
    assert [row for one in pages for row in one] == list(whole)
    assert sum(gap.buckets for one in pages for gap in one.gaps()) == sum(gap.buckets for gap in whole.gaps()) > 0
    assert [one.provenance.requests for one in pages] == sorted(one.provenance.requests for one in pages)


def test_a_market_without_rows_in_the_window_gives_no_page(client: MarketData) -> None:
    assert list(client.iter_open_interest(BITMEX, by="page", **LONG)) == []


@contextmanager
def stalling(answered: int) -> Iterator[tuple[AsyncMarketData, list[str]]]:
    """A client of a server that answers so many requests and lets the others wait; and what became of those."""
    fate: list[str] = []
    asked = 0

    async def handler(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        if asked > answered:
            try:
                fate.append("asked")
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                fate.append("cancelled")
                raise
        start = datetime.fromisoformat(request.url.params["start_timestamp"])
        end = datetime.fromisoformat(request.url.params["end_timestamp"])
        return httpx.Response(200, content=page(start, (end - start) // HOUR))

    made = AsyncMarketData("key", "https://api.example", max_concurrency=3)
    made._http = scripted(handler)
    yield made, fate


WEEKS: dict[str, Any] = {"interval": "1h", "start": "2026-01-01", "end": "2026-04-01"}


def test_leaving_a_stream_early_cancels_what_is_under_way_and_leaves_no_task() -> None:
    async def run() -> None:
        with stalling(2) as (client, fate):
            async with client, aclosing(client.iter_open_interest(MARKET, **WEEKS)) as rows:
                async for row in rows:
                    assert row.ts == datetime(2026, 1, 1, tzinfo=UTC)
                    await asyncio.sleep(0.01)
                    break
            assert sorted(fate) == ["asked"] * fate.count("asked") + ["cancelled"] * fate.count("asked")
            assert fate
            assert len(asyncio.all_tasks()) == 1

    asyncio.run(run())


def test_cancelling_a_fetch_cancels_its_requests() -> None:
    async def run() -> None:
        with stalling(1) as (client, fate):
            with pytest.raises(TimeoutError):
                async with client, asyncio.timeout(0.2):
                    await client.open_interest([MARKET, "hl:perp:SOL-USDC"], **WEEKS)
            assert sorted(fate) == ["asked"] * 3 + ["cancelled"] * 3
            assert len(asyncio.all_tasks()) == 1

    asyncio.run(run())


def test_a_stream_asks_no_further_ahead_than_its_concurrency(sandbox: Sandbox) -> None:
    with MarketData(sandbox.key, sandbox.url, max_concurrency=2) as client:
        rows = client.iter_open_interest(MARKET, interval="1h", start="2026-01-20", end="2026-05-01")
        next(rows)
        time.sleep(0.1)
        # Two that were used, each perhaps asked about again, and two ahead.
        assert len(sandbox.requests) <= 7 < len(client.plan(interval="1h", start="2026-01-20", end="2026-05-01"))


def test_a_failure_in_the_middle_of_a_stream_comes_after_the_rows_before_it() -> None:
    async def run() -> list[OpenInterest]:
        client = AsyncMarketData("key", "https://api.example", max_concurrency=1)

        def handler(request: httpx.Request) -> httpx.Response:
            start = datetime.fromisoformat(request.url.params["start_timestamp"])
            end = datetime.fromisoformat(request.url.params["end_timestamp"])
            revoked = start > datetime(2026, 2, 1, tzinfo=UTC)
            return httpx.Response(401) if revoked else httpx.Response(200, content=page(start, (end - start) // HOUR))

        client._http = scripted(handler)
        rows: list[OpenInterest] = []

        async def read() -> None:
            async for row in client.iter_open_interest(MARKET, **WEEKS):
                rows.append(row)

        with pytest.raises(FetchError) as caught:
            await read()
        assert caught.value.window is not None
        assert caught.value.window.start > datetime(2026, 2, 1, tzinfo=UTC)
        await client.aclose()
        return rows

    rows = asyncio.run(run())
    assert [row.ts for row in rows] == [datetime(2026, 1, 1, tzinfo=UTC) + HOUR * row for row in range(len(rows))]
    assert len(rows) > 300


def test_a_server_that_cuts_too_short_to_be_trusted_is_an_error_that_names_market_and_window() -> None:
    async def run() -> None:
        client = AsyncMarketData("key", "https://api.example")

        def handler(request: httpx.Request) -> httpx.Response:
            start = datetime.fromisoformat(request.url.params["start_timestamp"])
            return httpx.Response(200, content=page(-(-(start - EPOCH) // HOUR) * HOUR + EPOCH, 1))

        client._http = scripted(handler)
        await client.open_interest(MARKET, interval="1h", start="2026-01-01", end="2026-01-03")

    with pytest.raises(IncompleteError, match="caps responses at 1 rows, too few to tell a gap") as caught:
        asyncio.run(run())
    assert caught.value.market_id == MARKET
    assert caught.value.window is not None


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def test_the_synchronous_client_works_inside_of_a_running_loop(client: MarketData) -> None:
    async def notebook() -> int:
        return len(client.open_interest(MARKET, **SPAN)) + len(list(client.iter_open_interest(MARKET, **SPAN)))

    assert asyncio.run(notebook()) == 96


def test_threads_share_a_client_and_its_connections(client: MarketData, sandbox: Sandbox) -> None:
    found: list[Any] = []

    def work(number: int) -> None:
        if number % 2:
            found.append(list(client.open_interest(MARKET, **SPAN)))
        else:
            found.append(list(client.iter_open_interest(MARKET, **SPAN)))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert all(rows == found[0] and len(rows) == 48 for rows in found)
    assert len(sandbox.requests) == 8
    loops = [thread for thread in threading.enumerate() if thread.name == "allium-market-data"]
    assert len(loops) == 1


def test_a_closed_client_can_be_used_again_and_closed_twice(client: MarketData) -> None:
    rows = list(client.open_interest(MARKET, **SPAN))
    client.close()
    client.close()
    assert list(client.open_interest(MARKET, **SPAN)) == rows


def test_a_client_that_nobody_holds_leaves_no_thread(sandbox: Sandbox) -> None:
    def use() -> None:
        MarketData(sandbox.key, sandbox.url).open_interest(MARKET, **SPAN)

    use()
    gc.collect()
    until = time.monotonic() + 5
    while any(thread.name == "allium-market-data" for thread in threading.enumerate()):
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_series_says_where_it_came_from(client: MarketData, sandbox: Sandbox) -> None:
    before = datetime.now(UTC)
    series = client.open_interest(MARKET, **LONG)
    after = datetime.now(UTC)
    provenance = series.provenance
    lock = tomllib.loads((Path(__file__).parents[2] / "spec" / "lock.toml").read_text(encoding="utf-8"))
    assert provenance.base_url == sandbox.url
    assert provenance.client_version == __version__
    assert provenance.specification == lock["documents"]["patched"]
    assert list(provenance.windows) == list(client.plan(**LONG))
    assert provenance.requests == len(sandbox.requests)
    assert before <= provenance.started <= provenance.finished <= after
    assert client.describe(client.plan(**LONG))["specification"] == provenance.specification


def clocked(sandbox: Sandbox, now: datetime) -> Callable[..., OpenInterestSeries]:
    def fetch(**span: Any) -> OpenInterestSeries:
        async def run() -> OpenInterestSeries:
            client = again(sandbox)
            client._clock = lambda: now
            async with client:
                series: OpenInterestSeries = await client.open_interest(MARKET, **span)
                return series

        return asyncio.run(run())

    return fetch


@pytest.mark.parametrize(
    ("seconds", "provisional"),
    [(-1, [1, 2, 3]), (0, [1, 2, 3]), (1, [2, 3]), (3_600, [2, 3]), (3_601, [3]), (7_200, [3]), (7_201, [])],
)
def test_a_bucket_whose_end_is_not_in_the_past_is_provisional(
    sandbox: Sandbox, seconds: int, provisional: list[int]
) -> None:
    """``ts`` may name the start of a bucket, so it is over one width after its label."""
    start = datetime(2026, 3, 24, tzinfo=UTC)
    now = start + 2 * HOUR + timedelta(seconds=seconds)
    series = clocked(sandbox, now)(interval="1h", start=start, end=start + 4 * HOUR)
    assert [row.ts.hour for row in series if row.provisional] == provisional
    assert [row.ts.hour for row in series.provisional] == provisional
    assert series.provenance.started == series.provenance.finished == now


def test_a_client_tells_its_url_and_no_more() -> None:
    assert repr(AsyncMarketData("key", "https://api.example")) == "AsyncMarketData(base_url='https://api.example')"


def test_a_policy_is_taken_from_the_caller(sandbox: Sandbox) -> None:
    policy = RetryPolicy(attempts=1)
    assert again(sandbox)._settings.retry == RetryPolicy()
    assert AsyncMarketData("key", retry=policy)._settings.retry is policy


def test_a_sibling_has_the_same_settings_and_pays_its_own_toll(sandbox: Sandbox) -> None:
    paid: list[int] = []

    async def before_request() -> None:
        paid.append(1)

    async def both(inner: AsyncMarketData) -> tuple[OpenInterestSeries, OpenInterestSeries]:
        span = {"start": "2026-04-01", "end": "2026-04-02"}
        async with inner.sibling(before_request) as other:
            assert other.settings is inner.settings
            assert other.server_time() is None
            theirs = await other.open_interest(MARKET, interval="1h", **span)  # type: ignore[call-overload]
            told = other.server_time()
            assert told is not None
            assert abs(told - inner.now()) < timedelta(minutes=1)
        return theirs, await inner.open_interest(MARKET, interval="1h", **span)  # type: ignore[call-overload]

    with MarketData(sandbox.key, sandbox.url) as client:
        theirs, ours = client.call(both)
    assert theirs == ours
    assert len(paid) == theirs.provenance.requests
