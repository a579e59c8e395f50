"""The progress of a call, as its callback gets it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from allium_market_data import AsyncMarketData, FetchProgress, MarketData
from allium_market_data.errors import NotFoundError, UsageError
from support.serving import MARKET, Sandbox

OTHERS = ["hl:perp:ETH-USDC", "hl:perp:SOL-USDC"]
LONG: dict[str, Any] = {"interval": "1m", "start": "2026-04-01", "end": "2026-04-12"}


@pytest.fixture
def client(sandbox: Sandbox) -> Any:
    with MarketData(sandbox.key, sandbox.url) as client:
        yield client


def check(steps: list[FetchProgress], planned: int, rows: int, requests: int) -> None:
    """The steps grow, and end with everything done."""
    for before, after in pairwise(steps):
        assert before.done <= after.done
        assert before.rows <= after.rows
        assert before.requests <= after.requests
        assert before.seconds <= after.seconds
    last = steps[-1]
    assert (last.done, last.rows, last.requests) == (planned, rows, requests)
    assert {step.planned for step in steps} == {planned}


def test_progress_of_one_market_ends_with_all_windows_and_rows(client: MarketData) -> None:
    steps: list[FetchProgress] = []
    series = client.open_interest(MARKET, **LONG, progress=steps.append)
    check(steps, len(client.plan(**LONG)), len(series), series.provenance.requests)
    assert len(steps) > len(client.plan(**LONG)) > 3


def test_progress_of_several_markets_is_their_sum(client: MarketData) -> None:
    steps: list[FetchProgress] = []
    fetched = client.open_interest([MARKET, *OTHERS, MARKET], **LONG, progress=steps.append)
    requests = sum(series.provenance.requests for series in fetched.values())
    check(steps, 3 * len(client.plan(**LONG)), sum(map(len, fetched.values())), requests)


def test_a_market_that_fails_is_not_done(client: MarketData) -> None:
    steps: list[FetchProgress] = []
    span = {**LONG, "interval": "1h"}
    fetched = client.open_interest([MARKET, "hl:perp:NONE"], **span, errors="collect", progress=steps.append)
    planned = len(client.plan(**span))
    assert (steps[-1].done, steps[-1].planned, steps[-1].rows) == (planned, 2 * planned, len(fetched[MARKET]))


@pytest.mark.parametrize("by", ["row", "page"])
def test_progress_of_a_stream_is_that_of_the_fetch(client: MarketData, by: Any) -> None:
    steps: list[FetchProgress] = []
    count = sum(
        1 if by == "row" else len(item)
        for item in client.iter_open_interest(MARKET, **LONG, by=by, progress=steps.append)
    )
    check(steps, len(client.plan(**LONG)), count, steps[-1].requests)


def test_asynchronous_progress_is_called_on_the_loop(sandbox: Sandbox) -> None:
    threads: set[int] = set()

    async def main() -> None:
        async with AsyncMarketData(sandbox.key, sandbox.url) as client:
            await client.open_interest(MARKET, **LONG, progress=lambda _: threads.add(threading.get_ident()))

    asyncio.run(main())
    assert threads == {threading.get_ident()}


def test_an_error_of_the_callback_ends_the_call(client: MarketData, sandbox: Sandbox) -> None:
    class Enough(Exception):  # noqa: N818
        pass

    def stop(_: FetchProgress) -> None:
        raise Enough

    with pytest.raises(Enough):
        client.open_interest(MARKET, **LONG, progress=stop)
    assert len(client.open_interest(MARKET, **{**LONG, "interval": "1d"})) == 11


@pytest.mark.parametrize("call", [MarketData.open_interest, MarketData.iter_open_interest])
def test_progress_that_cannot_be_called_is_refused(
    client: MarketData, sandbox: Sandbox, call: Callable[..., Any]
) -> None:
    with pytest.raises(UsageError, match="progress must be a function that takes a FetchProgress, or None, not 1"):
        call(client, MARKET, **LONG, progress=1)
    assert sandbox.requests == []


def test_a_failed_call_reports_no_more_than_it_did(client: MarketData) -> None:
    steps: list[FetchProgress] = []
    with pytest.raises(NotFoundError):
        client.open_interest("hl:perp:NONE", **LONG, progress=steps.append)
    assert steps == []
