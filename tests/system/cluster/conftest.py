"""One cluster of three worker processes for all tests here, and a sandbox whose key looks different wherever it is escaped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from allium_market_data import MarketData
from allium_market_data.sandbox import Samples, create_app, running
from allium_market_data.store import backfill
from support.clusters import WORKERS, Cluster, Served, cluster
from support.crashing import MARKETS, SPAN, Slow, snapshot
from support.serving import SECRET


@pytest.fixture(scope="session")
def spread_over(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The cluster."""
    with cluster(tmp_path_factory.mktemp("cluster"), WORKERS, SECRET) as made:
        yield made


@pytest.fixture(scope="session")
def _served(tmp_path_factory: pytest.TempPathFactory, served_samples: Samples) -> Iterator[Served]:
    app = create_app(served_samples, api_key=SECRET)
    with running(Slow(app, 0.02)) as url:
        table: Path = tmp_path_factory.mktemp("whole") / "table"
        with MarketData(SECRET, url) as client:
            backfill(MARKETS, "1h", *SPAN, table, client=client)
        yield Served(url, app, snapshot(table))


@pytest.fixture
def server(_served: Served) -> Served:
    """The sandbox, with an empty log."""
    _served.app.state.requests.clear()
    return _served


@pytest.fixture
def dask(spread_over: Cluster) -> Iterator[Any]:
    """A client of the cluster, all workers of which are there."""
    with spread_over.client() as client:
        client.wait_for_workers(WORKERS, timeout=60)
        yield client
