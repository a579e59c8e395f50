"""Whatever goes wrong, in whatever order, before all is well: the whole series, or an error that names the window."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from allium_market_data.errors import FetchError, RequestTimeoutError
from allium_market_data.sandbox import Samples
from allium_market_data.sandbox.faults import FAULTS, Fault, running_with_faults
from system.faults.expected import FINAL, LASTING, UNSEEN
from system.faults.fetching import AT_A_TIME, QUICK, WAYS, Rows, by_command, honest, truth

ENDING = [
    fault
    for fault in FAULTS.values()
    if fault.handler and LASTING[fault.name] not in (None, RequestTimeoutError) and fault.name != "gzip-bomb"
]
"""Those that can be over, without making a test wait."""


@st.composite
def accidents(draw: st.DrawFn) -> list[Fault]:
    chosen = draw(st.lists(st.sampled_from(ENDING), min_size=1, max_size=6))
    return [replace(fault, after=draw(st.integers(0, 3)), times=draw(st.integers(1, 3))) for fault in chosen]


def fetched(way: str, url: str) -> Rows | None:
    """The rows, or None where an error that is whole itself came instead."""
    if way == "command":
        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            status, said, rows = by_command(url, Path(folder) / "rows.csv", patch)
            left = [path.name for path in Path(folder).iterdir()]
        assert (status, left) == ((1, []) if rows is None else (0, ["rows.csv"]))
        assert len(said.splitlines()) == 1
        return rows
    try:
        return WAYS[way](url)
    except FetchError as error:
        failure = error
    assert failure.window is not None
    return None


@pytest.fixture
def _unwaited(monkeypatch: pytest.MonkeyPatch) -> None:
    async def sleep(_: float) -> None:
        await asyncio.sleep(0)

    monkeypatch.setattr("stamina._core._smart_sleep", sleep)


@pytest.mark.usefixtures("_unwaited")
@given(accidents(), st.sampled_from([*WAYS, "command"]))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_sequence_of_faults_before_honest_answers(served_samples: Samples, faults: list[Fault], way: str) -> None:
    spoiled = sum(fault.times or 0 for fault in faults)
    with running_with_faults(honest(served_samples), faults) as server:
        rows = fetched(way, server.url)
    assert rows in (None, truth(served_samples))
    if spoiled < QUICK.attempts and not any(fault.name in FINAL for fault in faults):
        assert rows is not None
    assert len(server.requests) <= UNSEEN + spoiled
    met = sum(seen.fault is not None for seen in server.requests)
    if rows is None and met == len(server.requests):
        assert met <= QUICK.attempts  # nothing but failures: no more than one window may ask
    assert server.other_origin_requests == []
    assert server.crashes == []
    assert server.max_concurrent() <= AT_A_TIME
