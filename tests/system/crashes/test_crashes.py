"""A table survives kill -9 at any instant, and two processes at once."""

from __future__ import annotations

from pathlib import Path

from allium_market_data.sandbox import Samples
from support.crashing import SPAN, crash, finished, slow_sandbox, snapshot, started, whole


def test_runs_that_are_killed_and_resumed_end_as_one_that_was_not(tmp_path: Path, served_samples: Samples) -> None:
    account = crash(tmp_path, served_samples, kills=4, seed=7, each=4)
    assert account.kills == 4
    assert any(version > 0 for version in account.at_versions), "no kill came after a commit: nothing was tried"


def test_two_processes_on_one_table_end_as_one(tmp_path: Path, served_samples: Samples) -> None:
    with slow_sandbox(served_samples) as (url, _):
        wanted = whole(url, tmp_path / "whole")
        for child in [started(tmp_path / "shared", url) for _ in range(2)]:
            finished(child)
        assert snapshot(tmp_path / "shared") == wanted
        assert len(wanted) > 1000, SPAN
