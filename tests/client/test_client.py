"""Both clients through real HTTP: the guarantee, several markets, streams, threads, loops, and where rows came from."""

from __future__ import annotations

import asyncio
import inspect
import threading
import tomllib
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from allium_market_data import AsyncMarketData, MarketData, OpenInterest, OpenInterestSeries, RetryPolicy, __version__
from allium_market_data.client.loop_client import LoopClient
from allium_market_data.client.plan import plan_latest, plan_metadata
from allium_market_data.client.sync_client import run_on_loop
from allium_market_data.errors import (
    AuthenticationError,
    FetchError,
    IncompleteError,
    NotFoundError,
    PermissionDeniedError,
    UsageError,
)
from allium_market_data.model.endpoint import OPEN_INTEREST
from allium_market_data.model.intervals import DAY, INTERVALS, WIDTHS, Interval, ceil
from allium_market_data.model.times import from_micros, micros
from allium_market_data.sandbox import DEFAULT_API_KEY, Samples, create_app, reading_named, running
from allium_market_data.sandbox.answer import Span
from support import virtual_time, wire
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


def values_of(series: OpenInterestSeries) -> list[tuple[Any, ...]]:
    return [(row.ts, row.oi_base, row.oi_quote_usd) for row in series]


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[MarketData]:
    with MarketData(sandbox.key, sandbox.url) as opened:
        yield opened


def asynchronous(sandbox: Sandbox) -> AsyncMarketData:
    return AsyncMarketData(sandbox.key, sandbox.url)


@pytest.mark.parametrize(("interval", "days"), [("1m", 12), ("5m", 40), ("15m", 5), ("1h", 30), ("4h", 60), ("1d", 90)])
def test_a_fetch_gives_every_row_of_the_window(
    client: MarketData, served_samples: Samples, interval: Interval, days: int
) -> None:
    start, end = MAY - timedelta(days=50), MAY + timedelta(days=days - 50)
    series = client.open_interest(MARKET, interval=interval, start=start, end=end)
    assert values_of(series) == truth(served_samples, MARKET, interval, start, end)
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
    assert values_of(series) == [(ts + shift, base, quote) for ts, base, quote in rows]
    assert bool(series.unknown_fields) == ("unknown-fields" in names)


def test_the_text_of_a_decimal_survives(client: MarketData) -> None:
    series = client.open_interest(MARKET, **SPAN)
    text = [str(row.oi_base) for row in series]
    assert text == series.columns.values[0]
    assert any(value.endswith("0") and "." in value for value in client.open_interest(MARKET, **LONG).columns.values[0])


def test_both_clients_give_the_same_series(client: MarketData, sandbox: Sandbox) -> None:
    async def run() -> OpenInterestSeries:
        async with asynchronous(sandbox) as other:
            series: OpenInterestSeries = await other.open_interest(MARKET, **SPAN)
            return series

    assert asyncio.run(run()) == client.open_interest(MARKET, **SPAN)


def test_data_without_gaps_takes_few_requests_beyond_the_plan(client: MarketData, sandbox: Sandbox) -> None:
    start, end = datetime(2026, 3, 24, tzinfo=UTC), datetime(2026, 3, 31, tzinfo=UTC)
    series = client.open_interest(MARKET, interval="1m", start=start, end=end)
    plan = client.plan(interval="1m", start=start, end=end)
    assert len(plan) == 3
    assert len(sandbox.requests) == series.provenance.requests <= 1.6 * len(plan)


def test_several_markets_give_an_ordered_mapping_each_fetched_once(client: MarketData, sandbox: Sandbox) -> None:
    markets = ["hl:perp:SOL-USDC", MARKET, BITMEX, MARKET]
    by_market = client.open_interest(markets, **SPAN)
    assert list(by_market) == ["hl:perp:SOL-USDC", MARKET, BITMEX]
    assert [len(series) for series in by_market.values()] == [48, 48, 0]
    assert {market: series.market_id for market, series in by_market.items()} == {
        market: market for market in by_market
    }
    assert sum(request.path.count(MARKET) for request in sandbox.requests) == 1
    assert by_market[MARKET] == client.open_interest(MARKET, **SPAN)
    assert client.open_interest([], **SPAN) == {}
    assert list(client.open_interest((market for market in markets[:1]), **SPAN)) == markets[:1]


