"""A table survives kill -9 at any event, and several processes at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from allium_market_data import MarketData
from allium_market_data.sandbox import DEFAULT_API_KEY, Samples
from allium_market_data.store import Table, backfill, compact
from allium_market_data.store.compaction import find_small_files
from support.crashing import MARKETS, Kill, Run, crash, hooked_sandbox, snapshot, undisturbed


def test_killed_and_resumed_backfills_equal_an_undisturbed_one(tmp_path: Path, served_samples: Samples) -> None:
    account = crash(tmp_path, served_samples, [[Kill("request", 2), Kill("write", 2), Kill("commit", 2)]])
    assert account.kills == 3
    assert account.versions[1] <= 0 < account.versions[2] < account.versions[3], "the last two resumed after a commit"


def test_two_backfill_processes_on_one_table_write_each_row_once(tmp_path: Path, served_samples: Samples) -> None:
    with hooked_sandbox(served_samples) as (url, _):
        expected = undisturbed(url, tmp_path / "whole")
        runs = [Run.start(tmp_path / "shared", url) for _ in range(2)]
        for run in runs:
            run.begin()
        for run in runs:
            run.finish()
    assert snapshot(tmp_path / "shared") == expected


COMPACT = """
import sys
import deltalake
from allium_market_data.store import compact

write = deltalake.write_deltalake

def announce(*args, **options):
    print("write", flush=True)
    return write(*args, **options)

deltalake.write_deltalake = announce
compact(sys.argv[1])
"""


def test_a_killed_compaction_changes_no_row(tmp_path: Path, served_samples: Samples) -> None:
    table = tmp_path / "oi"
    with hooked_sandbox(served_samples) as (url, _), MarketData(DEFAULT_API_KEY, url) as client:
        for end in ("2026-04-02", "2026-04-03", "2026-04-04"):
            backfill(MARKETS, "1h", "2026-04-01", end, table, client=client)
    before, coverage = snapshot(table), Table(table).coverage
    with subprocess.Popen([sys.executable, "-c", COMPACT, str(table)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "write\n"
        child.kill()
    assert (snapshot(table), Table(table).coverage) == (before, coverage)
    compact(table)
    assert (snapshot(table), Table(table).coverage) == (before, coverage)
    assert not find_small_files(Table(table).delta)
