"""Ctrl-C, to real processes: they end at once, whatever they wait for, without a thread, a task or half a file left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from allium_market_data.sandbox import Samples
from allium_market_data.sandbox.faults import FAULTS, Fault, FaultyServer, running_with_faults
from allium_market_data.sandbox.faults.statuses import answering
from system.faults.fetching import KEY, MARKET, honest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT to send here")

SOON = 10.0
"""Seconds. It takes a fraction of one; a machine may be busy, and everything that is waited for here takes 30 or more."""

MINUTES = Fault("minutes", "429 that asks for two minutes", answering(429, "Later", "120"), times=None)
CASES = {"stalled-midway": replace(FAULTS["stalled-midway"], times=None), "pausing": MINUTES}
SPAN = ("--interval", "1m", "--start", "2026-02-10", "--end", "2026-05-01")


def environment(url: str) -> dict[str, str]:
    return {**os.environ, "ALLIUM_API_KEY": KEY, "ALLIUM_BASE_URL": url}


@contextmanager
def started(url: str, code: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(url),
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def until(condition: Callable[[], object], process: subprocess.Popen[str]) -> None:
    limit = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < limit
        time.sleep(0.01)


def interrupted(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Its status and what it said; it must end soon."""
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert time.monotonic() - began < SOON
    return process.returncode, output, errors


def spoiled(server: FaultyServer) -> bool:
    return any(seen.fault for seen in server.requests)


MAIN = "from allium_market_data.cli.main import main; main()"


@pytest.mark.parametrize("fault", CASES.values(), ids=list(CASES))
def test_the_command_leaves_no_file(served_samples: Samples, tmp_path: Path, fault: Fault) -> None:
    words = ("open-interest", MARKET, *SPAN, "-o", str(tmp_path / "rows.csv"))
    with running_with_faults(honest(served_samples), [fault]) as server, started(server.url, MAIN, *words) as process:
        until(lambda: spoiled(server), process)
        assert [path.suffix for path in tmp_path.iterdir()] == [".partial"]
        time.sleep(0.1)
        told = interrupted(process)
    assert told == (130, "", "allium-md: interrupted; nothing half-written stays\n")
    assert list(tmp_path.iterdir()) == []


def test_the_command_leaves_no_file_while_it_writes_either(served_samples: Samples, tmp_path: Path) -> None:
    words = ("open-interest", MARKET, *SPAN, "-o", str(tmp_path / "rows.parquet"))
    with (
        running_with_faults(honest(served_samples), [FAULTS["slow"]]) as server,
        started(server.url, MAIN, *words) as process,
    ):
        until(lambda: any(path.stat().st_size > 100_000 for path in tmp_path.iterdir()), process)
        assert interrupted(process)[0] == 130
    assert list(tmp_path.iterdir()) == []


SYNC = """
import sys, threading
from allium_market_data import MarketData
try:
    with MarketData() as client:
        for series in client.iter_open_interest("hl:perp:BTC-USDC", interval="1m", start="2026-02-10", end="2026-05-01"):
            pass
except KeyboardInterrupt:
    print([thread.name for thread in threading.enumerate()])
"""
ASYNC = """
import asyncio, threading
from allium_market_data import AsyncMarketData
async def main():
    async with AsyncMarketData() as client:
        try:
            await client.open_interest(
                ["hl:perp:BTC-USDC", "hl:perp:SOL-USDC"], interval="1m", start="2026-02-10", end="2026-05-01"
            )
        finally:
            print(len(asyncio.all_tasks()))
try:
    asyncio.run(main())
except KeyboardInterrupt:
    print([thread.name for thread in threading.enumerate()])
"""


SCRIPTS = [
    pytest.param("pausing", SYNC, "['MainThread']\n", id="sync"),
    pytest.param("stalled-midway", ASYNC, "1\n['MainThread']\n", id="async"),
]


@pytest.mark.parametrize(("name", "script", "left"), SCRIPTS)
def test_a_script_is_left_with_nothing_but_itself(served_samples: Samples, name: str, script: str, left: str) -> None:
    with running_with_faults(honest(served_samples), [CASES[name]]) as server, started(server.url, script) as process:
        until(lambda: spoiled(server), process)
        time.sleep(0.1)
        status, output, errors = interrupted(process)
    assert (status, output) == (0, left)
    assert "Traceback" not in errors
    assert "Warning" not in errors


FINALIZER = """
import signal, sys
from allium_market_data.cli import main, output
class Last:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)
def plan(_):
    Last()
    sum(range(10**7))
    print("not interrupted")
output.show_plan = plan
main.main()
"""


def test_a_moment_at_which_python_drops_it_does_not_lose_it() -> None:
    with started("http://127.0.0.1:9", FINALIZER, "plan", *SPAN) as process:
        output = process.communicate(timeout=60)
    assert (process.returncode, *output) == (130, "", "allium-md: interrupted; nothing half-written stays\n")
