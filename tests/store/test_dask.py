"""A backfill on a Dask cluster, with scheduler and workers in threads of this process."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import dask.config
import pytest
from distributed import Client, LocalCluster, as_completed

from allium_market_data import MarketData, RetryPolicy
from allium_market_data.errors import (
    BudgetError,
    ConnectionFailedError,
    NotFoundError,
    RefusedError,
    ServerError,
    StoreError,
    UsageError,
)
from allium_market_data.model.times import micros
from allium_market_data.store import Progress, Table, backfill, update
from allium_market_data.store.backfill import plan_backfill
from allium_market_data.store.coverage import Coverage
from allium_market_data.store.dask import cluster as dask_cluster
from allium_market_data.store.dask import driver
from allium_market_data.store.dask.rate_limiter import MAX_CATCH_UP
from allium_market_data.store.dask.worker import GroupResult, worker_problem
from allium_market_data.validation import to_instant
from allium_market_data.version import VERSION
from support.exchange import BTC, ETH, KEY, Exchange
from support.failing import fail
from support.tables import final_values

MARKETS = (BTC, ETH)
BAD = "hl:perp:BAD-USDC"
SPAN = "2026-02-10", "2026-05-12"
WORKERS = 2


@contextmanager
def local_cluster(workers: int) -> Iterator[LocalCluster]:
    with LocalCluster(
        n_workers=workers, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0", protocol="tcp://"
    ) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def shared_client() -> Iterator[Client]:
    with local_cluster(WORKERS) as cluster, Client(cluster) as client:
        yield client


@pytest.fixture
def filled(exchange: Exchange) -> Exchange:
    for market in MARKETS:
        exchange.fill(market, "2026-02-01", "2026-05-15")
    return exchange


def run(table: Path, url: str, dask: Any, rate: float | None = None, key: str = KEY, **options: Any) -> Progress:
    """A backfill with at most two requests in flight for each worker thread."""
    retry = RetryPolicy(2, 0.01, 0.01, 0.0)
    with MarketData(key, url, max_rate=rate, max_concurrency=2, retry=retry) as client:
        return backfill(options.pop("markets", MARKETS), "1h", *SPAN, table, client=client, dask=dask, **options)


def assert_complete(table: Path, exchange: Exchange) -> None:
    for market in MARKETS:
        assert final_values(table, market) == exchange.values(*SPAN, market)


def test_a_cluster_stores_every_row_once(filled: Exchange, table: Path, shared_client: Client) -> None:
    progress = run(table, filled.url, shared_client)
    assert_complete(table, filled)
    assert (progress.done, progress.done_planned) == (progress.tasks, progress.planned)
    assert progress.requests == filled.request_count
    again = run(table, filled.url, shared_client)
    assert (again.tasks, again.requests) == (0, 0)


def test_all_workers_share_the_rate_limit(filled: Exchange, table: Path, shared_client: Client) -> None:
    rate, began = 20, time.monotonic()
    progress = run(table, filled.url, shared_client, rate=rate)
    assert time.monotonic() - began >= (progress.requests - 1) / rate - MAX_CATCH_UP
    assert progress.requests == filled.request_count > rate / 2


def test_a_budget_is_spent_on_whole_windows(filled: Exchange, table: Path, shared_client: Client) -> None:
    with pytest.raises(BudgetError, match="budget of 5 requests"):
        run(table, filled.url, shared_client, max_requests=5)
    assert filled.request_count <= 5
    assert final_values(table), "no window was completed"
    run(table, filled.url, shared_client)
    assert_complete(table, filled)


def test_a_refused_key_is_one_error_after_few_requests(
    filled: Exchange, table: Path, shared_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALLIUM_API_KEY", "another")
    with pytest.raises(RefusedError, match="this API key"):
        run(table, filled.url, shared_client)
    assert filled.request_count <= WORKERS * 2


def test_a_dead_server_is_one_error(exchange: Exchange, table: Path, shared_client: Client) -> None:
    with closing(socket.socket()) as bound:  # bound, but not listening: connections are refused
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionFailedError):
            run(table, f"http://127.0.0.1:{bound.getsockname()[1]}", shared_client)


def test_an_unknown_market_does_not_stop_the_others(filled: Exchange, table: Path, shared_client: Client) -> None:
    done = run(table, filled.url, shared_client, markets=["no:such:market", *MARKETS])
    [failure] = done.failures
    assert (failure.key, type(failure.error)) == (("1h", "no:such:market"), NotFoundError)
    assert_complete(table, filled)


def test_a_market_that_always_fails_ends_alone(filled: Exchange, table: Path, shared_client: Client) -> None:
    filled.fill(BAD, "2026-02-01", "2026-05-15")
    failing = fail(filled, [BAD])
    done = run(table, filled.url, shared_client, markets=[BAD, *MARKETS], commit_rows=1)
    [failure] = done.failures
    assert (failure.key, type(failure.error)) == (("1h", BAD), ServerError)
    assert_complete(table, filled)
    assert len(failing.requests) <= (WORKERS + 1) * 4  # two attempts of at most two requests


@pytest.mark.parametrize("markets", [[f"hl:perp:M{number}-USDC" for number in range(6)], MARKETS[:1]])
def test_a_server_that_answers_5xx_ends_the_run(
    filled: Exchange, table: Path, shared_client: Client, markets: list[str]
) -> None:
    for market in markets:
        filled.fill(market, "2026-02-01", "2026-05-15")
    failing = fail(filled, markets)
    with pytest.raises(ServerError):
        run(table, filled.url, shared_client, markets=markets, commit_rows=1)
    assert 0 < len(failing.requests) == filled.request_count + len(failing.requests) <= (WORKERS + 3) * 4


def test_the_update_after_a_failed_month_fills_it(
    filled: Exchange, table: Path, shared_client: Client, client: MarketData
) -> None:
    """March fails after a later month of its market is committed: of the 8 windows, all but 2 are done by then."""
    is_later_done = threading.Event()
    failing = fail(filled, [BTC], 422, ("2026-03-05", "2026-03-20"))
    failing.until = is_later_done

    def report(progress: Progress) -> None:
        if progress.done == 6:
            is_later_done.set()

    done = run(table, filled.url, shared_client, commit_rows=1, progress=report)
    assert [failure.key[1] for failure in done.failures] == [BTC]
    assert Table(table).coverage.end_of(("1h", BTC)) == micros(to_instant("2026-03-01", "end"))
    failing.is_failing = False
    assert update(table, client=client).failures == ()
    for market in MARKETS:
        assert final_values(table, market) == filled.values(SPAN[0], "2026-05-15", market)


@pytest.mark.parametrize("spent", [40, 35])
def test_the_budget_includes_what_the_search_has_spent(
    filled: Exchange, table: Path, shared_client: Client, client: MarketData, spent: int
) -> None:
    planned, reports = plan_backfill(Coverage(), "", [*MARKETS], "1h", *SPAN, client), list[Progress]()
    limits: dict[str, Any] = {"max_requests": 40, "planned": replace(planned, requests=spent)}
    with pytest.raises(BudgetError, match="budget of 40 requests"):
        run(table, filled.url, shared_client, progress=reports.append, **limits)
    assert filled.request_count <= 40 - spent
    assert [report.requests for report in reports[:: len(reports)]] == [spent]


def test_a_window_that_no_worker_does_is_an_error(
    filled: Exchange, table: Path, shared_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "run_group", lambda *_, **__: GroupResult())
    with pytest.raises(StoreError, match="the cluster did not do 8 windows, such as hl:perp:BTC-USDC 1h 2026-02-10"):
        run(table, filled.url, shared_client)


def test_workers_without_a_key_are_an_error_before_any_request(
    filled: Exchange, table: Path, shared_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ALLIUM_API_KEY")
    with pytest.raises(UsageError, match=r"2 of 2 workers .* ALLIUM_API_KEY is not in its environment"):
        run(table, filled.url, shared_client)
    assert filled.request_count == 0


def test_wrong_arguments_are_rejected(filled: Exchange, table: Path, shared_client: Client) -> None:
    with pytest.raises(UsageError, match=r"must be a distributed\.Client"):
        run(table, filled.url, "tcp://127.0.0.1:8786")
    with pytest.raises(UsageError, match="from their environment"):
        run(table, filled.url, shared_client, storage_options={"a": "b"})
    assert filled.request_count == 0


def test_a_result_lost_with_its_worker_is_computed_again(
    filled: Exchange, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The only worker ends after it has committed a group, and before the driver reads the result. Then another joins."""
    with local_cluster(1) as cluster, Client(cluster) as client:
        steps = iter(["end the worker", "add another"])
        is_lost = threading.Event()
        handle_lost_data = client._stream_handlers["lost-data"]

        def lose(key: str) -> None:
            handle_lost_data(key)
            is_lost.set()

        class LosingResults(as_completed):  # type: ignore[misc]  # distributed is untyped
            def has_ready(self) -> bool:
                is_ready: bool = super().has_ready()
                if is_ready and not is_lost.is_set():
                    assert next(steps) == "end the worker"
                    [worker] = cluster.workers.values()
                    cluster.sync(worker.close, nanny=False)
                    assert is_lost.wait(60)
                elif is_lost.is_set() and next(steps, None):
                    cluster.scale(2)
                return is_ready

        client._stream_handlers["lost-data"] = lose
        monkeypatch.setattr(driver, "as_completed", LosingResults)
        progress = run(table, filled.url, client)
    assert is_lost.is_set()
    assert_complete(table, filled)
    assert (progress.done, progress.done_planned) == (progress.tasks, progress.planned)


