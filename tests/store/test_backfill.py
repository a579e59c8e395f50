"""Filling a table: everything once, resumed, in a budget, exact or not at all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from deltalake import DeltaTable

from allium_market_data import MarketData
from allium_market_data.errors import BudgetError, NotFoundError, PrecisionError, UsageError
from allium_market_data.model.intervals import HOUR
from allium_market_data.model.times import micros
from allium_market_data.store import Coverage, Progress, Table, backfill
from allium_market_data.store import runner as gathering
from allium_market_data.store.coverage import add_up
from allium_market_data.validation import to_instant
from support.exchange import BTC, ETH, Exchange

SPAN = "2026-04-20", "2026-05-12"


def rows(table: Path, market: str = BTC, interval: Any = "1h") -> dict[datetime, tuple[Any, ...]]:
    """The final rows of a market, by label; one that stands there twice is told."""
    whole = (micros(to_instant("2026-01-01", "s")), micros(to_instant("2027-01-01", "e")))
    found = Table(table).stored((interval, market), whole).to_pylist()
    assert len(found) == len({row["ts"] for row in found})
    return {row["ts"]: (row["oi_base"], row["oi_quote_usd"]) for row in found if not row["provisional"]}


def wanted(exchange: Exchange, start: str, end: str, market: str = BTC) -> dict[datetime, tuple[Any, ...]]:
    return {
        label: tuple(map(Decimal, exchange.samples[market][micros(label)]))
        for label in exchange.labels(start, end)
        if micros(label) in exchange.samples[market]
    }


@pytest.fixture
def filled(exchange: Exchange) -> Exchange:
    for market in (BTC, ETH):
        exchange.fill(market, "2026-04-15", "2026-05-20T11:00")
    return exchange


def test_every_row_of_every_market_stands_there_once_and_exactly(
    filled: Exchange, client: MarketData, table: Path
) -> None:
    done = backfill([BTC, ETH, BTC], "1h", *SPAN, table, client=client)
    assert done.rows == 2 * 22 * 24
    for market in (BTC, ETH):
        assert rows(table, market) == wanted(filled, *SPAN, market)


def test_the_same_call_again_asks_nothing_and_more_asks_only_for_more(
    filled: Exchange, client: MarketData, table: Path
) -> None:
    backfill(BTC, "1h", *SPAN, table, client=client)
    before = filled.asked
    assert backfill(BTC, "1h", *SPAN, table, client=client).rows == 0
    assert filled.asked == before
    done = backfill(BTC, "1h", SPAN[0], "2026-05-13", table, client=client)
    assert (done.rows, done.tasks) == (24, 1)
    assert rows(table) == wanted(filled, SPAN[0], "2026-05-13")


def test_only_closed_buckets_are_fetched(filled: Exchange, client: MarketData, table: Path) -> None:
    backfill(BTC, "1h", "2026-05-19", "2027-01-01", table, client=client)
    assert rows(table) == wanted(filled, "2026-05-19", "2026-05-20T10:00")
    assert Table(table).coverage.end(("1h", BTC)) == micros(to_instant("2026-05-20T10:00", "e"))


def test_windows_count_as_complete_in_the_very_commit_of_their_rows(
    filled: Exchange, client: MarketData, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "AT_A_TIME", 1)
    backfill([BTC, ETH], "1h", *SPAN, table, client=client, commit_rows=1, commit_seconds=0)
    commits = DeltaTable(table).history()[::-1]
    for version in range(1, len(commits)):
        there = DeltaTable(table, version=version).to_pyarrow_table().to_pylist()
        coverage = add_up(Coverage(), commits[: version + 1])
        for (_, market), spans in coverage.complete.items():
            labels = {micros(row["ts"]) for row in there if row["market_id"] == market}
            assert labels == {at for start, end in spans for at in range(start, end, HOUR)}
    assert len(commits) > 4, "two markets in two months, a commit each"


@pytest.mark.parametrize("value", ["1.0000000000000000001", "123456789012345678901", "0." + "0" * 18 + "9"])
def test_a_value_that_does_not_fit_stops_the_write_and_nothing_is_rounded(
    filled: Exchange, client: MarketData, table: Path, value: str
) -> None:
    filled.put(BTC, "2026-05-03T04:00", value)
    with pytest.raises(PrecisionError) as caught:
        backfill([BTC, ETH], "1h", *SPAN, table, client=client)
    said = str(caught.value)
    assert all(part in said for part in (value, BTC, "oi_base", "2026-05-03T04:00:00Z", "decimal(38, 18)"))
    there = rows(table)
    assert there == {label: value for label, value in wanted(filled, *SPAN).items() if label in there}
    assert not any(label.month == 5 for label in there), "nothing of the window of the value"


@pytest.mark.parametrize(
    "value", ["99999999999999999999.999999999999999999", "0.000000000000000001", "1.5000" + "0" * 40]
)
def test_a_value_that_just_fits_is_kept_to_the_last_digit(
    filled: Exchange, client: MarketData, table: Path, value: str
) -> None:
    filled.put(BTC, "2026-05-03T04:00", value)
    backfill(BTC, "1h", *SPAN, table, client=client)
    assert rows(table)[to_instant("2026-05-03T04:00", "at")][0] == Decimal(value)


def test_a_market_that_the_server_does_not_know_ends_only_itself(
    filled: Exchange, client: MarketData, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "AT_A_TIME", 1)
    with pytest.raises(NotFoundError, match="no:perp:SUCH"):
        backfill(["no:perp:SUCH", BTC], "1h", *SPAN, table, client=client)
    assert rows(table) == wanted(filled, *SPAN)


def test_a_budget_ends_a_run_that_the_next_one_goes_on_with(filled: Exchange, client: MarketData, table: Path) -> None:
    runs = 0
    while True:
        before, runs = filled.asked, runs + 1
        try:
            backfill([BTC, ETH], "1h", *SPAN, table, client=client, max_requests=3)
        except BudgetError as error:
            said = str(error)
        else:
            break
        assert "3 requests are spent" in said
        assert filled.asked - before == 2, "what the third could not make whole is not begun"
        assert runs < 10
    assert runs > 2
    for market in (BTC, ETH):
        assert rows(table, market) == wanted(filled, *SPAN, market)


@pytest.mark.parametrize("most", [0, -1, 1.5, "3"])
def test_a_budget_that_is_none_is_refused_before_anything(client: MarketData, table: Path, most: Any) -> None:
    with pytest.raises(UsageError, match="max_requests"):
        backfill(BTC, "1h", *SPAN, table, client=client, max_requests=most)
    assert not table.exists()


@pytest.mark.parametrize(
    ("market", "interval", "start"), [("", "1h", SPAN[0]), (BTC, "2h", SPAN[0]), (BTC, "1h", "yesterday")]
)
def test_a_wrong_call_makes_no_table(client: MarketData, table: Path, market: str, interval: Any, start: str) -> None:
    with pytest.raises(UsageError):
        backfill(market, interval, start, SPAN[1], table, client=client)
    assert not table.exists()


def test_progress_tells_tasks_rows_requests_and_time(filled: Exchange, client: MarketData, table: Path) -> None:
    seen: list[Progress] = []
    backfill([BTC, ETH], "1h", *SPAN, table, client=client, progress=seen.append, commit_rows=1, commit_seconds=0)
    assert (seen[0].done, seen[0].tasks, seen[0].left) == (0, 4, None)
    assert [at.done for at in seen] == sorted(at.done for at in seen)
    last = seen[-1]
    assert (last.done, last.rows, last.requests, last.left) == (4, 2 * 22 * 24, filled.asked, 0)


def three_at_once(work: Callable[[], object]) -> None:
    """Do it in three threads at a time; none may fail."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - told below
            failures.append(error)

    threads = [Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_two_runs_on_one_table_at_once_write_every_row_once(filled: Exchange, table: Path) -> None:
    three_at_once(lambda: backfill([BTC, ETH], "1h", *SPAN, table, commit_rows=1, commit_seconds=0))
    for market in (BTC, ETH):
        assert rows(table, market) == wanted(filled, *SPAN, market)


def test_a_bucket_that_the_server_lacks_is_complete_and_has_no_row(
    filled: Exchange, client: MarketData, table: Path
) -> None:
    filled.take(BTC, "2026-05-03T04:00")
    backfill(BTC, "1h", *SPAN, table, client=client)
    assert to_instant("2026-05-03T04:00", "at") not in rows(table)
    assert Table(table).coverage.complete["1h", BTC] == (tuple(micros(to_instant(end, "e")) for end in SPAN),)
