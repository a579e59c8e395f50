"""Backfills in processes that are killed at chosen events, and what must be true of the table afterwards."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias
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
from allium_market_data.store import Table, backfill, runner

runner.MAX_RUNNING_TASKS = 1  # one commit for each window
write = Table.write

def announce_write(*args, **options):
    print("write", flush=True)
    return write(*args, **options)

Table.write = announce_write
sys.stdin.readline()  # the parent is ready
with MarketData(max_concurrency=4) as client:
    backfill(
        {MARKETS!r}, "1h", *{SPAN!r}, sys.argv[1], client=client, commit_rows=1, commit_seconds=0,
        progress=lambda progress: progress.done and print("commit", flush=True),
    )
print("done", flush=True)
"""


Event: TypeAlias = Literal["request", "write", "commit"]


class Hooked:
    """ASGI: calls ``on_request`` with the number of each request and the port that it came from.

    If that returns true, the request is not answered before ``release`` is set or the client disconnects.
    """

    def __init__(self, app: Any, on_request: Callable[[int, int], bool] = lambda *_: False) -> None:
        self.app, self.on_request, self.requests = app, on_request, 0
        self.release = threading.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.requests += 1
        if self.on_request(self.requests, scope["client"][1]):
            await receive()  # the request itself
            disconnected = asyncio.ensure_future(receive())
            while not disconnected.done() and not self.release.is_set():  # noqa: ASYNC110 - set by another thread
                await asyncio.sleep(0.01)
            if disconnected.done():
                return
            disconnected.cancel()
        await self.app(scope, receive, send)


@dataclass(frozen=True)
class Kill:
    """Kill a run at its n-th request, before its n-th write, or after its n-th commit; and perhaps some seconds later."""

    event: Event
    number: int
    delay: float = 0.0


@dataclass
class Run:
    """A backfill in a process. It waits for ``begin``."""

    process: subprocess.Popen[str]

    @classmethod
    def start(cls, table: Path, url: str) -> Run:
        env = {**os.environ, "ALLIUM_API_KEY": DEFAULT_API_KEY, "ALLIUM_BASE_URL": url}
        command, pipe = [sys.executable, "-c", CHILD, str(table)], subprocess.PIPE
        return cls(subprocess.Popen(command, env=env, stdin=pipe, stdout=pipe, stderr=pipe, text=True))

    def begin(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("begin\n")
        self.process.stdin.flush()

    def finish(self) -> None:
        """Wait for the end, which must be a success."""
        out, err = self.process.communicate()
        assert (self.process.returncode, out.split()[-1:]) == (0, ["done"]), err

    def kill(self, kill: Kill, server: Hooked) -> bool:
        """Begin, and kill the process at the event. False if it ended before."""
        server.requests = 0
        if kill.event == "request":
            server.on_request = lambda number, _: number == kill.number and self._kill_after(kill.delay)
            self.begin()
        else:
            self.begin()
            assert self.process.stdout is not None
            events = (line for line in self.process.stdout if line.strip() == kill.event)
            for number, _ in enumerate(events, 1):
                if number == kill.number:
                    self._kill_after(kill.delay)
                    break
        self.process.communicate()
        server.on_request = lambda *_: False
        return self.process.returncode == -9

    def _kill_after(self, seconds: float) -> bool:
        time.sleep(seconds)
        self.process.kill()
        return True


@dataclass
class Account:
    """What a series of killed runs came to."""

    kills: int = 0
    tables: int = 0
    versions: list[int] = field(default_factory=list)
    """The version of the table at the start of each run; -1 if there was none."""


@contextmanager
def hooked_sandbox(samples: Samples, key: str = DEFAULT_API_KEY) -> Iterator[tuple[str, Hooked]]:
    """A served sandbox: its URL, and the hook in front of it."""
    server = Hooked(create_app(samples, api_key=key))
    with running(server) as url:
        yield url, server


def snapshot(table: Path) -> list[dict[str, Any]]:
    """Every row in order, without the time of its fetch. Duplicates are kept."""
    columns = ["market_id", "interval", "month", "ts", "oi_base", "oi_quote_usd", "provisional", "specification"]
    rows = Table(table).delta.to_pyarrow_dataset().to_table(columns=columns)
    listed: list[dict[str, Any]] = rows.sort_by([(name, "ascending") for name in ("market_id", "ts")]).to_pylist()
    return listed


def undisturbed(url: str, table: Path, key: str = DEFAULT_API_KEY) -> list[dict[str, Any]]:
    """The rows of a backfill that nothing disturbs."""
    with MarketData(key, url) as client:
        backfill(MARKETS, "1h", *SPAN, table, client=client)
    return snapshot(table)


def repeated_requests(app: Any, coverage: Coverage) -> list[str]:
    """The logged requests for windows that were complete before; there must be none.

    A second request for the edge of an incomplete window may reach two buckets into its neighbour, and is not counted.
    """
    repeated = []
    for request in list(app.state.requests):
        market = request.path.split("/")[4]
        query = parse_qs(request.query)
        start, end = (micros(to_instant(query[f"{name}_timestamp"][0], name)) for name in ("start", "end"))
        spans = coverage.complete.get(("1h", market), ())
        if end - start > 3 * HOUR and any(low < end <= high for low, high in spans):
            repeated.append(f"{market} {request.query}")
    return repeated


def crash(folder: Path, samples: Samples, tables: Iterable[Iterable[Kill]], most: int | None = None) -> Account:
    """Kill backfills of each table as listed, resume them, and compare each table with an undisturbed one.

    Starts no new table after ``most`` kills.
    """
    account = Account()
    with hooked_sandbox(samples) as (url, server):
        expected = undisturbed(url, folder / "whole")
        for kills in tables:
            if most is not None and account.kills >= most:
                break
            table = folder / f"table-{account.tables}"
            account.tables += 1
            for kill in kills:
                with _no_repeated_requests(table, server.app, account):
                    was_killed = Run.start(table, url).kill(kill, server)
                if not was_killed:
                    break
                account.kills += 1
            with _no_repeated_requests(table, server.app, account):
                run = Run.start(table, url)
                run.begin()
                run.finish()
            assert snapshot(table) == expected
    return account


@contextmanager
def _no_repeated_requests(table: Path, app: Any, account: Account) -> Iterator[None]:
    """Fail if a run in the block requests a window that was complete before it."""
    known = Table(table) if any(table.glob("_delta_log/*.json")) else None
    account.versions.append(known.delta.version() if known else -1)
    app.state.requests.clear()
    yield
    repeated = repeated_requests(app, known.coverage if known else Coverage())
    assert repeated == [], repeated
