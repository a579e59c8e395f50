"""Small files put together: no row changes, nothing known is lost, and nobody is disturbed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from deltalake import DeltaTable

from allium_market_data import MarketData
from allium_market_data.errors import UsageError
from allium_market_data.store import Table, backfill, compact, update
from allium_market_data.store.compaction import crowded
from store.test_backfill import rows
from store.test_update import restatements, stored
from support.exchange import BTC, ETH, Exchange

START = "2026-04-28"


_MADE: dict[str, Any] = {}
"""The table that these tests begin with, made once: where it lies, and the exchange's samples and clock."""


@pytest.fixture
def hourly(exchange: Exchange, client: MarketData, table: Path, tmp_path_factory: pytest.TempPathFactory) -> Exchange:
    """A table of two markets that was topped up every hour for a while, with a restatement each."""
    if not _MADE:
        place = tmp_path_factory.mktemp("hourly") / "oi"
        for market in (BTC, ETH):
            exchange.fill(market, START, "2026-05-25")
        backfill([BTC, ETH], "1h", START, "2026-05-20T10:00", place, client=client)
        for hour in range(4):
            exchange.put(BTC, f"2026-05-20T0{hour}:00", "1")
            exchange.wait(hours=1)
            update(place, client=client, provisional=hour % 2 == 0)
        _MADE.update(place=place, samples=deepcopy(exchange.samples), now=exchange.now)
    shutil.copytree(_MADE["place"], table)
    exchange.samples, exchange.now = deepcopy(_MADE["samples"]), _MADE["now"]
    return exchange


def files(table: Path) -> int:
    return len(DeltaTable(table).file_uris())


def test_rows_and_what_is_complete_stay_and_the_files_become_few(
    hourly: Exchange, client: MarketData, table: Path
) -> None:
    before, known, said = stored(table), Table(table).coverage, restatements(table)
    assert files(table) > 4
    done = compact(table)
    assert files(table) == 4, "two markets, two months"
    assert done.before > done.after > 0 == done.deleted
    assert (stored(table), Table(table).coverage, restatements(table)) == (before, known, said)
    assert len(DeltaTable(table / "_restatements").file_uris()) == 1
    assert not crowded(Table(table).delta)


def test_a_compacted_table_goes_on_as_before(hourly: Exchange, client: MarketData, table: Path) -> None:
    compact(table)
    asked = hourly.asked
    assert backfill([BTC, ETH], "1h", START, "2026-05-20T14:00", table, client=client).rows == 0
    assert hourly.asked == asked
    hourly.wait(hours=1)
    hourly.put(BTC, "2026-05-19T23:00", "2")
    done = update(table, client=client)
    assert (done.restated, done.added) == (1, 2)
    assert update(table, client=client).added == 0


def test_what_is_compact_is_left_alone(hourly: Exchange, table: Path) -> None:
    compact(table)
    version = Table(table).delta.version()
    assert compact(table).before == 0
    assert Table(table).delta.version() == version


def test_what_is_complete_is_known_however_many_commits_came_without_a_note(hourly: Exchange, table: Path) -> None:
    known = Table(table).coverage
    for _ in range(70):
        DeltaTable(table).alter.set_table_properties({"delta.appendOnly": "false"})
    assert Table(table).coverage == known


def test_a_reader_that_was_there_before_still_finds_its_files(hourly: Exchange, table: Path) -> None:
    reader = DeltaTable(table)
    before = reader.to_pyarrow_table().num_rows
    compact(table, vacuum=timedelta(days=1))
    assert reader.to_pyarrow_table().num_rows == before


def test_vacuum_deletes_what_was_left_behind_long_ago_and_no_more(hourly: Exchange, table: Path) -> None:
    month = next(table.glob("interval=1h/*/month=2026-05"))
    old, young = month / "part-00000-old.snappy.parquet", month / "part-00000-young.snappy.parquet"
    for stray in (old, young):
        stray.write_bytes(b"what a killed writer left")
    long_ago = time.time() - 3 * 86_400
    os.utime(old, (long_ago, long_ago))
    for kept in (table / "_restatements").rglob("*.*"):
        os.utime(kept, (long_ago, long_ago))
    before, said = stored(table), restatements(table)
    assert compact(table, vacuum=timedelta(days=2)).deleted == 1
    assert (old.exists(), young.exists()) == (False, True)
    assert (stored(table), restatements(table)) == (before, said)


@pytest.mark.parametrize("days", [0, 0.9, -1])
def test_to_vacuum_what_somebody_may_be_reading_is_refused(hourly: Exchange, table: Path, days: float) -> None:
    with pytest.raises(UsageError, match="a day or more"):
        compact(table, vacuum=timedelta(days=days))


def test_two_compactions_at_once_write_every_row_once(hourly: Exchange, table: Path) -> None:
    before = stored(table)
    threads = [Thread(target=compact, args=[table]) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stored(table) == before
    assert files(table) == 4


def test_a_market_of_any_name_is_amended_and_compacted(exchange: Exchange, client: MarketData, table: Path) -> None:
    odd = 'it\'s:perp:"A"%20-=/ü'.replace("/", "")
    exchange.fill(odd, START, "2026-05-25")
    for end in ("2026-05-02", "2026-05-20T10:00"):
        backfill(odd, "1h", "2026-05-01", end, table, client=client)
    exchange.put(odd, "2026-05-19T05:00", "1")
    assert update(table, client=client).restated == 1
    before = stored(table)
    assert (compact(table).after, stored(table)) == (1, before)


def test_compaction_beside_an_update_and_a_backfill(hourly: Exchange, client: MarketData, table: Path) -> None:
    hourly.fill("c:perp:C", START, "2026-05-25")
    failures: list[BaseException] = []

    def guarded(work: Any) -> Thread:
        def run() -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - told below
                failures.append(error)

        thread = Thread(target=run)
        thread.start()
        return thread

    hourly.put(BTC, "2026-05-19T23:00", "2")
    works = [
        lambda: backfill("c:perp:C", "1h", START, "2026-05-20T14:00", table, commit_rows=1, commit_seconds=0),
        lambda: update(table, commit_rows=1, commit_seconds=0),
        lambda: [compact(table) for _ in range(4)],
    ]
    for thread in [guarded(work) for work in works]:
        thread.join()
    assert not failures
    hourly.wait(hours=1)
    update(table, client=client)
    for market in (BTC, ETH, "c:perp:C"):
        assert sorted(rows(table, market)) == hourly.labels(START, "2026-05-20T15:00")
    assert rows(table)[hourly.labels("2026-05-19T23:00", "2026-05-20")[0]][0] == 2


CHILD = """
import sys
from allium_market_data.store import compact
print("go", flush=True)
compact(sys.argv[1])
"""


def test_a_compaction_that_is_killed_harms_nothing(hourly: Exchange, table: Path) -> None:
    before, known = stored(table), Table(table).coverage
    for delay in (0.0, 0.04):
        command = [sys.executable, "-c", CHILD, str(table)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "go\n"
            time.sleep(delay + 0.25)  # it imports first
            child.send_signal(signal.SIGKILL)
        assert (stored(table), Table(table).coverage) == (before, known)
    compact(table)
    assert (stored(table), files(table)) == (before, 4)
