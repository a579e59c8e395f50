"""Filling a table: every row once, resumable, within a budget, exact or not at all."""

from __future__ import annotations

import itertools
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from deltalake import DeltaTable

from allium_market_data import MarketData
from allium_market_data.errors import BudgetError, NotFoundError, PrecisionError, UsageError
from allium_market_data.model.intervals import HOUR
from allium_market_data.model.times import micros
from allium_market_data.store import Coverage, Progress, Table, backfill, runner
from allium_market_data.store.coverage import replay
from allium_market_data.validation import to_instant
from support.exchange import BTC, ETH, Exchange
from support.tables import final_values, run_together

SPAN = "2026-04-20", "2026-05-12"


@pytest.fixture
def filled(exchange: Exchange) -> Exchange:
    for market in (BTC, ETH):
        exchange.fill(market, "2026-04-15", "2026-05-20T11:00")
    return exchange


def test_every_row_of_every_market_is_stored_once(filled: Exchange, client: MarketData, table: Path) -> None:
    progress = backfill([BTC, ETH, BTC], "1h", *SPAN, table, client=client)
    assert progress.rows == 2 * 22 * 24
    for market in (BTC, ETH):
        assert final_values(table, market) == filled.values(*SPAN, market)


def test_a_repeated_backfill_fetches_only_what_is_missing(filled: Exchange, client: MarketData, table: Path) -> None:
    backfill(BTC, "1h", *SPAN, table, client=client)
    before = filled.request_count
    assert backfill(BTC, "1h", *SPAN, table, client=client).rows == 0
    assert filled.request_count == before
    progress = backfill(BTC, "1h", SPAN[0], "2026-05-13", table, client=client)
    assert (progress.rows, progress.tasks) == (24, 1)
    assert final_values(table) == filled.values(SPAN[0], "2026-05-13")


def test_only_closed_buckets_are_fetched(filled: Exchange, client: MarketData, table: Path) -> None:
    backfill(BTC, "1h", "2026-05-19", "2027-01-01", table, client=client)
    assert final_values(table) == filled.values("2026-05-19", "2026-05-20T10:00")
    assert Table(table).coverage.end_of(("1h", BTC)) == micros(to_instant("2026-05-20T10:00", "end"))


def test_windows_become_complete_in_the_commit_of_their_rows(
    filled: Exchange, client: MarketData, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "MAX_RUNNING_TASKS", 1)
    backfill([BTC, ETH], "1h", *SPAN, table, client=client, commit_rows=1, commit_seconds=0)
    commits = DeltaTable(table).history()[::-1]
    for version in range(1, len(commits)):
        rows = DeltaTable(table, version=version).to_pyarrow_table().to_pylist()
        coverage = replay(Coverage(), commits[: version + 1])
        for (_, market), spans in coverage.complete.items():
            labels = {micros(row["ts"]) for row in rows if row["market_id"] == market}
            assert labels == {at for start, end in spans for at in range(start, end, HOUR)}
    assert len(commits) > 4, "one for each of two markets in two months"


@pytest.mark.parametrize("value", ["1.0000000000000000001", "123456789012345678901"])
def test_a_value_that_does_not_fit_fails_instead_of_being_rounded(
    filled: Exchange, client: MarketData, table: Path, value: str
) -> None:
    filled.put(BTC, "2026-05-03T04:00", value)
    [failure] = backfill([BTC, ETH], "1h", *SPAN, table, client=client).failures
    message = str(failure)
    assert isinstance(failure.error, PrecisionError)
    assert final_values(table, ETH) == filled.values(*SPAN, ETH)
    assert all(part in message for part in (value, BTC, "oi_base", "2026-05-03T04:00:00Z", "decimal(38, 18)"))
    stored = final_values(table)
    assert stored.items() <= filled.values(*SPAN).items()
    assert not any(label.month == 5 for label in stored), "nothing of the value's window"


@pytest.mark.parametrize(
    "value", ["99999999999999999999.999999999999999999", "0.000000000000000001", "1.5000" + "0" * 40]
)
def test_a_value_that_just_fits_keeps_every_digit(
    filled: Exchange, client: MarketData, table: Path, value: str
) -> None:
    filled.put(BTC, "2026-05-03T04:00", value)
    backfill(BTC, "1h", *SPAN, table, client=client)
    assert final_values(table)[to_instant("2026-05-03T04:00", "at")][0] == Decimal(value)


