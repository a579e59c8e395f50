"""What a server sees of a client: how many requests at a time and in a second, and what becomes of those under way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from allium_market_data import MarketData
from allium_market_data.errors import AuthenticationError, ContractError, FetchError, ServerError
from allium_market_data.sandbox import Samples
from allium_market_data.sandbox.faults import FAULTS, Fault, FaultyServer, running_with_faults
from allium_market_data.sandbox.faults.exchange import Exchange
from allium_market_data.sandbox.faults.statuses import answering
from allium_market_data.store import backfill
from system.faults.expected import LASTING
from system.faults.fetching import AT_A_TIME, KEY, MARKET, QUICK, SPAN, WAYS, Fetching, honest, options, truth

CLIENTS = pytest.mark.parametrize("client", [WAYS["sync"], WAYS["async"]], ids=["sync", "async"])


def flaky(every: int, seconds: float) -> Fault:
    """Slow, and each n-th answer is a 503."""
    count = 0
    refuse = answering(503, "Try again")

    async def act(exchange: Exchange) -> None:
        nonlocal count
        count += 1
        mine = count
        await exchange.pause(seconds)
        await (refuse(exchange) if mine % every == 0 else exchange.send(exchange.correct_response()))

    return Fault("flaky", "slow, and each n-th answer is a 503", act, after=0, times=None)


@CLIENTS
@pytest.mark.parametrize(("at_a_time", "rate"), [(2, 100.0), (8, 12.0), (3, 20.0)])
def test_rate_and_concurrency_hold_together_retries_included(
    served_samples: Samples, client: Fetching, at_a_time: int, rate: float
) -> None:
    with running_with_faults(honest(served_samples), [flaky(4, 0.08)]) as server:
        assert client(server.url, max_concurrency=at_a_time, max_rate=rate) == truth(served_samples)
    began = [seen.began for seen in server.requests]
    assert len(began) > 8
    assert server.max_concurrent() <= at_a_time
    assert began[-1] - began[0] > 0.7 * (len(began) - 1) / rate


def ended(server: FaultyServer) -> bool:
    until = time.monotonic() + 10
    while any(seen.ended is None for seen in server.requests) and time.monotonic() < until:
        time.sleep(0.01)
    return all(seen.ended is not None for seen in server.requests)


@CLIENTS
def test_one_failing_window_ends_its_siblings_at_the_server_too(served_samples: Samples, client: Fetching) -> None:
    faults = [replace(FAULTS["stalled"], after=1, times=3), replace(FAULTS["html"], after=0, times=1)]
    began = time.monotonic()
    with running_with_faults(honest(served_samples), faults) as server:
        with pytest.raises(ContractError):
            client(server.url, timeout=60)
        assert time.monotonic() - began < 30
        assert ended(server)
    assert len(server.requests) == 1 + 3 + 1 + sum(seen.fault is None for seen in server.requests[1:])


def settled(server: FaultyServer) -> int:
    """How many requests came, and no more came after: what was on its way when all ended is given the time to arrive."""
    time.sleep(0.1)
    came = len(server.requests)
    time.sleep(0.1)
    assert len(server.requests) == came
    return came


def several(count: int, call: Callable[[], object]) -> list[BaseException]:
    """The same call in several threads at once; their errors."""
    failures: list[BaseException] = []

    def work() -> None:
        try:
            call()
        except FetchError as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return failures


@pytest.mark.parametrize(
    ("status", "kind", "asked"), [(503, ServerError, QUICK.attempts), (401, AuthenticationError, 1)]
)
def test_threads_and_markets_of_one_client_share_one_budget(
    served_samples: Samples, status: int, kind: type[FetchError], asked: int
) -> None:
    async def refuse(exchange: Exchange) -> None:
        await exchange.pause(0.2)  # all threads are there by then
        await answering(status, "No")(exchange)

    ready = threading.Barrier(6)
    markets = [MARKET, "hl:perp:SOL-USDC", "hl:perp:ETH-USDC"]
    fault = Fault("refusing", "refuses everything, after a while", refuse, after=0, times=None)
    with (
        running_with_faults(honest(served_samples), [fault]) as server,
        MarketData(KEY, server.url, **options()) as client,
    ):

        def call() -> None:
            ready.wait(20)
            client.open_interest(markets, **SPAN)

        failures = several(6, call)
    assert [type(failure) for failure in failures] == [kind] * 6
    assert asked <= len(server.requests) <= 2 * asked  # a thread may come when it is over for the others
    assert server.max_concurrent() == 1


@CLIENTS
def test_a_key_that_is_revoked_stops_everything_in_flight(served_samples: Samples, client: Fetching) -> None:
    with running_with_faults(honest(served_samples), [FAULTS["key-revoked"]]) as server:
        with pytest.raises(AuthenticationError):
            client(server.url)
        assert settled(server) <= 2 + AT_A_TIME


@pytest.mark.parametrize("name", ["key-revoked", "key-forbidden", "dies"])
def test_a_backfill_stops_all_its_tasks_at_the_first_that_fails(
    served_samples: Samples, tmp_path: Path, name: str
) -> None:
    markets = ["hl:perp:BTC-USDC", "hl:perp:SOL-USDC", "hl:perp:ETH-USDC"]
    with running_with_faults(honest(served_samples), [FAULTS[name]]) as server:
        with MarketData(KEY, server.url, **options(max_concurrency=1)) as client, pytest.raises(FetchError) as caught:
            backfill(markets, "1h", "2026-02-01", "2026-05-01", tmp_path / "table", client=client)
        sent = settled(server)
    assert type(caught.value) is LASTING[name]
    least = 2 + (QUICK.attempts if name == "dies" else 1)
    assert least <= sent <= least + 1  # one may be on its way while the others are told
