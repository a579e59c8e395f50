"""Ctrl-C in real processes: they end whatever they wait for, and leave no thread, no task and no partial file."""

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

HANG = 100.0
"""Seconds after which a wait fails. Everything that a process is interrupted in would take longer."""

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
    limit = time.monotonic() + HANG
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < limit
        time.sleep(0.01)


def interrupted(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Its exit status, output and standard error after Ctrl-C."""
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=HANG)
    return process.returncode, output, errors


def met_fault(server: FaultyServer) -> bool:
    return any(seen.fault for seen in server.requests)


MAIN = "from allium_market_data.cli.main import main; main()"


@pytest.mark.parametrize("fault", CASES.values(), ids=list(CASES))
def test_the_command_leaves_no_file(served_samples: Samples, tmp_path: Path, fault: Fault) -> None:
    words = ("open-interest", MARKET, *SPAN, "--timeout", "3600", "-o", str(tmp_path / "rows.csv"))
    with running_with_faults(honest(served_samples), [fault]) as server, started(server.url, MAIN, *words) as process:
        until(lambda: met_fault(server), process)
        assert [path.suffix for path in tmp_path.iterdir()] == [".partial"]
        result = interrupted(process)
    assert result == (130, "", "allium-md: interrupted; nothing half-written stays\n")
    assert list(tmp_path.iterdir()) == []


def test_the_command_leaves_no_file_while_it_writes(served_samples: Samples, tmp_path: Path) -> None:
    words = ("open-interest", MARKET, *SPAN, "--timeout", "3600", "-o", str(tmp_path / "rows.parquet"))
    fault = replace(FAULTS["stalled"], after=20, times=None)  # the command cannot end before the interrupt
    with running_with_faults(honest(served_samples), [fault]) as server, started(server.url, MAIN, *words) as process:
        until(lambda: any(path.stat().st_size > 100_000 for path in tmp_path.iterdir()), process)
        assert interrupted(process)[0] == 130
    assert list(tmp_path.iterdir()) == []


SYNC = """
import sys, threading
from allium_market_data import MarketData
try:
    with MarketData(timeout=3_600) as client:
        for series in client.iter_open_interest("hl:perp:BTC-USDC", interval="1m", start="2026-02-10", end="2026-05-01"):
            pass
except KeyboardInterrupt:
    print([thread.name for thread in threading.enumerate()])
"""
ASYNC = """
import asyncio, threading
from allium_market_data import AsyncMarketData
async def main():
    async with AsyncMarketData(timeout=3_600) as client:
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
def test_a_script_has_no_thread_and_no_task_left(served_samples: Samples, name: str, script: str, left: str) -> None:
    with running_with_faults(honest(served_samples), [CASES[name]]) as server, started(server.url, script) as process:
        until(lambda: met_fault(server), process)
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


def test_an_interrupt_in_a_finalizer_is_not_lost() -> None:
    with started("http://127.0.0.1:9", FINALIZER, "plan", *SPAN) as process:
        output = process.communicate(timeout=HANG)
    assert (process.returncode, *output) == (130, "", "allium-md: interrupted; nothing half-written stays\n")
