"""An answer that unpacks to gigabytes costs a client neither the memory nor the time."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from allium_market_data.sandbox import Samples
from allium_market_data.sandbox.faults import FAULTS, running_with_faults
from system.faults.fetching import KEY, MARKET, honest

resource = pytest.importorskip("resource", reason="there is no way to measure here")

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
        print(after.ru_maxrss - before.ru_maxrss, after.ru_utime - before.ru_utime)
"""


def test_a_bomb_is_put_out_at_the_limit(served_samples: Samples) -> None:
    with running_with_faults(honest(served_samples), [replace(FAULTS["gzip-bomb"], after=0)]) as server:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", CHILD, KEY, server.url, MARKET],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.stderr == ""
    unit = 1 if sys.platform == "darwin" else 1024
    memory, seconds = map(float, done.stdout.split())
    assert memory * unit < 512 * 2**20  # it would be eight times as much
    assert seconds < 10
    assert len(server.requests) == 1
