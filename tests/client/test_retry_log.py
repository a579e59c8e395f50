"""What a user reads about retries: a line for each in the log, and the attempts and seconds in the final error."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import chain, count, repeat
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from allium_market_data import AsyncMarketData, RetryPolicy
from allium_market_data.client.retry import LOGGER, backoff
from allium_market_data.errors import NotFoundError, ServerError, UsageError
from support import virtual_time, wire
from support.adapted import scripted
from support.serving import MARKET, SECRET, page

MAY = datetime(2026, 5, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
STEADY = RetryPolicy(attempts=3, first_pause=2, longest_pause=10, jitter=0)
URL = "https://api.example" + unquote(wire.target(MARKET, "1h", "2026-04-30T23:00:00Z", "2026-05-01T03:00:00Z"))

Handler = Callable[[httpx.Request], Any]


def fetch(
    handler: Handler, retry: RetryPolicy = STEADY, hours: int = 3, key: str = "key", market: str = MARKET
) -> None:
    async def main() -> None:
        async with AsyncMarketData(key, "https://api.example", retry=retry) as client:
            client._http = scripted(handler)
            await client.open_interest(market, interval="1h", start=MAY, end=MAY + hours * HOUR)

    virtual_time.run(main())


def after(failures: int, status: int = 503, **headers: str) -> Handler:
    """A server that fails this often, and then responds."""
    requests = count(1)

    def respond(_: httpx.Request) -> httpx.Response:
        if next(requests) <= failures:
            return httpx.Response(status, headers=headers, json={"detail": "back soon"})
        return httpx.Response(200, content=page(MAY - HOUR, 4))

    return respond


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """The level and text of each record, of which only this package may write any."""
    assert {record.name for record in caplog.records} <= {"allium_market_data"}
    return [(record.levelname, record.getMessage()) for record in caplog.records]


def test_each_retry_is_one_line_with_reason_pause_and_url(caplog: pytest.LogCaptureFixture) -> None:
    fetch(after(2))
    reason = "the server answered 503: the server failed; it says: back soon"
    assert lines(caplog) == [
        ("WARNING", f"attempt 1 of 3 failed, next in 2.0 s: {reason} (GET {URL})"),
        ("WARNING", f"attempt 2 of 3 failed, next in 4.0 s: {reason} (GET {URL})"),
    ]


def test_the_pause_in_the_log_is_that_of_retry_after(caplog: pytest.LogCaptureFixture) -> None:
    fetch(after(1, 429, **{"retry-after": "7"}))
    ((_, line),) = lines(caplog)
    assert line.startswith("attempt 1 of 3 failed, next in 7.0 s: the server answered 429: ")


def test_a_fetch_without_retries_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "allium_market_data")
    fetch(after(0))
    assert lines(caplog) == []


def test_requests_that_wait_for_the_retried_one_are_infos(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "allium_market_data")
    responses = chain([httpx.Response(200, content=page(MAY - HOUR, 4))], repeat(httpx.Response(503)))

    async def respond(_: httpx.Request) -> httpx.Response:
        response = next(responses)
        await asyncio.sleep(1)  # so that several are in flight
        return response

    with pytest.raises(ServerError):
        fetch(respond, hours=24 * 7 * 4)
    warnings = [line for level, line in lines(caplog) if level == "WARNING"]
    waiting = [line for level, line in lines(caplog) if level == "INFO"]
    assert [line[:19] for line in warnings] == ["attempt 1 of 3 fail", "attempt 2 of 3 fail"]
    assert len(waiting) >= 2
    assert all("next when another request succeeds: the server answered 503" in line for line in waiting)


def test_the_final_error_says_attempts_and_seconds() -> None:
    with pytest.raises(ServerError, match=re.escape("it says: back soon (3 attempts in 6.0 s) [hl:perp:BTC-USDC, ")):
        fetch(after(9))


def test_a_failure_after_a_retry_says_attempts_and_seconds() -> None:
    responses = iter([httpx.Response(503), httpx.Response(404)])
    with pytest.raises(NotFoundError, match=re.escape("(2 attempts in 2.0 s)")):
        fetch(lambda _: next(responses))


@pytest.mark.parametrize(("status", "policy"), [(404, STEADY), (503, RetryPolicy(attempts=1))])
def test_an_error_without_a_retry_does_not_count_attempts(
    status: int, policy: RetryPolicy, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises((NotFoundError, ServerError)) as caught:
        fetch(after(9, status), policy)
    assert "attempt" not in str(caught.value)
    assert lines(caplog) == []


def test_the_shared_error_counts_the_attempts_of_its_own_request() -> None:
    """Of three markets one is retried, and the others get its error, each after an attempt of its own."""
    responses = chain(repeat(httpx.Response(200, content=page(MAY - HOUR, 4)), 1), repeat(httpx.Response(503)))

    async def respond(_: httpx.Request) -> httpx.Response:
        response = next(responses)
        await asyncio.sleep(1)
        return response

    async def main() -> list[str]:
        async with AsyncMarketData("key", "https://api.example", retry=STEADY) as client:
            client._http = scripted(respond)
            await client.open_interest(MARKET, interval="1h", start=MAY, end=MAY + 3 * HOUR)
            markets = [MARKET, "hl:perp:ETH-USDC", "hl:perp:SOL-USDC"]
            fetched = await client.open_interest(markets, interval="1h", start=MAY, end=MAY + HOUR, errors="collect")
            return [str(error) for error in fetched.errors.values()]

    messages = virtual_time.run(main())
    assert [message.count("(3 attempts in ") for message in messages] == [1, 1, 1]
    assert not any("(2 attempts" in message for message in messages)


def test_a_key_passed_as_the_market_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    fetching = pytest.raises((ServerError, UsageError))
    with fetching:
        fetch(after(9), key=SECRET, market=SECRET)
    with fetching:
        fetch(after(9), key="hl:perp:SECRET-KEY-0123", market="hl:perp:SECRET-KEY-0123")
    assert len(caplog.records) >= 2
    assert SECRET not in caplog.text
    assert "SECRET-KEY" not in caplog.text


def test_a_script_without_logging_prints_no_record() -> None:
    """Python prints the warnings of a logger without any handler."""
    assert any(isinstance(handler, logging.NullHandler) for handler in LOGGER.handlers)


@given(
    st.builds(
        RetryPolicy,
        first_pause=st.floats(0, 1e6),
        longest_pause=st.floats(0, 1e6),
        jitter=st.floats(0, 1e3),
    ),
    st.integers(1, 10_000),
)
def test_the_backoff_doubles_with_jitter_up_to_the_longest(policy: RetryPolicy, attempt: int) -> None:
    doubled = policy.first_pause * 2 ** min(attempt - 1, 64)
    assert min(policy.longest_pause, doubled) <= backoff(policy, attempt)
    assert backoff(policy, attempt) <= min(policy.longest_pause, doubled + policy.jitter)