def test_an_unknown_market_does_not_stop_the_others(
    filled: Exchange, client: MarketData, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "MAX_RUNNING_TASKS", 1)
    bad = ["no:perp:SUCH", "no:perp:MORE"]
    done = backfill([*bad, BTC], "1h", *SPAN, table, client=client)
    assert [(failure.key[1], type(failure.error)) for failure in done.failures] == [(m, NotFoundError) for m in bad]
    assert final_values(table) == filled.values(*SPAN)


def test_a_run_that_spends_its_budget_is_resumed_by_the_next(filled: Exchange, client: MarketData, table: Path) -> None:
    runs = 0
    while True:
        before, runs = filled.request_count, runs + 1
        try:
            backfill([BTC, ETH], "1h", *SPAN, table, client=client, max_requests=3)
        except BudgetError:
            pass
        else:
            break
        assert filled.request_count - before == 2, "a task for which the third is not enough does not start"
        assert runs < 10
    assert runs > 2
    for market in (BTC, ETH):
        assert final_values(table, market) == filled.values(*SPAN, market)


@pytest.mark.parametrize("budget", [0, 1.5, "3"])
def test_an_invalid_budget_is_rejected_first(client: MarketData, table: Path, budget: Any) -> None:
    with pytest.raises(UsageError, match="max_requests"):
        backfill(BTC, "1h", *SPAN, table, client=client, max_requests=budget)
    assert not table.exists()


@pytest.mark.parametrize(
    ("market", "interval", "start"), [("", "1h", SPAN[0]), (BTC, "2h", SPAN[0]), (BTC, "1h", "yesterday")]
)
def test_a_wrong_call_creates_no_table(client: MarketData, table: Path, market: str, interval: Any, start: str) -> None:
    with pytest.raises(UsageError):
        backfill(market, interval, start, SPAN[1], table, client=client)
    assert not table.exists()


def test_progress_counts_tasks_rows_and_requests(filled: Exchange, client: MarketData, table: Path) -> None:
    reports: list[Progress] = []
    backfill([BTC, ETH], "1h", *SPAN, table, client=client, progress=reports.append, commit_rows=1, commit_seconds=0)
    assert (reports[0].done, reports[0].tasks, reports[0].seconds_left) == (0, 4, None)
    assert [report.done for report in reports] == sorted(report.done for report in reports)
    last = reports[-1]
    assert (last.done, last.rows, last.requests, last.seconds_left) == (4, 2 * 22 * 24, filled.request_count, 0)


def test_concurrent_backfills_store_every_row_once(filled: Exchange, table: Path) -> None:
    run_together(*[lambda: backfill([BTC, ETH], "1h", *SPAN, table, commit_rows=1, commit_seconds=0)] * 3)
    for market in (BTC, ETH):
        assert final_values(table, market) == filled.values(*SPAN, market)


def test_a_bucket_without_a_row_on_the_server_is_complete(filled: Exchange, client: MarketData, table: Path) -> None:
    filled.remove(BTC, "2026-05-03T04:00")
    backfill(BTC, "1h", *SPAN, table, client=client)
    assert to_instant("2026-05-03T04:00", "at") not in final_values(table)
    assert Table(table).coverage.complete["1h", BTC] == (tuple(micros(to_instant(end, "end")) for end in SPAN),)


def test_progress_is_reported_while_nothing_is_committed(
    filled: Exchange, client: MarketData, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each look at the clock takes as long as a silent run may: there is a report between the first and that of a commit."""
    ticks = itertools.count(step=runner.REPORT_SECONDS)
    monkeypatch.setattr(runner, "time", SimpleNamespace(monotonic=lambda: next(ticks)))
    reports: list[Progress] = []
    backfill([BTC, ETH], "1h", *SPAN, table, client=client, progress=reports.append, commit_seconds=1e9)
    assert [report.done for report in reports[1:-1]] == [0] * (len(reports) - 2)
    assert len(reports) > 2
    assert reports[-2].requests > 0
