"""Backfills in processes that are killed, and what must be true of the table afterwards."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from allium_market_data import MarketData
from allium_market_data.model.intervals import HOUR
from allium_market_data.model.times import micros
from allium_market_data.sandbox import DEFAULT_API_KEY, Samples, create_app, running
from allium_market_data.store import Coverage, Table, backfill
from allium_market_data.validation import to_instant

MARKETS = ("hl:perp:BTC-USDC", "hl:perp:ETH-USDC")
SPAN = ("2026-02-10", "2026-05-05")

CHILD = f"""
import sys
from allium_market_data import MarketData
from allium_market_data.store import backfill, runner
runner.AT_A_TIME = 1  # a commit after each window, so that kills come before, between and within commits
print("go", flush=True)
with MarketData(max_concurrency=4) as client:
    backfill({MARKETS!r}, "1h", *{SPAN!r}, sys.argv[1], client=client, commit_rows=1, commit_seconds=0)
print("done", flush=True)
"""


class Slow:
    """ASGI: every answer takes a little longer."""

    def __init__(self, app: Any, seconds: float) -> None:
        self.app, self.seconds = app, seconds

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(self.seconds)
        await self.app(scope, receive, send)


@contextmanager
def slow_sandbox(samples: Samples, seconds: float = 0.01) -> Iterator[tuple[str, Any]]:
    """A sandbox that takes so long for each answer: its URL and its application."""
    app = create_app(samples)
    with running(Slow(app, seconds)) as url:
        yield url, app


def started(table: Path, url: str) -> subprocess.Popen[str]:
    """A process that backfills; it has begun when this returns."""
    env = {**os.environ, "ALLIUM_API_KEY": DEFAULT_API_KEY, "ALLIUM_BASE_URL": url}
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(table)], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "go\n"
    return child


def finished(child: subprocess.Popen[str]) -> None:
    """Wait for a process that must end well."""
    out, err = child.communicate(timeout=60)
    assert (child.returncode, out) == (0, "done\n"), err


def snapshot(table: Path) -> list[dict[str, Any]]:
    """Every row but for when it was fetched, in order; duplicates would show."""
    columns = ["market_id", "interval", "month", "ts", "oi_base", "oi_quote_usd", "provisional", "specification"]
    rows = Table(table).delta.to_pyarrow_dataset().to_table(columns=columns)
    listed: list[dict[str, Any]] = rows.sort_by([(name, "ascending") for name in ("market_id", "ts")]).to_pylist()
    return listed


def whole(url: str, table: Path) -> list[dict[str, Any]]:
    """The rows of a backfill that nothing disturbs."""
    with MarketData(DEFAULT_API_KEY, url) as client:
        backfill(MARKETS, "1h", *SPAN, table, client=client)
    return snapshot(table)


@dataclass
class Account:
    """What a series of killed runs came to."""

    kills: int = 0
    tables: int = 0
    before: Coverage = field(default_factory=Coverage)
    """What was complete when the last run began."""
    at_versions: list[int] = field(default_factory=list)
    longest: float = 0.0
    """How long a whole run takes, in seconds."""


def again(app: Any, coverage: Coverage) -> list[str]:
    """The requests of the log that ask for a window which was complete: there must be none.

    A look at the edge of a window that lacked something may reach two buckets into its neighbour.
    """
    asked = []
    for request in list(app.state.requests):
        market = request.path.split("/")[4]
        query = parse_qs(request.query)
        start, end = (micros(to_instant(query[f"{name}_timestamp"][0], name)) for name in ("start", "end"))
        inside = end - start > 3 * HOUR
        if inside and any(low < end <= high for low, high in coverage.complete.get(("1h", market), ())):
            asked.append(f"{market} {request.query}")
    return asked


def crash(folder: Path, samples: Samples, kills: int, seed: int, each: int = 5) -> Account:
    """Kill backfills at random instants, ``each`` a table, resume, and hold every table against an undisturbed one."""
    chance, account = random.Random(seed), Account()
    with slow_sandbox(samples) as (url, app):
        wanted = whole(url, folder / "whole")  # the sandbox makes its samples now
        child = started(folder / "timed", url)
        began = time.monotonic()
        finished(child)
        account.longest = time.monotonic() - began
        while account.kills < kills:
            table = folder / f"table-{account.tables}"
            account.tables += 1
            for _ in range(min(each, kills - account.kills)):
                if not _kill(table, url, app, chance, account):
                    break  # there is nothing left of this table to interrupt
            finished(_resumed(table, url, app, account))
            asked = again(app, account.before)
            assert asked == [], asked
            assert snapshot(table) == wanted
    return account


def _resumed(table: Path, url: str, app: Any, account: Account) -> subprocess.Popen[str]:
    app.state.requests.clear()
    begun = any(table.glob("_delta_log/*.json"))
    known = Table(table) if begun else None
    account.at_versions.append(known.delta.version() if known else -1)
    account.before = known.coverage if known else Coverage()
    return started(table, url)


def _kill(table: Path, url: str, app: Any, chance: random.Random, account: Account) -> bool:
    """Kill a run at any instant of it; every other one soon after a commit, so that many resume from something.

    False is for one that was over before. How long a run takes was measured while the machine may have been busier, so the
    next ones are killed earlier.
    """
    child, began = _resumed(table, url, app, account), time.monotonic()
    log = table / "_delta_log"
    if account.kills % 2:
        commits, until = len(list(log.glob("*.json"))), began + 10
        while len(list(log.glob("*.json"))) <= max(commits, 1) and child.poll() is None and time.monotonic() < until:
            time.sleep(0.001)
        time.sleep(chance.uniform(0, 0.1))
    else:
        with suppress(subprocess.TimeoutExpired):
            child.wait(chance.uniform(0, account.longest))
            account.longest = max(time.monotonic() - began, account.longest / 2)
    child.kill()
    child.communicate(timeout=60)
    account.kills += child.returncode == -9
    asked = again(app, account.before)
    assert asked == [], asked
    return child.returncode == -9
