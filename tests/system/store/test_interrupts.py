"""Ctrl-C of the commands that run long: exit status 130, one line, and a table that can be resumed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from queue import SimpleQueue

from allium_market_data.model.intervals import MINUTE
from allium_market_data.model.times import to_iso
from allium_market_data.sandbox import running
from support.commands import BACKFILL, SPAN, run
from support.crashing import Hooked
from support.exchange import BTC, KEY, Exchange
from support.tables import final_values

COMMAND = [sys.executable, "-W", "error", "-c", "from allium_market_data.cli.main import main; main()"]


def start(url: str, *words: str) -> subprocess.Popen[str]:
    env = {**os.environ, "ALLIUM_BASE_URL": url, "ALLIUM_API_KEY": KEY}
    return subprocess.Popen([*COMMAND, *words], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def assert_interrupted(child: subprocess.Popen[str]) -> str:
    """Wait for the end. Returns what was printed since."""
    out, err = child.communicate()
    assert child.returncode == 130, err
    assert err.splitlines()[-1].startswith("allium-md: interrupted")
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
        lines = child.stdout.readline()
        child.send_signal(signal.SIGINT)
        lines += assert_interrupted(child)
    stored = {to_iso(ts): values for ts, values in final_values(table, BTC, "1m").items()}
    for line in lines.splitlines():
        market, ts, base, quote = line.split(",")
        assert market == BTC
        assert stored[ts] == (Decimal(base), Decimal(quote))