def test_one_failing_market_ends_all_with_its_own_error(client: MarketData) -> None:
    with pytest.raises(NotFoundError, match="Market not found: hl:perp:NONE") as caught:
        client.open_interest([MARKET, "hl:perp:NONE", "hl:perp:SOL-USDC"], **LONG)
    assert caught.value.market_id == "hl:perp:NONE"
    assert caught.value.__context__ is None


def test_collected_errors_do_not_lose_the_other_markets(client: MarketData, sandbox: Sandbox) -> None:
    markets = ["hl:perp:NONE", MARKET, "hl:perp:NO", "hl:perp:SOL-USDC"]
    collected = client.open_interest(markets, **SPAN, errors="collect")
    assert collected == client.open_interest([MARKET, "hl:perp:SOL-USDC"], **SPAN)
    assert list(collected.errors) == ["hl:perp:NONE", "hl:perp:NO"]
    assert all(type(error) is NotFoundError for error in collected.errors.values())
    assert [error.market_id for error in collected.errors.values()] == list(collected.errors)
    assert len(repr(collected).splitlines()) == 1 + 4
    assert "&lt;2 markets, 2 failed&gt;" in collected._repr_html_()
    assert client.open_interest([MARKET], **SPAN).errors == {}

    async def run() -> Any:
        async with asynchronous(sandbox) as other:
            return await other.open_interest(markets, **SPAN, errors="collect")

    assert (again := asyncio.run(run())) == collected
    assert list(again.errors) == list(collected.errors)


def test_what_no_market_survives_is_not_collected(client: MarketData, sandbox: Sandbox) -> None:
    with pytest.raises(UsageError, match="is for several markets"):
        client.open_interest(MARKET, **SPAN, errors="collect")
    with pytest.raises(UsageError, match="unknown errors 'ignore'"):
        client.open_interest([MARKET], **SPAN, errors="ignore")  # type: ignore[call-overload]
    with pytest.raises(UsageError, match="invalid market"):
        client.open_interest([MARKET, ""], **SPAN, errors="collect")
    assert sandbox.requests == []
    refused = client_of(lambda _: httpx.Response(401), max_concurrency=1)
    with pytest.raises(AuthenticationError):
        asyncio.run(refused.open_interest([MARKET, "b"], **SPAN, errors="collect"))


def test_the_latest_row_is_that_of_the_last_bucket(sandbox: Sandbox) -> None:
    now = datetime(2026, 3, 24, 12, 30, 1, tzinfo=UTC)

    async def run() -> tuple[OpenInterest, Any, Any]:
        client = asynchronous(sandbox)
        client._clock = lambda: now
        async with client:
            one = await client.latest(MARKET)
            several = await client.latest(["hl:perp:SOL-USDC", "hl:perp:NONE"], interval="1h", errors="collect")
            return one, several, await client.latest([BITMEX, MARKET], interval="1d", errors="collect")

    one, several, days = asyncio.run(run())
    assert (one.market_id, one.ts, one.provisional) == (MARKET, now.replace(second=0), True)
    assert {market: row.ts for market, row in several.items()} == {"hl:perp:SOL-USDC": now.replace(minute=0, second=0)}
    assert list(several.errors) == ["hl:perp:NONE"]
    assert days[MARKET].ts == datetime(2026, 3, 24, tzinfo=UTC)
    assert isinstance(days.errors[BITMEX], IncompleteError)
    assert "the server has no row since 2026-03-1" in str(days.errors[BITMEX])


def test_the_latest_row_may_lie_far_back(sandbox: Sandbox) -> None:
    async def run() -> OpenInterest:
        client = asynchronous(sandbox)
        client._clock = lambda: datetime(2019, 12, 31, tzinfo=UTC)
        async with client:
            return await client.latest(BITMEX)

    assert asyncio.run(run()).ts == datetime(2019, 12, 28, 12, 20, tzinfo=UTC)


@pytest.mark.parametrize("interval", INTERVALS)
def test_the_latest_row_takes_one_request_for_each_attempt(interval: Interval) -> None:
    for requests in plan_latest(OPEN_INTEREST, interval, datetime(2026, 3, 24, 12, 30, 1, tzinfo=UTC)):
        assert len(requests) == 1
        assert requests.buckets > 0


