"""A backfill on the processes of a Dask cluster: a worker that is killed, and a command that is interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]  # a dependency of distributed; it has no types
import pytest

from allium_market_data import MarketData
from allium_market_data.store import backfill
from support.clusters import Cluster
from support.crashing import MARKETS, SPAN, Hooked, snapshot
from support.serving import SECRET

pytestmark = pytest.mark.xdist_group("cluster")

CONCURRENCY = 2


def test_a_killed_worker_is_replaced_without_gap_or_duplicate(
    tmp_path: Path, server: Hooked, url: str, expected: list[dict[str, Any]], dask: Any
) -> None:
    workers = [psutil.Process(pid) for pid in dask.run(os.getpid).values()]
    killed: list[int] = []

    def kill_sender(number: int, port: int) -> bool:
        """Kill the worker that sends the ninth request."""
        if number != 9:
            return False
        [sender] = [
            worker
            for worker in workers
            for socket in worker.net_connections()
            if socket.laddr and socket.laddr.port == port
        ]
        killed.append(sender.pid)
        sender.kill()
        return True

    server.on_request = kill_sender
    with MarketData(SECRET, url, max_concurrency=CONCURRENCY) as client:
        progress = backfill(MARKETS, "1h", *SPAN, tmp_path / "table", client=client, dask=dask)
    assert len(killed) == 1
    assert snapshot(tmp_path / "table") == expected
    assert (progress.done, progress.done_planned) == (progress.tasks, progress.planned)
    unused = progress.requests - server.requests
    assert 0 <= unused <= CONCURRENCY, "requests that were granted to the killed worker"


def test_an_interrupted_command_stops_the_cluster_and_resumes(
    tmp_path: Path, server: Hooked, url: str, expected: list[dict[str, Any]], dask: Any, processes: Cluster
) -> None:
    words = ["backfill", *MARKETS, "--interval", "1h", "--start", SPAN[0], "--end", SPAN[1]]
    words += ["--max-concurrency", str(CONCURRENCY), "--table", str(tmp_path / "table"), "--dask", processes.address]
    line = [sys.executable, "-c", "from allium_market_data.cli.main import main; main()", *words]
    env = {**os.environ, "ALLIUM_BASE_URL": url}  # no API key: only workers need it
    third_request = threading.Event()

    def hold(number: int, _: int) -> bool:
        if number == 3:
            third_request.set()
        return number >= 3

    server.on_request = hold
    with subprocess.Popen(line, env=env, stderr=subprocess.PIPE, text=True) as child:
        third_request.wait()
        child.send_signal(signal.SIGINT)
        _, err = child.communicate()
        assert child.returncode == 130, err
        assert err.splitlines()[-1].startswith("allium-md: interrupted")
        assert "Traceback" not in err
    server.release.set()
    wait_until_idle(dask)
    assert server.requests <= 2 + len(dask.nthreads()) * CONCURRENCY, "requests were sent after the end"
    done = subprocess.run(line, env=env, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert snapshot(tmp_path / "table") == expected


def wait_until_idle(dask: Any) -> None:
    """Wait until no worker runs a task, not even a cancelled one, and the scheduler has none."""

    async def finish(dask_worker: Any) -> None:
        import asyncio

        while dask_worker.state.all_running_tasks:  # noqa: ASYNC110 - a worker has no event for this
            await asyncio.sleep(0.01)

    async def forget(dask_scheduler: Any) -> None:
        import asyncio

        while dask_scheduler.tasks:  # noqa: ASYNC110 - it learns on its own time that the client has gone
            await asyncio.sleep(0.01)

    dask.run_on_scheduler(forget)
    dask.run(finish)
