"""The history of the drift check."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allium_market_data.drift.history import HistoryEntry, append, read_history, sightings
from allium_market_data.drift.result import Sightings
from allium_market_data.errors import OutputError, SpecError

ENTRIES = st.builds(
    HistoryEntry,
    st.datetimes().map(lambda time: f"{time:%Y-%m-%dT%H:%M:%SZ}"),
    st.sampled_from(["none", "docs", "compatible", "breaking", "unchecked"]),
    st.lists(st.text("0123456789abcdef", min_size=12, max_size=12), max_size=4).map(tuple),
)
ENTRY = HistoryEntry("2026-01-01T00:00:00Z", "none")


@given(entries=st.lists(ENTRIES, max_size=5))
def test_appended_entries_are_read_back(entries: list[HistoryEntry], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("history") / "history.jsonl"
    for entry in entries:
        append(path, entry)
    assert read_history(path) == tuple(entries)


@given(entries=st.lists(ENTRIES, max_size=6), data=st.data())
def test_sightings_do_not_depend_on_the_order(entries: list[HistoryEntry], data: st.DataObject) -> None:
    known = sightings(data.draw(st.permutations(entries)))
    assert known.keys() == {fingerprint for entry in entries for fingerprint in entry.fingerprints}
    for fingerprint, found in known.items():
        times = sorted(entry.checked_at for entry in entries if fingerprint in entry.fingerprints)
        assert found == Sightings(times[0], times[-1], len(times))


@given(entries=st.lists(st.builds(replace, ENTRIES, run=st.sampled_from(["", "a", "b"])), max_size=6))
def test_the_last_entry_of_a_run_counts(entries: list[HistoryEntry], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("history") / "history.jsonl"
    for entry in entries:
        append(path, entry)
    read = read_history(path)
    assert [entry for entry in read if not entry.run] == [entry for entry in entries if not entry.run]
    last = {entry.run: entry for entry in entries if entry.run}
    assert {entry.run: entry for entry in read if entry.run} == last
    assert len([entry for entry in read if entry.run]) == len(last)


def test_an_entry_is_one_write_at_the_end_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That is what keeps the lines of concurrent runs apart."""
    writes: list[bytes] = []
    flags: list[int] = []
    real_write, real_open = os.write, os.open

    def write(handle: int, data: bytes) -> int:
        writes.append(data)
        return real_write(handle, data)

    def open_(path: Path, flag: int, mode: int) -> int:
        flags.append(flag)
        return real_open(path, flag, mode)

    monkeypatch.setattr(os, "write", write)
    monkeypatch.setattr(os, "open", open_)
    entry = HistoryEntry("2026-01-01T00:00:00Z", "breaking", ("0123456789ab",) * 400)
    append(tmp_path / "history.jsonl", entry)
    assert writes == [entry.line()]
    assert all(flag & os.O_APPEND for flag in flags)


def test_an_unfinished_last_line_is_ended_first(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_bytes(ENTRY.line().rstrip())
    append(path, ENTRY)
    assert read_history(path) == (ENTRY, ENTRY)


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[]",
        b"\xff",
        b"{}",
        b'{"checked_at": 1, "verdict": "none", "fingerprints": []}',
        b'{"checked_at": "x", "verdict": "fine", "fingerprints": []}',
        b'{"checked_at": "x", "verdict": [], "fingerprints": []}',
        b'{"checked_at": "x", "verdict": "none", "fingerprints": [1]}',
        b'{"checked_at": "x", "verdict": "none", "fingerprints": null}',
        b'{"checked_at": "x", "verdict": "none", "fingerprints": [], "run": 1}',
        b"[" * 100_000,
    ],
)
def test_an_invalid_line_is_an_error_with_its_number(line: bytes, tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_bytes(ENTRY.line() + b"\n" + line + b"\n" + ENTRY.line())
    with pytest.raises(SpecError, match=r"history\.jsonl, line 3: not "):
        read_history(path)


def test_a_missing_file_is_an_empty_history(tmp_path: Path) -> None:
    assert read_history(tmp_path / "none.jsonl") == ()


def test_a_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="cannot be read"):
        read_history(tmp_path)
    with pytest.raises(OutputError, match="cannot write"):
        append(tmp_path, ENTRY)