def test_without_an_end_a_fetch_ends_now(client: MarketData) -> None:
    plan, before = client.plan(interval="1h", start="-3h"), datetime.now(UTC)
    assert plan.end - plan.start == 3 * HOUR
    assert timedelta(0) <= before - plan.end < timedelta(minutes=5)
    series = client.open_interest(MARKET, interval="1h", start=datetime(2026, 5, 1, tzinfo=UTC).date())
    assert series.start == datetime(2026, 5, 1, tzinfo=UTC)
    assert series.end >= before


def test_the_traceback_of_a_failed_fetch_ends_at_the_call(client: MarketData, sandbox: Sandbox) -> None:
    """Its frames through tasks, futures and retries would be seventy lines."""

    async def run() -> None:
        async with asynchronous(sandbox) as other:
            await other.open_interest("hl:perp:NONE", **SPAN)

    for call in (
        lambda: client.open_interest("hl:perp:NONE", **SPAN),
        lambda: list(client.iter_open_interest("hl:perp:NONE", **SPAN)),
        lambda: client.latest(["hl:perp:NONE"]),
        lambda: asyncio.run(run()),
    ):
        with pytest.raises(NotFoundError) as caught:
            call()
        frames = traceback.extract_tb(caught.value.__traceback__)
        inside = [frame for frame in frames if frame.filename != __file__ and "asyncio" not in frame.filename]
        assert 1 <= len(inside) <= 3
        assert {Path(frame.filename).parent.name for frame in inside} == {"client"}
        assert caught.value.__cause__ is None


def test_a_wrong_key_is_not_retried(sandbox: Sandbox) -> None:
    with MarketData("wrong", sandbox.url) as client, pytest.raises(PermissionDeniedError, match="Invalid API key"):
        client.open_interest(MARKET, **SPAN)
    assert [request.status for request in sandbox.requests] == [403]


