"""Hostile responses cost bounded processor time and memory, measured in a process of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from security.hostile import BODIES, REFUSALS, SIZE

TESTS = Path(__file__).parents[2]


@pytest.mark.skipif(sys.platform != "linux", reason="reads peak memory from /proc")
def test_hostile_responses_cost_bounded_time_and_memory() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "security.hostile"],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    measurements = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(measurements) == len(BODIES) + len(REFUSALS) + 1
    for measurement in measurements:
        assert measurement["grown"] < 24 * SIZE, measurement
        assert measurement["seconds"] < 10, measurement
    refused = {measurement["name"] for measurement in measurements if "ContractError" in measurement["outcome"]}
    bounded = ("too many rows", "unknown names", "a name without end", "nested", "nested in a row", "nested and open")
    assert refused >= {*bounded, "a packed answer of half a gigabyte"}
