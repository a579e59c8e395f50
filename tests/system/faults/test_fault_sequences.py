"""Any sequence of faults before correct responses: the complete series, or an error that names the window."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allium_market_data.errors import FetchError, RequestTimeoutError
from allium_market_data.sandbox import Samples
from allium_market_data.sandbox.faults import FAULTS, Fault, running_with_faults
from support.budget import examples
from system.faults.expected import FINAL, HONEST_REQUESTS, LASTING
from system.faults.fetching import MAX_CONCURRENCY, QUICK, WAYS, Rows, by_command, honest, truth

ENDING = [
    fault
    for fault in FAULTS.values()
    if fault.handler and LASTING[fault.name] not in (None, RequestTimeoutError) and fault.name != "gzip-bomb"
]
"""Faults that end, and take no time."""


@st.composite
def accidents(draw: st.DrawFn) -> list[Fault]:
    chosen = draw(st.lists(st.sampled_from(ENDING), min_size=1, max_size=6))
    return [replace(fault, after=draw(st.integers(0, 3)), times=draw(st.integers(1, 3))) for fault in chosen]


def fetch(way: str, url: str) -> Rows | None:
    """The rows, or None after an error that names the window."""
    if way == "command":
        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            status, stderr, rows = by_command(url, Path(folder) / "rows.csv", patch)
            files = [path.name for path in Path(folder).iterdir()]
        assert (status, files) == ((1, []) if rows is None else (0, ["rows.csv"]))
        assert len(stderr.splitlines()) == 1
        return rows
    try:
        return WAYS[way](url)
    except FetchError as error:
        failure = error
    assert failure.window is not None
    return None


async def do_not_wait(_: float) -> None:
    await asyncio.sleep(0)


@given(accidents(), st.sampled_from([*WAYS, "command"]))
@examples(20)
def test_any_sequence_of_faults(served_samples: Samples, faults: list[Fault], way: str) -> None:
    spoiled = sum(fault.times or 0 for fault in faults)
    with running_with_faults(honest(served_samples), faults) as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr("allium_market_data.client.transport.sleep", do_not_wait)
        rows = fetch(way, server.url)
    assert rows in (None, truth(served_samples))
    if spoiled < QUICK.attempts and not any(fault.name in FINAL for fault in faults):
        assert rows is not None
    assert len(server.requests) <= HONEST_REQUESTS + spoiled
    met = sum(seen.fault is not None for seen in server.requests)
    if rows is None and met == len(server.requests):
        assert met <= QUICK.attempts  # only failures: no more than one window may send
    assert server.other_origin_requests == []
    assert server.crashes == []
    assert server.max_concurrent() <= MAX_CONCURRENCY
