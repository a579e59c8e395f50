"""Reading tables in tests, and writing them from several threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from allium_market_data.model.intervals import Interval
from allium_market_data.store import Table
from support.exchange import BTC, Values


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """The folder of a table that does not exist yet."""
    return tmp_path / "oi"


def all_rows(table: Path | str) -> list[dict[str, Any]]:
    """Every row, in order."""
    rows = Table(table).delta.to_pyarrow_table().to_pylist()
    return sorted(rows, key=lambda row: (row["market_id"], row["interval"], row["ts"]))


def final_values(table: Path | str, market: str = BTC, interval: Interval = "1h") -> Values:
    """The values of a market's final rows by label. Fails for duplicates."""
    rows = [row for row in all_rows(table) if (row["market_id"], row["interval"]) == (market, interval)]
    assert len(rows) == len({row["ts"] for row in rows})
    return {row["ts"]: (row["oi_base"], row["oi_quote_usd"]) for row in rows if not row["provisional"]}


def restatements(table: Path) -> list[dict[str, Any]]:
    """Every restatement, in order."""
    folder = table / "_restatements"
    rows = DeltaTable(folder).to_pyarrow_table().to_pylist() if folder.exists() else []
    return sorted(rows, key=lambda row: (row["ts"], *(row[name] for name in row if name.startswith("new_"))))


def run_together(*works: Callable[[], object]) -> None:
    """Run each in a thread of its own, all at once. Raises the first failure."""
    with ThreadPoolExecutor(len(works)) as threads:
        for future in [threads.submit(work) for work in works]:
            future.result()
