"""Ctrl-C and SIGTERM of the commands that run long: exit status 130 or 143, one line, and a table that can be resumed."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from queue import SimpleQueue
from threading import Event
from typing import Any
from urllib.parse import parse_qs

import pytest

from allium_market_data.model.intervals import MINUTE
from allium_market_data.model.times import micros, to_iso
from allium_market_data.sandbox import running
from allium_market_data.store import Table
from allium_market_data.validation import to_instant
from support import wire
from support.commands import BACKFILL, SPAN, run
from support.crashing import Hooked
from support.exchange import BTC, KEY, Exchange
from support.tables import final_values

COMMAND = [sys.executable, "-W", "error", "-c", "from allium_market_data.cli.main import main; main()"]


def start(url: str, *words: str) -> subprocess.Popen[str]:
    env = {**os.environ, "ALLIUM_BASE_URL": url, "ALLIUM_API_KEY": KEY}
    return subprocess.Popen([*COMMAND, *words], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def assert_interrupted(child: subprocess.Popen[str], word: str = "interrupted", status: int = 130) -> str:
    """Wait for the end. Returns what was printed since."""
    out, err = child.communicate()
    assert child.returncode == status, err
    assert err.splitlines()[-1].startswith(f"allium-md: {word}")
    assert "Traceback" not in err
    return out


def test_an_interrupted_backfill_is_resumed(exchange: Exchange, table: Path) -> None:
    exchange.now = datetime.now(UTC)  # the child has a real clock
    exchange.fill(BTC, "2026-04-01", "2026-05-25")
    words = [*BACKFILL, "--table", str(table)]
    children: SimpleQueue[subprocess.Popen[str]] = SimpleQueue()

    def interrupt(number: int, _: int) -> bool:
        if number == 1:
            children.get().send_signal(signal.SIGINT)
        return True

    with running(Hooked(exchange.app, interrupt)) as url:
        child = start(url, *words)
        children.put(child)
        assert assert_interrupted(child) == ""
    assert run(*words).exit_code == 0
    assert final_values(table) == exchange.values(*SPAN)


def test_an_interrupted_watch_has_committed_what_it_printed(exchange: Exchange, table: Path) -> None:
    """The child has a real clock, so there is a sample in each minute around the real time."""
    exchange.now = datetime.now(UTC) + timedelta(hours=1)
    exchange.fill(BTC, to_iso(exchange.now - timedelta(hours=2)), to_iso(exchange.now), MINUTE)
    with start(exchange.url, "watch", BTC, "-i", "1m", "--grace", "0", "--table", str(table)) as child:
        assert child.stdout is not None
        lines = child.stdout.readline() + child.stdout.readline()
        child.send_signal(signal.SIGINT)
        lines += assert_interrupted(child)
    stored = {ts.isoformat(): values for ts, values in final_values(table, BTC, "1m").items()}
    for row in csv.DictReader(lines.splitlines()):
        assert (row["market_id"], row["provisional"]) == (BTC, "false")
        assert stored[row["ts"]] == (Decimal(row["oi_base"]), Decimal(row["oi_quote_usd"]))


class FirstMonthOnly:
    """ASGI: answers requests that start before ``until``, and holds others. Calls ``on_request`` with the start of each."""

    def __init__(self, app: Any, until: str, on_request: Callable[[str], None]) -> None:
        self.app, self.until, self.on_request = app, until, on_request

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        (start,) = parse_qs(scope["query_string"].decode())[wire.START]
        self.on_request(start)
        if start < self.until:
            await self.app(scope, receive, send)
            return
        while (await receive())["type"] != "http.disconnect":
            pass


@pytest.mark.parametrize(
    ("command", "number", "word", "status"),
    [("backfill", signal.SIGTERM, "terminated", 143), ("update", signal.SIGINT, "interrupted", 130)],
)
def test_whole_windows_are_committed_and_counted_at_a_signal(
    exchange: Exchange, table: Path, command: str, number: signal.Signals, word: str, status: int
) -> None:
    """Eight tasks run at once, so a request of the ninth month shows that the first month has arrived."""
    exchange.now = datetime.now(UTC)
    exchange.fill(BTC, "2025-01-01", "2025-10-01")
    span = ["--start", "2025-01-01", "--end", "2025-10-01"]
    words, before = ["backfill", BTC, "-i", "1h", *span, "--whole-span"], 0
    if command == "update":
        run("backfill", BTC, "-i", "1h", "--start", "2025-01-01", "--end", "2025-01-05", "--table", str(table))
        words, before = ["update"], 4 * 24
    children: SimpleQueue[subprocess.Popen[str]] = SimpleQueue()
    signalled = Event()

    def on_request(start: str) -> None:
        if start >= "2025-08-31" and not signalled.is_set():
            signalled.set()
            children.get().send_signal(number)

    with running(FirstMonthOnly(exchange.app, "2025-01-31T12", on_request)) as url:
        child = start(url, *words, "--table", str(table), "--max-concurrency", "100", "--json")
        children.put(child)
        printed = json.loads(assert_interrupted(child, word, status))
    rows = 31 * 24 - before
    assert (printed["status"], printed["exit_status"], printed["error"]) == (word, status, word)
    assert printed["rows"] == rows
    assert printed["windows"]["done"] == 1 < printed["windows"]["planned"]
    if command == "update":
        assert [printed[kind] for kind in ("added", "late", "restated", "dropped")] == [rows, 0, 0, 0]
    assert final_values(table) == exchange.values("2025-01-01", "2025-02-01")
    assert Table(table).coverage.end_of(("1h", BTC)) == micros(to_instant("2025-02-01", "end"))
