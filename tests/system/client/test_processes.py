"""The package in new processes: imports stay light, a client survives a fork, and a script need not close it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from support.serving import MARKET, Sandbox

FORK = """
import os, sys, warnings
from allium_market_data import MarketData
from allium_market_data.errors import UsageError
span = {"interval": "1h", "start": "2026-03-01", "end": "2026-03-03"}
with MarketData(*sys.argv[1:3]) as client:
    rows = list(client.open_interest(sys.argv[3], **span))
    stream = client.iter_open_interest(sys.argv[3], **span)
    next(stream)
    warnings.simplefilter("ignore", DeprecationWarning)  # forking with threads is the subject of this test
    child = os.fork()
    again = list(client.open_interest(sys.argv[3], **span))
    assert again == rows and len(rows) == 48
    if child:
        assert os.waitpid(child, 0)[1] == 0
        assert len(list(stream)) == 47
    else:
        try:
            next(stream)
        except UsageError as error:
            assert "forked" in str(error), error
        assert list(client.iter_open_interest(sys.argv[3], **span)) == rows
print("parent" if child else "child", flush=True)
"""

UNCLOSED = """
import sys
from allium_market_data import MarketData
client = MarketData(*sys.argv[1:3])
stream = client.iter_open_interest(sys.argv[3], interval="1h", start="2026-03-01", end="2026-03-03")
print(next(stream).ts.year)
"""


def output(script: str, sandbox: Sandbox) -> str:
    """What a script prints. It must end by itself, with status 0 and nothing on standard error."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, sandbox.key, sandbox.url, MARKET],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_parent_and_child_of_a_fork_go_on_with_their_own_connections(sandbox: Sandbox) -> None:
    assert output(FORK, sandbox) == "child\nparent\n"


def test_a_script_that_closes_nothing_ends(sandbox: Sandbox) -> None:
    assert output(UNCLOSED, sandbox) == "2026\n"


def test_importing_the_package_imports_nothing_heavy() -> None:
    heavy = {
        "httpx",
        "aiohttp",
        "asyncio",
        "msgspec",
        "typer",
        "rich",
        "pyarrow",
        "pandas",
        "polars",
        "duckdb",
        "fastapi",
    }
    script = "import sys, allium_market_data; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert heavy.isdisjoint(done.stdout.split())