@pytest.mark.parametrize(
    ("market", "message"),
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
def test_an_invalid_market_is_refused_before_the_first_request(
    client: MarketData, sandbox: Sandbox, market: Any, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        client.open_interest(market, **SPAN)
    if not isinstance(market, list):
        with pytest.raises(UsageError, match=message):
            client.iter_open_interest(market, **SPAN)
    assert sandbox.requests == []


@pytest.mark.parametrize("change", [{"interval": "2h"}, {"start": "soon"}, {"end": "2026-03-01"}, {"start": None}])
def test_a_wrong_argument_is_refused_before_the_first_request(
    client: MarketData, sandbox: Sandbox, change: dict[str, Any]
) -> None:
    for method in (client.open_interest, client.iter_open_interest):
        with pytest.raises(UsageError):
            method(MARKET, **SPAN | change)
    with pytest.raises(UsageError):
        client.plan(**SPAN | change)
    with pytest.raises(UsageError):
        asynchronous(sandbox).iter_open_interest(MARKET, **SPAN | change)
    assert sandbox.requests == []


def test_a_stream_is_by_row_or_by_page(client: MarketData, sandbox: Sandbox) -> None:
    for asked in (client, asynchronous(sandbox)):
        with pytest.raises(UsageError, match="unknown by 'day': use one of row, page"):
            asked.iter_open_interest(MARKET, by="day", **SPAN)  # type: ignore[call-overload]


def test_special_characters_of_a_market_are_escaped_in_the_path(client: MarketData, sandbox: Sandbox) -> None:
    for market in ("a/b?c#d%41", "hl:perp:東京", "%2e%2e", "a\\b"):
        with pytest.raises(NotFoundError):
            client.open_interest(market, **SPAN)
    assert [request.path.split("/markets/")[1].split("/perps")[0] for request in sandbox.requests][1:] == [
        "hl:perp:東京",
        "%2e%2e",
        "a\\b",
    ]


def test_a_span_without_a_bucket_is_an_empty_series_without_a_request(client: MarketData, sandbox: Sandbox) -> None:
    inside = {"interval": "1h", "start": "2026-03-01T00:00:01", "end": "2026-03-01T01:00:00"}
    series = client.open_interest(MARKET, **inside)  # type: ignore[call-overload]
    assert (list(series), series.gaps(), series.provenance.requests) == ([], [], 0)
    assert list(client.iter_open_interest(MARKET, **inside)) == []  # type: ignore[call-overload]
    assert sandbox.requests == []


def test_a_stream_of_rows_equals_the_series(client: MarketData) -> None:
    rows = list(client.iter_open_interest(MARKET, **LONG))
    assert rows == list(client.open_interest(MARKET, **LONG))
    assert all(isinstance(row, OpenInterest) for row in rows)


def test_spans_of_pages_join_and_have_the_gaps_of_the_series(client: MarketData) -> None:
    pages = list(client.iter_open_interest(MARKET, by="page", **LONG))
    whole = client.open_interest(MARKET, **LONG)
    assert len(pages) >= 3
    assert (pages[0].start, pages[-1].end) == (whole.start, whole.end)
    assert all(before.end == after.start for before, after in pairwise(pages))
    assert max(len(part) for part in pages) <= 5_000
    assert [row for part in pages for row in part] == list(whole)
    assert sum(gap.buckets for part in pages for gap in part.gaps()) == sum(gap.buckets for gap in whole.gaps()) > 0
    assert [part.provenance.requests for part in pages] == sorted(part.provenance.requests for part in pages)


def test_a_market_without_rows_gives_no_page(client: MarketData) -> None:
    assert list(client.iter_open_interest(BITMEX, by="page", **LONG)) == []


def full_page(request: httpx.Request) -> httpx.Response:
    """A row for each hour of the requested window."""
    start, end = wire.window(request.url.params)
    return httpx.Response(200, content=page(start, (end - start) // HOUR))


def client_of(handler: Callable[[httpx.Request], Any], **options: Any) -> AsyncMarketData:
    """A client of a server that is a function."""
    client = AsyncMarketData("key", "https://api.example", **options)
    client._http = scripted(handler)
    return client


def stalling(responses: int) -> tuple[AsyncMarketData, Counter[str]]:
    """A client of a server that stalls after some responses, and counts the stalled requests and the cancelled ones."""
    outcomes: Counter[str] = Counter()

    async def handler(request: httpx.Request) -> httpx.Response:
        outcomes["sent"] += 1
        if outcomes["sent"] > responses:
            outcomes["stalled"] += 1
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                outcomes["cancelled"] += 1
                raise
        return full_page(request)

    return client_of(handler, max_concurrency=3), outcomes


WEEKS: dict[str, Any] = {"interval": "1h", "start": "2026-01-01", "end": "2026-04-01"}


def test_leaving_a_stream_early_cancels_its_requests() -> None:
    async def main() -> None:
        client, outcomes = stalling(responses=2)
        async with client, aclosing(client.iter_open_interest(MARKET, **WEEKS)) as rows:
            assert (await anext(rows)).ts == datetime(2026, 1, 1, tzinfo=UTC)
            await asyncio.sleep(1)
        assert outcomes["stalled"] == outcomes["cancelled"] > 0
        assert len(asyncio.all_tasks()) == 1

    virtual_time.run(main())


def test_cancelling_a_fetch_cancels_its_requests() -> None:
    async def main() -> None:
        client, outcomes = stalling(responses=1)
        with pytest.raises(TimeoutError):
            async with client, asyncio.timeout(1):
                await client.open_interest([MARKET, "hl:perp:SOL-USDC"], **WEEKS)
        assert outcomes["stalled"] == outcomes["cancelled"] == 3
        assert len(asyncio.all_tasks()) == 1

    virtual_time.run(main())


def test_a_stream_requests_no_further_ahead_than_its_concurrency() -> None:
    async def main() -> None:
        starts: list[str] = []

        def handler(request: httpx.Request) -> httpx.Response:
            starts.append(request.url.params[wire.START])
            return full_page(request)

        client = client_of(handler, max_concurrency=2)
        async with client, aclosing(client.iter_open_interest(MARKET, **WEEKS)) as rows:
            await anext(rows)
            await asyncio.sleep(1)  # virtual: every request that would be sent has been sent
            assert len(starts) == 1 + 3 < len(client.plan(**WEEKS))  # one page in use, and concurrency + 1 ahead

    virtual_time.run(main())


def test_a_failure_within_a_stream_comes_after_the_rows_before_it() -> None:
    rows: list[OpenInterest] = []

    def handler(request: httpx.Request) -> httpx.Response:
        start, _ = wire.window(request.url.params)
        return httpx.Response(401) if start > datetime(2026, 2, 1, tzinfo=UTC) else full_page(request)

    async def main() -> None:
        async with client_of(handler, max_concurrency=1) as client:
            async for row in client.iter_open_interest(MARKET, **WEEKS):
                rows.append(row)

    with pytest.raises(FetchError) as caught:
        virtual_time.run(main())
    assert caught.value.window is not None
    assert caught.value.window.start > datetime(2026, 2, 1, tzinfo=UTC)
    assert [row.ts for row in rows] == [datetime(2026, 1, 1, tzinfo=UTC) + HOUR * row for row in range(len(rows))]
    assert len(rows) > 300


def test_a_row_cap_of_one_is_an_error_that_names_market_and_window() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        start, _ = wire.window(request.url.params)
        return httpx.Response(200, content=page(from_micros(ceil(micros(start), WIDTHS["1h"])), 1))

    async def main() -> None:
        async with client_of(handler) as client:
            await client.open_interest(MARKET, interval="1h", start="2026-01-01", end="2026-01-03")

    with pytest.raises(IncompleteError, match="caps responses at 1 row, too few to tell a gap") as caught:
        virtual_time.run(main())
    assert caught.value.market_id == MARKET
    assert caught.value.window is not None


def test_the_synchronous_client_works_within_a_running_loop(client: MarketData) -> None:
    async def notebook() -> int:
        return len(client.open_interest(MARKET, **SPAN)) + len(list(client.iter_open_interest(MARKET, **SPAN)))

    assert asyncio.run(notebook()) == 96


def test_threads_share_a_client(client: MarketData, sandbox: Sandbox) -> None:
    results: list[Any] = []

    def work(number: int) -> None:
        fetch: Any = client.open_interest if number % 2 else client.iter_open_interest
        results.append(list(fetch(MARKET, **SPAN)))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == len(sandbox.requests) == 8
    assert all(rows == results[0] and len(rows) == 48 for rows in results)


def test_a_closed_client_can_be_used_again_and_closed_twice(client: MarketData) -> None:
    rows = list(client.open_interest(MARKET, **SPAN))
    client.close()
    client.close()
    assert list(client.open_interest(MARKET, **SPAN)) == rows


def test_the_provenance_of_a_series(client: MarketData, sandbox: Sandbox) -> None:
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
    assert plan_metadata(client.plan(**LONG), client.base_url)["specification"] == provenance.specification


def clocked(sandbox: Sandbox, now: datetime) -> Callable[..., OpenInterestSeries]:
    def fetch(**span: Any) -> OpenInterestSeries:
        async def run() -> OpenInterestSeries:
            client = asynchronous(sandbox)
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


def test_retry_policy_is_that_of_the_caller() -> None:
    policy = RetryPolicy(attempts=1)
    assert AsyncMarketData("key")._settings.retry == RetryPolicy()
    assert AsyncMarketData("key", retry=policy)._settings.retry is policy


def test_a_clone_has_the_same_settings_and_its_own_hook(client: MarketData) -> None:
    calls = 0

    async def before_request() -> None:
        nonlocal calls
        calls += 1

    async def fetch_both(loop_client: LoopClient) -> tuple[OpenInterestSeries, OpenInterestSeries]:
        async with loop_client.clone(before_request) as clone:
            assert clone.settings is loop_client.settings
            assert clone.server_time() is None
            series: OpenInterestSeries = await clone.open_interest(MARKET, **SPAN)
            server_time = clone.server_time()
            assert server_time is not None
            assert abs(server_time - loop_client.now()) < timedelta(minutes=1)
        return series, await loop_client.open_interest(MARKET, **SPAN)

    of_clone, of_client = run_on_loop(client, fetch_both)
    assert of_clone == of_client
    assert calls == of_clone.provenance.requests


def public_methods(client: type) -> dict[str, tuple[str | None, list[inspect.Parameter]]]:
    """Names, documentation and parameters of public methods and properties."""
    methods = {}
    for name, member in vars(client).items():
        if not name.startswith("_") and name not in ("close", "aclose"):
            function: Any = member.fget if isinstance(member, property) else member
            methods[name] = (inspect.getdoc(member), list(inspect.signature(function).parameters.values()))
    return methods


def test_both_clients_have_the_same_public_methods() -> None:
    assert public_methods(MarketData) == public_methods(AsyncMarketData)
    assert set(public_methods(MarketData)) == {"base_url", "plan", "open_interest", "iter_open_interest", "latest"}
    parameters = [inspect.signature(client).parameters for client in (MarketData, AsyncMarketData)]
    assert parameters[0] == parameters[1]
