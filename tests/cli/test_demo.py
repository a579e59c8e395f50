"""The demo does what it says: two fetches over HTTP, a Parquet file of each, a chart, and a summary that adds up."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from allium_market_data.cli import demo
from support.made import columns, instant, series


def test_the_demo_writes_what_it_fetched_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Ten of its 90 days are enough to see it."""
    real, (market, _, end, note) = demo.WINDOWS
    monkeypatch.setattr(demo, "WINDOWS", (real, (market, "2026-04-26T00:00:00Z", end, note)))
    folder = tmp_path / "made" / "here"
    monkeypatch.setattr(sys, "argv", ["demo", "--output", str(folder)])
    demo.main()
    said = capsys.readouterr().out
    assert {path.name for path in folder.iterdir()} == {
        "bitmex_perp_XBTUSD.parquet",
        "hl_perp_BTC-USDC.parquet",
        "open-interest.png",
    }
    assert (folder / "open-interest.png").read_bytes().startswith(b"\x89PNG")
    synthetic = pq.read_table(folder / "hl_perp_BTC-USDC.parquet")
    assert 12_000 < len(synthetic) < 14_400
    assert f"{len(synthetic):,}" in said
    assert f"{pq.read_metadata(folder / 'bitmex_perp_XBTUSD.parquet').num_rows:,}   first 2019-12-26T" in said
    assert said.index("sandbox at http://127.0.0.1:") < said.index("sandbox stopped") < said.index("chart: ")
    stamps = synthetic["ts"].to_pylist()
    assert datetime(2026, 4, 26, tzinfo=UTC) <= stamps[0] <= stamps[-1] < datetime(2026, 5, 6, tzinfo=UTC)


def test_the_line_of_the_chart_breaks_at_gaps() -> None:
    times, values = demo._line(series(columns([0, 1, 4], ["1", "1", "1"], ["1000000", "2000000", "5000000"])))
    assert times == [instant(0), instant(1), instant(2), instant(4)]
    assert [str(value) for value in values] == ["1.0", "2.0", "nan", "5.0"]
