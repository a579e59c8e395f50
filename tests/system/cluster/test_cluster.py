"""A backfill spread over the processes of a Dask cluster: whole, at one pace, within one budget, and over when it is over."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from socket import create_server
from typing import Any

import pytest

from allium_market_data import MarketData, RetryPolicy
from allium_market_data.errors import BudgetError, ConnectionFailedError, NotFoundError, RefusedError, UsageError
from allium_market_data.sandbox import Samples, create_app, running
from allium_market_data.store import Progress, backfill
from support.clusters import WORKERS, Cluster, Served, tasks_on
from support.crashing import MARKETS, SPAN, snapshot
from support.serving import SECRET

pytestmark = pytest.mark.xdist_group("cluster")


def fill(table: Path, url: str, dask: Any, rate: float | None = None, **more: Any) -> Progress:
    """The backfill of these tests, at two requests at a time for each worker."""
    with MarketData(SECRET, url, max_rate=rate, max_concurrency=2, retry=RetryPolicy(2, 0.01, 0.01, 0.0)) as client:
        return backfill(MARKETS, "1h", *SPAN, table, client=client, dask=dask, **more)


def test_a_worker_that_dies_is_replaced_without_a_hole_or_a_duplicate(
    tmp_path: Path, server: Served, dask: Any
) -> None:
    before = set(dask.run(os.getpid).values())
    killed: list[int] = []

    def kill(at: Progress) -> None:
        """After a commit, a worker that has something to do."""
        if at.done and not killed:
            pids = dask.run(os.getpid)
            killed.append(next(pids[worker] for worker, keys in dask.processing().items() if keys))
            os.kill(killed[0], signal.SIGKILL)

    at = fill(tmp_path / "table", server.url, dask, rate=15, progress=kill)
    assert killed[0] in before
    assert snapshot(tmp_path / "table") == server.rows
    assert (at.done, at.done_planned) == (at.tasks, at.planned)
    assert len(server.asked) - WORKERS * 2 <= at.requests  # the turns that a dying worker had and never used
    dask.wait_for_workers(WORKERS, timeout=60)
    again = fill(tmp_path / "table", server.url, dask)
    assert (again.tasks, again.requests) == (0, 0)


def test_the_pace_of_the_client_holds_over_all_workers_at_the_server(tmp_path: Path, server: Served, dask: Any) -> None:
    rate = 5
    fill(tmp_path / "table", server.url, dask, rate=rate)
    came = [request.at for request in server.asked]
    assert len(came) > rate
    assert came[-1] - came[0] > (len(came) - 1) / rate - 0.3
    assert {request.status for request in server.asked} == {200}


def test_a_budget_holds_over_the_cluster_and_is_spent_on_whole_windows(
    tmp_path: Path, server: Served, dask: Any
) -> None:
    with pytest.raises(BudgetError, match="10 requests are spent"):
        fill(tmp_path / "table", server.url, dask, max_requests=10)
    spent = len(server.asked)
    assert 5 <= spent <= 10
    assert snapshot(tmp_path / "table"), "requests were spent on nothing"
    fill(tmp_path / "table", server.url, dask)
    assert snapshot(tmp_path / "table") == server.rows
    assert len(server.asked) - spent < 28, "what was complete was fetched again"


def test_a_refused_key_ends_it_with_one_error_and_no_storm(tmp_path: Path, served_samples: Samples, dask: Any) -> None:
    app = create_app(served_samples, api_key="another")
    with running(app) as url, pytest.raises(RefusedError, match="this API key") as caught:
        fill(tmp_path / "table", url, dask)
    assert len(app.state.requests) <= WORKERS * 2
    assert SECRET not in repr(caught.value)


def test_a_dead_server_ends_it_with_one_error(tmp_path: Path, dask: Any) -> None:
    with closing(create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ConnectionFailedError):
        fill(tmp_path / "table", f"http://127.0.0.1:{port}", dask)


def test_a_market_that_the_server_does_not_know_ends_only_itself(tmp_path: Path, server: Served, dask: Any) -> None:
    with MarketData(SECRET, server.url, max_concurrency=2) as client, pytest.raises(NotFoundError, match="404"):
        backfill(["no:such:market", *MARKETS], "1h", *SPAN, tmp_path / "table", client=client, dask=dask)
    assert snapshot(tmp_path / "table") == server.rows


def test_a_key_that_a_worker_lacks_is_told_before_anything_is_asked(
    tmp_path: Path, server: Served, dask: Any, spread_over: Cluster
) -> None:
    without = spread_over.add(1, "--no-nanny", key=None)
    try:
        dask.wait_for_workers(WORKERS + 1, timeout=60)
        with pytest.raises(UsageError, match=r"1 of 3 workers .* no ALLIUM_API_KEY in its environment"):
            fill(tmp_path / "table", server.url, dask)
    finally:
        without.terminate()
        without.wait(timeout=30)
    assert not server.asked


def test_the_command_is_interrupted_at_once_and_resumes(
    tmp_path: Path, server: Served, dask: Any, spread_over: Cluster
) -> None:
    words = ["backfill", *MARKETS, "--interval", "1h", "--start", SPAN[0], "--end", SPAN[1], "--concurrency", "2"]
    where = ["--table", str(tmp_path / "table"), "--dask", spread_over.address]
    env = {**os.environ, "ALLIUM_BASE_URL": server.url}  # and no key: only workers need one

    def command(*more: str) -> subprocess.Popen[str]:
        line = [sys.executable, "-c", "from allium_market_data.cli.main import main; main()", *words, *where, *more]
        return subprocess.Popen(line, env=env, stderr=subprocess.PIPE, text=True)

    with command("--rate", "1") as child:
        _until(lambda: len(server.asked) >= 3 or child.poll() is not None)
        child.send_signal(signal.SIGINT)
        _, said = child.communicate(timeout=60)
        assert child.returncode == 130, said
        assert said.splitlines()[-1] == "allium-md: interrupted; nothing half-written stays"
        assert "Traceback" not in said
    asked = len(server.asked)
    time.sleep(4)  # in which four more would be sent
    assert len(server.asked) <= asked + 2
    _until(lambda: not any(dask.processing().values()))
    assert dask.run_on_scheduler(tasks_on) == 0
    with command() as child:
        _, said = child.communicate(timeout=60)
        assert child.returncode == 0, said
    assert snapshot(tmp_path / "table") == server.rows


def _until(holds: Any, seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "it did not come to that"
        time.sleep(0.02)
