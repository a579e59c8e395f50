"""A gzip bomb does not exhaust the memory of a client."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from allium_market_data.sandbox import Samples
from allium_market_data.sandbox.faults import FAULTS, running_with_faults
from system.faults.fetching import KEY, MARKET, honest

resource = pytest.importorskip("resource", reason="this system does not report memory usage")

CHILD = """
import resource, sys
from allium_market_data import MarketData
from allium_market_data.errors import ContractError
usage = lambda: resource.getrusage(resource.RUSAGE_SELF)
with MarketData(*sys.argv[1:3], timeout=60) as client:
    before = usage()
    try:
        client.open_interest(sys.argv[3], interval="1h", start="2026-03-01", end="2026-03-05")
    except ContractError as error:
        assert "longer than" in str(error), error
        after = usage()
        print(after.ru_maxrss - before.ru_maxrss)
"""


def test_a_gzip_bomb_is_refused_at_the_size_limit(served_samples: Samples) -> None:
    with running_with_faults(honest(served_samples), [replace(FAULTS["gzip-bomb"], after=0)]) as server:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", CHILD, KEY, server.url, MARKET],
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
    assert done.stderr == ""
    unit = 1 if sys.platform == "darwin" else 1024
    assert int(done.stdout) * unit < 512 * 2**20  # the whole body would take eight times as much
    assert len(server.requests) == 1
