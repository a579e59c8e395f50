"""One cluster of two worker processes for all tests here, and a sandbox whose key differs in every encoding."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from allium_market_data.sandbox import Samples
from support.clusters import Cluster, cluster
from support.crashing import Hooked, hooked_sandbox, undisturbed
from support.serving import SECRET

WORKERS = 2


@pytest.fixture(scope="session")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The cluster."""
    with cluster(tmp_path_factory.mktemp("cluster"), WORKERS, SECRET) as started:
        yield started


@pytest.fixture(scope="session")
def _served(served_samples: Samples) -> Iterator[tuple[str, Hooked]]:
    with hooked_sandbox(served_samples, SECRET) as served:
        yield served


@pytest.fixture(scope="session")
def expected(_served: tuple[str, Hooked], tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The rows of a backfill without a cluster."""
    return undisturbed(_served[0], tmp_path_factory.mktemp("whole") / "table", SECRET)


@pytest.fixture
def url(_served: tuple[str, Hooked]) -> str:
    """The URL of the sandbox."""
    return _served[0]


@pytest.fixture
def server(_served: tuple[str, Hooked], expected: list[dict[str, Any]]) -> Iterator[Hooked]:
    """The hook in front of the sandbox; it counts from 0."""
    hooked = _served[1]
    hooked.requests = 0
    hooked.release.clear()
    yield hooked
    hooked.on_request = lambda *_: False
    hooked.release.set()


@pytest.fixture
def dask(processes: Cluster) -> Iterator[Any]:
    """A client of the cluster, once all workers have joined."""
    with processes.client() as client:
        client.wait_for_workers(WORKERS, timeout=60)
        yield client
