"""What the fault tests fetch, and how: with both clients, as a series and as a stream, and with the command."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from allium_market_data import AsyncMarketData, MarketData, OpenInterest, RetryPolicy
from allium_market_data.cli import main as cli
from allium_market_data.cli import output as console
from allium_market_data.cli.options import Connection
from allium_market_data.model.intervals import HOUR
from allium_market_data.model.times import from_micros, micros
from allium_market_data.sandbox import Reading, Samples, SandboxEndpoint
from allium_market_data.sandbox.answer import Span

MARKET = "hl:perp:BTC-USDC"
KEY = "a-key-that-nobody-may-see"
START, END = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 5, tzinfo=UTC)
SPAN: dict[str, Any] = {"interval": "1h", "start": START, "end": END}
"""Six windows, with gaps that are refetched."""

QUICK = RetryPolicy(attempts=4, first_pause=0.01, longest_pause=0.02, jitter=0)
TIMEOUT = 60.0
"""Seconds: longer than any response takes, however busy the machine is."""
MAX_CONCURRENCY = 8

Row = tuple[str, str, str]
Rows = list[Row]


def honest(samples: Samples) -> SandboxEndpoint:
    return SandboxEndpoint(samples, Reading(), KEY)


_TRUTH: dict[str, Rows] = {}


def truth(samples: Samples) -> Rows:
    """The rows in the database, read without the endpoint and its limits."""
    if not _TRUTH:
        rows = samples.history(MARKET).last_per_bucket(HOUR, Span(micros(START) - HOUR, micros(END) + HOUR))
        _TRUTH[MARKET] = [(from_micros(at).isoformat(), b, q) for at, b, q in rows if START <= from_micros(at) < END]
    return _TRUTH[MARKET]


def values_of(rows: Iterable[OpenInterest]) -> Rows:
    return [(row.ts.isoformat(), f"{row.oi_base:f}", f"{row.oi_quote_usd:f}") for row in rows]


def options(**others: Any) -> dict[str, Any]:
    return {"timeout": TIMEOUT, "retry": QUICK, "max_concurrency": MAX_CONCURRENCY, **others}


def by_sync(url: str, **others: Any) -> Rows:
    with MarketData(KEY, url, **options(**others)) as client:
        return values_of(client.open_interest(MARKET, **SPAN))


def by_async(url: str, **others: Any) -> Rows:
    async def run() -> Rows:
        async with AsyncMarketData(KEY, url, **options(**others)) as client:
            return values_of(await client.open_interest(MARKET, **SPAN))

    return asyncio.run(run())


def by_stream(url: str, **others: Any) -> Rows:
    with MarketData(KEY, url, **options(**others)) as client:
        return values_of(client.iter_open_interest(MARKET, **SPAN))


def by_async_stream(url: str, **others: Any) -> Rows:
    async def run() -> Rows:
        async with AsyncMarketData(KEY, url, **options(**others)) as client:
            return values_of([row async for row in client.iter_open_interest(MARKET, **SPAN)])

    return asyncio.run(run())


Fetching = Callable[..., Rows]
WAYS: dict[str, Fetching] = {
    "sync": by_sync,
    "async": by_async,
    "stream": by_stream,
    "async-stream": by_async_stream,
}


def by_command(
    url: str, file: Path, patch: pytest.MonkeyPatch, timeout: float = TIMEOUT
) -> tuple[int, str, Rows | None]:
    """``allium-md open-interest``: its exit status, its standard error, and the rows of its file, if there is one."""

    @contextmanager
    def connect(connection: Connection) -> Iterator[MarketData]:
        limits: dict[str, Any] = {"timeout": connection.timeout, "max_concurrency": connection.concurrency}
        with MarketData(None, connection.base_url, **limits, retry=QUICK) as client:
            yield client

    patch.setattr(console, "connect", connect)  # with a policy that does not pause for long
    words = ["open-interest", MARKET, "-i", "1h", "--start", START.isoformat(), "--end", END.isoformat()]
    more = ["--base-url", url, "--timeout", str(timeout), "-o", str(file)]
    result = CliRunner().invoke(cli.app, [*words, *more], env={"ALLIUM_API_KEY": KEY})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.stdout == ""
    rows = None
    if file.exists():
        rows = [
            (row["ts"], row["oi_base"], row["oi_quote_usd"]) for row in csv.DictReader(file.read_text().splitlines())
        ]
    return result.exit_code, result.stderr, rows


def near(moment: datetime) -> bool:
    """True if a request for these rows may begin or end there."""
    return START - timedelta(days=8) <= moment <= END + timedelta(days=1)