def test_a_cluster_without_workers_is_an_error(filled: Exchange, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_cluster, "WORKER_SECONDS", 0.1)
    with local_cluster(0) as cluster, Client(cluster) as client, pytest.raises(UsageError, match="has no worker"):
        run(table, filled.url, client)


def test_the_loss_of_the_last_worker_is_an_error(
    filled: Exchange, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_cluster, "WORKER_SECONDS", 1.5)
    with local_cluster(1) as cluster, Client(cluster) as client:

        def end_worker(progress: Progress) -> None:
            if progress.done and client.nthreads():
                [worker] = cluster.workers.values()
                cluster.sync(worker.close, nanny=False)

        with pytest.raises(StoreError, match=r"no worker is left at .*: the same call resumes"):
            run(table, filled.url, client, progress=end_worker, commit_rows=1)


def test_progress_is_reported_before_a_group_has_ended(
    filled: Exchange, table: Path, shared_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server answers only after a report that counts its requests."""
    monkeypatch.setattr(driver, "REPORT_SECONDS", 0)
    app, reported = filled.app, threading.Event()

    async def answer_late(scope: Any, receive: Any, send: Any) -> None:
        while not reported.is_set():  # noqa: ASYNC110 - set by another thread
            await asyncio.sleep(0.01)
        await app(scope, receive, send)

    def report(progress: Progress) -> None:
        if progress.requests and not progress.done:
            reported.set()

    filled.app = answer_late
    assert run(table, filled.url, shared_client, progress=report).done > 0
    assert reported.is_set()


def test_the_loss_of_the_scheduler_is_an_error(filled: Exchange, table: Path) -> None:
    with ExitStack() as stack, local_cluster(1) as cluster, Client(cluster) as client:

        def end_scheduler(progress: Progress) -> None:
            if progress.done:
                stack.enter_context(dask.config.set({"distributed.comm.timeouts.connect": "500ms"}))
                cluster.close()

        with pytest.raises(StoreError, match="Dask scheduler"):
            run(table, filled.url, client, progress=end_scheduler, commit_rows=1)


@pytest.fixture
def empty_table(table: Path) -> str:
    return Table(table, create=True).uri


def test_a_worker_that_can_work_has_no_problem(empty_table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLIUM_API_KEY", KEY)
    assert worker_problem(VERSION, empty_table) is None


def test_the_problem_of_a_worker_is_described(empty_table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert worker_problem("0.0.1", empty_table) == f"it has allium-market-data {VERSION}, the client has 0.0.1"
    assert "ALLIUM_API_KEY is not in its environment" in str(worker_problem(VERSION, empty_table))
    monkeypatch.setenv("ALLIUM_API_KEY", KEY)
    assert "every worker must reach the table" in str(worker_problem(VERSION, f"{empty_table}-elsewhere"))
    monkeypatch.setitem(sys.modules, "deltalake", None)
    assert "pip install 'allium-market-data[store]'" in str(worker_problem(VERSION, empty_table))


@pytest.mark.parametrize("address", ["nowhere", "xyz://127.0.0.1:1", "tcp://127.0.0.1:1"])
def test_an_address_without_a_scheduler_is_an_error(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_cluster, "CONNECT_SECONDS", 0.1)
    with pytest.raises(StoreError, match=f"no Dask scheduler at {address}: "), dask_cluster.connect_cluster(address):
        pass


@pytest.mark.parametrize("response", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"], ids=["silent", "HTTP"])
def test_another_kind_of_server_is_an_error(response: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_cluster, "CONNECT_SECONDS", 0.1)
    connections: list[socket.socket] = []

    def answer() -> None:
        with suppress(OSError):  # on a slow machine, the time to connect ends before there is a connection
            connections.append(listener.accept()[0])
            connections[0].sendall(response)

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        thread = threading.Thread(target=answer)
        thread.start()
        address = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        with (
            pytest.raises(StoreError, match=f"no Dask scheduler at {address}: "),
            dask_cluster.connect_cluster(address),
        ):
            pass
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in connections:
            connection.close()
