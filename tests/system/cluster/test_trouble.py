"""Clusters that cannot do it: one clear message, and nothing asked."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from allium_market_data import MarketData
from allium_market_data.errors import StoreError, UsageError
from allium_market_data.store import Progress, Table, backfill
from allium_market_data.store.dask import driver as client_side
from allium_market_data.store.dask.worker import lacks
from allium_market_data.version import VERSION
from support.clusters import Served, cluster
from support.crashing import MARKETS, SPAN
from support.serving import SECRET

pytestmark = pytest.mark.xdist_group("cluster")


@pytest.fixture
def table(tmp_path: Path) -> str:
    """An empty table."""
    return Table(tmp_path / "table", create=True).uri


def test_a_worker_that_has_everything_lacks_nothing(table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLIUM_API_KEY", SECRET)
    assert lacks(VERSION, table) is None


def test_what_a_worker_lacks_is_told(table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert lacks("0.0.1", table) == f"it has allium-market-data {VERSION}, and this is 0.0.1"
    assert "no ALLIUM_API_KEY in its environment" in str(lacks(VERSION, table))
    monkeypatch.setenv("ALLIUM_API_KEY", SECRET)
    assert "every worker must reach the table" in str(lacks(VERSION, f"{table}-elsewhere"))
    monkeypatch.setitem(sys.modules, "deltalake", None)
    assert "pip install 'allium-market-data[store]'" in str(lacks(VERSION, table))


@pytest.mark.parametrize("address", ["nowhere", "xyz://127.0.0.1:1", "tcp://127.0.0.1:1"])
def test_no_scheduler_at_the_address_is_told(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_side, "CONNECT_SECONDS", 0.5)
    with pytest.raises(StoreError, match=f"no Dask scheduler at {address}: "), client_side.joined(address):
        pass


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_something_else_at_the_address_is_told(said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_side, "CONNECT_SECONDS", 0.5)
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        kept: list[socket.socket] = []

        def answer() -> None:
            kept.append(listener.accept()[0])
            kept[0].sendall(said)

        thread = threading.Thread(target=answer)
        thread.start()
        address = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(StoreError, match=f"no Dask scheduler at {address}: "), client_side.joined(address):
            pass
        thread.join()
        kept[0].close()


def test_what_is_no_client_is_told(tmp_path: Path, server: Served) -> None:
    with MarketData(SECRET, server.url) as client, pytest.raises(UsageError, match=r"must be a distributed\.Client"):
        backfill(MARKETS, "1h", *SPAN, tmp_path / "table", client=client, dask="tcp://127.0.0.1:8786")


def test_storage_options_would_stand_in_the_tasks(tmp_path: Path, server: Served, dask: Any) -> None:
    with MarketData(SECRET, server.url) as client, pytest.raises(UsageError, match="from their environment"):
        backfill(MARKETS, "1h", *SPAN, tmp_path / "table", client=client, dask=dask, storage_options={"a": "b"})
    assert not server.asked


def test_a_cluster_that_is_lost_is_told(tmp_path: Path, server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker at all, the last worker dead, and then the scheduler: three errors, and no waiting without end."""
    monkeypatch.setattr(client_side, "PATIENCE", 2.0)
    monkeypatch.setattr(client_side, "CONNECT_SECONDS", 3.0)
    import dask

    with dask.config.set({"distributed.comm.timeouts.connect": "2s"}), cluster(tmp_path / "c", 0, None) as machines:
        with client_side.joined(machines.address) as lonely:
            with pytest.raises(UsageError, match="no worker is at"):
                _fill(tmp_path / "none", server.url, lonely)
            machines.add(1, "--no-nanny", key=SECRET)
            lonely.wait_for_workers(1, timeout=60)
            pid = next(iter(lonely.run(os.getpid).values()))
            with pytest.raises(StoreError, match=r"no worker is left at .*: the same call goes on"):
                _fill(tmp_path / "left", server.url, lonely, lambda: os.kill(pid, signal.SIGKILL))
        with client_side.joined(machines.address) as lost:
            machines.add(1, "--no-nanny", key=SECRET)
            lost.wait_for_workers(1, timeout=60)
            with pytest.raises(StoreError, match="scheduler"):
                _fill(tmp_path / "lost", server.url, lost, machines.processes[0].kill)


def _fill(table: Path, url: str, dask: Any, trouble: Callable[[], None] = lambda: None) -> Progress:
    """A backfill in which something happens after its first commit."""

    def progress(at: Progress) -> None:
        if at.done:
            trouble()

    with MarketData(SECRET, url, max_rate=4, max_concurrency=2) as client:
        return backfill(MARKETS, "1h", *SPAN, table, client=client, dask=dask, progress=progress)
