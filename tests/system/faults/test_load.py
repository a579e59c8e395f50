"""The load of a client as a server sees it: requests in flight, retries, and requests after a failure."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from allium_market_data import MarketData
from allium_market_data.client.circuit import Call, CircuitBreaker, Ticket
from allium_market_data.errors import AuthenticationError, ContractError, FetchError, ServerError
from allium_market_data.sandbox import Samples
from allium_market_data.sandbox.faults import FAULTS, Fault, running_with_faults
from allium_market_data.sandbox.faults.exchange import Exchange
from allium_market_data.sandbox.faults.statuses import answering
from allium_market_data.store import backfill
from allium_market_data.store.failures import MAX_FAILING_MARKETS
from system.faults.expected import LASTING
from system.faults.fetching import KEY, MARKET, MAX_CONCURRENCY, QUICK, SPAN, WAYS, Fetching, honest, options, truth

CLIENTS = pytest.mark.parametrize("client", [WAYS["sync"], WAYS["async"]], ids=["sync", "async"])


def flaky(every: int, seconds: float) -> Fault:
    """Slow, and each n-th response is a 503."""
    count = 0
    refuse = answering(503, "Try again")

    async def handle(exchange: Exchange) -> None:
        nonlocal count
        count += 1
        is_refused = count % every == 0
        await exchange.pause(seconds)
        await (refuse(exchange) if is_refused else exchange.send(exchange.correct_response()))

    return Fault("flaky", "slow, and each n-th response is a 503", handle, after=0, times=None)


@CLIENTS
def test_max_concurrency_holds_retries_included(served_samples: Samples, client: Fetching) -> None:
    """The unit tests of the transport prove the rate, in virtual time."""
    with running_with_faults(honest(served_samples), [flaky(every=4, seconds=0.03)]) as server:
        assert client(server.url, max_concurrency=3, max_rate=100) == truth(served_samples)
    assert len(server.requests) > 8
    assert server.max_concurrent() <= 3


@CLIENTS
def test_one_failing_window_ends_the_others_at_the_server_too(served_samples: Samples, client: Fetching) -> None:
    faults = [replace(FAULTS["stalled"], after=1, times=3), replace(FAULTS["html"], after=0, times=1)]
    with running_with_faults(honest(served_samples), faults) as server:
        with pytest.raises(ContractError):
            client(server.url, timeout=3_600)
        until(lambda: all(request.ended is not None for request in server.requests))
    assert [request.fault for request in server.requests[:5]] == [None, "stalled", "stalled", "stalled", "html"]


def until(condition: Callable[[], bool]) -> None:
    """Wait for something in another thread. Fails only if it never happens."""
    end = time.monotonic() + 100
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def in_threads(count: int, call: Callable[[], object]) -> list[BaseException]:
    """The errors of the same call in several threads at once."""
    errors: list[BaseException] = []

    def work() -> None:
        try:
            call()
        except FetchError as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(100)
    return errors


@pytest.mark.parametrize(
    ("status", "kind", "expected"), [(503, ServerError, QUICK.attempts), (401, AuthenticationError, 1)]
)
def test_threads_and_markets_of_one_client_share_one_retry_budget(
    served_samples: Samples, monkeypatch: pytest.MonkeyPatch, status: int, kind: type[FetchError], expected: int
) -> None:
    calls: set[Call] = set()
    all_began = threading.Event()
    begin = CircuitBreaker.begin

    def begin_and_count(circuit: CircuitBreaker, call: Call) -> Ticket:
        calls.add(call)
        if len(calls) == 6:
            all_began.set()
        return begin(circuit, call)

    async def refuse(exchange: Exchange) -> None:
        await asyncio.to_thread(all_began.wait, 100)
        await answering(status, "No")(exchange)

    monkeypatch.setattr(CircuitBreaker, "begin", begin_and_count)
    markets = [MARKET, "hl:perp:SOL-USDC", "hl:perp:ETH-USDC"]
    fault = Fault("refusing", "refuses everything, once all calls have begun", refuse, after=0, times=None)
    with (
        running_with_faults(honest(served_samples), [fault]) as server,
        MarketData(KEY, server.url, **options()) as client,
    ):
        errors = in_threads(6, lambda: client.open_interest(markets, **SPAN))
    assert [type(error) for error in errors] == [kind] * 6
    assert expected <= len(server.requests) <= 2 * expected  # a window may begin just after the error of the others
    assert server.max_concurrent() == 1


@CLIENTS
def test_a_revoked_key_stops_everything_in_flight(served_samples: Samples, client: Fetching) -> None:
    with (
        running_with_faults(honest(served_samples), [FAULTS["key-revoked"]]) as server,
        pytest.raises(AuthenticationError),
    ):
        client(server.url)
    assert len(server.requests) <= 2 + MAX_CONCURRENCY


@pytest.mark.parametrize("name", ["key-revoked", "key-forbidden", "dies"])
def test_a_backfill_stops_all_its_tasks_when_the_server_fails(
    served_samples: Samples, tmp_path: Path, name: str
) -> None:
    markets = ["hl:perp:BTC-USDC", "hl:perp:SOL-USDC", "hl:perp:ETH-USDC"]
    with (
        running_with_faults(honest(served_samples), [FAULTS[name]]) as server,
        MarketData(KEY, server.url, **options(max_concurrency=1)) as client,
        pytest.raises(FetchError) as caught,
    ):
        backfill(markets, "1h", "2026-02-01", "2026-05-01", tmp_path / "table", client=client)
    assert type(caught.value) is LASTING[name]
    least = 2 + (QUICK.attempts if name == "dies" else 1)
    # One may be in flight when the others end. Whether a 5xx is about one market is found out one market at a time.
    most = 2 + (1 + MAX_FAILING_MARKETS) * QUICK.attempts if name == "dies" else least + 1
    assert least <= len(server.requests) <= most
