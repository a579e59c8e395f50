"""The history: a line a run, whole whoever else writes, and what it tells of each change."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allium_market_data.drift.history import Run, append, read, seen
from allium_market_data.drift.report.report import Seen
from allium_market_data.errors import OutputError, SpecError

RUNS = st.builds(
    Run,
    st.datetimes().map(lambda moment: f"{moment:%Y-%m-%dT%H:%M:%SZ}"),
    st.sampled_from(["none", "docs", "compatible", "breaking", "unchecked"]),
    st.lists(st.text("0123456789abcdef", min_size=12, max_size=12), max_size=4).map(tuple),
)


@given(runs=st.lists(RUNS, max_size=5))
def test_what_is_appended_is_read_again(runs: list[Run], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("history") / "history.jsonl"
    for run in runs:
        append(path, run)
    assert read(path) == tuple(runs)


@given(runs=st.lists(RUNS, max_size=6), data=st.data())
def test_first_and_last_are_the_ends_whatever_the_order(runs: list[Run], data: st.DataObject) -> None:
    found = seen(data.draw(st.permutations(runs)))
    assert found.keys() == {one for run in runs for one in run.fingerprints}
    for one, known in found.items():
        times = sorted(run.made for run in runs if one in run.fingerprints)
        assert known == Seen(times[0], times[-1], len(times))


def test_runs_at_the_same_time_do_not_mix_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    runs = [Run(f"2026-01-01T00:00:{number:02}Z", "breaking", (f"{number:012}",) * 400) for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda run: append(path, run), runs))
    assert sorted(read(path), key=lambda run: run.made) == runs


def test_a_last_line_without_its_end_is_ended_first(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    run = Run("2026-01-01T00:00:00Z", "none")
    path.write_bytes(run.line().rstrip())
    append(path, run)
    assert read(path) == (run, run)


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[]",
        b"\xff",
        b"{}",
        b'{"made": 1, "verdict": "none", "fingerprints": []}',
        b'{"made": "x", "verdict": "fine", "fingerprints": []}',
        b'{"made": "x", "verdict": [], "fingerprints": []}',
        b'{"made": "x", "verdict": "none", "fingerprints": [1]}',
        b'{"made": "x", "verdict": "none", "fingerprints": null}',
        b"[" * 100_000,
    ],
)
def test_a_broken_line_is_named(line: bytes, tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    good = Run("2026-01-01T00:00:00Z", "none").line()
    path.write_bytes(good + b"\n" + line + b"\n" + good)
    with pytest.raises(SpecError, match=r"history\.jsonl, line 3: is no "):
        read(path)


def test_no_file_is_no_history(tmp_path: Path) -> None:
    assert read(tmp_path / "none.jsonl") == ()


def test_a_folder_is_no_history(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="cannot be read"):
        read(tmp_path)
    with pytest.raises(OutputError, match="cannot write"):
        append(tmp_path, Run("2026-01-01T00:00:00Z", "none"))
