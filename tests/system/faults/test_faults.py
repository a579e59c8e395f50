"""A fetch under faults ends with the complete series, or with an error that names the window, after few requests."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from allium_market_data.errors import FetchError
from allium_market_data.sandbox import Samples
from allium_market_data.sandbox.faults import FAULTS, Fault, FaultyServer, running_with_faults
from system.faults.expected import ALIKE, FINAL, HONEST_REQUESTS, LASTING, TIMING_OUT, VARIANTS, passes, timeout
from system.faults.fetching import (
    KEY,
    MARKET,
    MAX_CONCURRENCY,
    QUICK,
    SPAN,
    WAYS,
    Fetching,
    Rows,
    by_command,
    by_sync,
    honest,
    near,
    truth,
)


@pytest.fixture(params=[WAYS["sync"], WAYS["async"]], ids=["sync", "async"])
def client(request: pytest.FixtureRequest) -> Fetching:
    way: Fetching = request.param
    return way


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Records the pauses between attempts instead of waiting."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        await asyncio.sleep(0)

    monkeypatch.setattr("allium_market_data.client.transport.sleep", sleep)
    return waited


@pytest.fixture
def under(served_samples: Samples, request: pytest.FixtureRequest) -> Iterator[FaultyServer]:
    """A server with the fault of the test."""
    with running_with_faults(honest(served_samples), [VARIANTS[request.param]]) as server:
        yield server
    assert server.crashes == []


def max_requests(fault: Fault) -> int:
    """The most requests that a client may send to a server with this fault."""
    if fault.handler is None:
        return 0
    if passes(fault):
        spoiled = fault.times or (2 * HONEST_REQUESTS if LASTING[fault.name] is None and fault.name != "slow" else 0)
        return HONEST_REQUESTS + spoiled
    if fault.after == 0:
        return 1 if fault.name in FINAL else QUICK.attempts
    return fault.after + MAX_CONCURRENCY + (0 if fault.name in FINAL else QUICK.attempts - 1)


def check_requests(server: FaultyServer) -> None:
    (fault,) = server.faults
    assert len(server.requests) <= max_requests(fault)
    assert server.other_origin_requests == []


def every(*variants: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        ("variant", "under"), [(name, name) for name in variants], indirect=["under"], ids=list(variants)
    )


def check_fetch(client: Fetching, server: FaultyServer, whole: Rows) -> None:
    """The complete series, or an error that names the window; and not too many requests."""
    (fault,) = server.faults
    if passes(fault):
        assert client(server.url, timeout=timeout(fault)) == whole
    else:
        with pytest.raises(FetchError) as caught:
            client(server.url, timeout=timeout(fault))
        error = caught.value
        assert type(error) is LASTING[fault.name]
        assert error.market_id == MARKET
        assert error.window is not None
        assert near(error.window.start)
        assert near(error.window.end)
        assert str(error.window) in str(error)
        assert KEY not in f"{error} {error!r} {vars(error)}"
    check_requests(server)


@every(*VARIANTS)
def test_a_fetch_is_complete_or_an_error_that_names_the_window(
    client: Fetching, variant: str, under: FaultyServer, served_samples: Samples
) -> None:
    check_fetch(client, under, truth(served_samples))


@pytest.mark.parametrize("stream", [WAYS["stream"], WAYS["async-stream"]], ids=["sync", "async"])
@every("429-zero", "burst-503", "dies", "key-revoked", "reset-midway", "html", "stale-later", "cap-tail")
def test_a_stream_is_complete_or_an_error_that_names_the_window(
    stream: Fetching, variant: str, under: FaultyServer, served_samples: Samples
) -> None:
    check_fetch(stream, under, truth(served_samples))


@every(*(name for name in VARIANTS if name not in ALIKE | TIMING_OUT and not name.endswith(" at first")))
def test_the_command_writes_the_complete_file_or_one_line_of_error(
    variant: str, under: FaultyServer, served_samples: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, fault = tmp_path / "rows.csv", VARIANTS[variant]
    status, stderr, rows = by_command(under.url, file, monkeypatch, timeout(fault))
    whole = truth(served_samples)
    if passes(fault):
        assert (status, stderr, rows) == (0, f"{file}: {len(whole)} rows\n", whole)
        assert list(tmp_path.iterdir()) == [file]
    else:
        assert (status, rows, list(tmp_path.iterdir())) == (1, None, [])
        assert re.fullmatch(rf"allium-md: .*\[{MARKET}, \S+Z to \S+Z\]\n", stderr)
        assert KEY not in stderr
    check_requests(under)


def test_every_fault_has_an_expected_end() -> None:
    assert set(LASTING) == set(FAULTS)
    assert set(FAULTS) >= FINAL


def test_number_of_requests_without_a_fault(served_samples: Samples) -> None:
    with running_with_faults(honest(served_samples), []) as server:
        assert by_sync(server.url) == truth(served_samples)
    assert 6 < len(server.requests) <= HONEST_REQUESTS


@pytest.mark.parametrize(("name", "least", "longest"), [("429-seconds", 1, 1), ("429-date", 0, 2), ("429-zero", 0, 0)])
def test_retry_after_is_waited_for(
    served_samples: Samples, pauses: list[float], name: str, least: float, longest: float
) -> None:
    with running_with_faults(honest(served_samples), [replace(FAULTS[name], after=0, times=1)]) as server:
        assert by_sync(server.url) == truth(served_samples)
    (pause,) = pauses
    assert least <= pause <= longest


@pytest.mark.parametrize("name", ["429-nonsense", "429-absent", "burst-503"])
def test_without_a_retry_after_the_policy_decides(served_samples: Samples, pauses: list[float], name: str) -> None:
    with running_with_faults(honest(served_samples), [replace(FAULTS[name], after=0)]) as server:
        by_sync(server.url)
    assert pauses == [QUICK.first_pause, 2 * QUICK.first_pause]


def test_a_refused_connection_is_retried_as_the_policy_says(
    served_samples: Samples, client: Fetching, pauses: list[float]
) -> None:
    with (
        running_with_faults(honest(served_samples), [FAULTS["connection-refused"]]) as server,
        pytest.raises(FetchError),
    ):
        client(server.url)
    assert len(pauses) == QUICK.attempts - 1


def test_a_dead_server_gets_exactly_the_attempts_of_the_policy(served_samples: Samples, client: Fetching) -> None:
    with running_with_faults(honest(served_samples), [FAULTS["dead"]]) as server, pytest.raises(FetchError):
        client(server.url)
    assert len(server.requests) == QUICK.attempts
    assert server.max_concurrent() == 1


def test_the_target_of_a_redirect_never_gets_the_key(served_samples: Samples, client: Fetching) -> None:
    with running_with_faults(honest(served_samples), [replace(FAULTS["redirect"], after=0, times=None)]) as server:
        with pytest.raises(FetchError, match="redirects are not followed"):
            client(server.url)
        assert server.other_origin_requests == []
        assert client(server.other_origin)  # it would have answered
        assert server.other_origin_requests
    assert f"={SPAN['interval']}" in server.requests[0].target
