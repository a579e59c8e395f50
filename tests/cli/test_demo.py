"""The demo: two fetches over HTTP, a Parquet file of each, a chart, and a correct summary."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from allium_market_data.cli import demo


def test_demo_writes_its_files_and_a_summary(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Runs with 10 of its 90 days."""
    real, (market, _, end, note) = demo.WINDOWS
    monkeypatch.setattr(demo, "WINDOWS", (real, (market, "2026-04-26T00:00:00Z", end, note)))
    folder = tmp_path / "new" / "folder"
    monkeypatch.setattr(sys, "argv", ["demo", "--output", str(folder)])
    demo.main()
    printed = capsys.readouterr().out
    assert {path.name for path in folder.iterdir()} == {
        "bitmex_perp_XBTUSD.parquet",
        "hl_perp_BTC-USDC.parquet",
        "open-interest.png",
    }
    assert (folder / "open-interest.png").read_bytes().startswith(b"\x89PNG")
    synthetic = pq.read_table(folder / "hl_perp_BTC-USDC.parquet")
    assert 12_000 < len(synthetic) < 14_400
    assert f"{len(synthetic):,}" in printed
    assert f"{pq.read_metadata(folder / 'bitmex_perp_XBTUSD.parquet').num_rows:,}   first 2019-12-26T" in printed
    assert printed.index("sandbox at http://127.0.0.1:") < printed.index("sandbox stopped") < printed.index("chart: ")
    stamps = synthetic["ts"].to_pylist()
    assert datetime(2026, 4, 26, tzinfo=UTC) <= stamps[0] <= stamps[-1] < datetime(2026, 5, 6, tzinfo=UTC)
