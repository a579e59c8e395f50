"""What people do on the first day, through the client and the sandbox: no numbers by hand, everything compared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from matplotlib.figure import Figure

from allium_market_data import MarketData, OpenInterestSeries, align, concat, plot, totals
from support.serving import MARKET, Sandbox

MARKETS = [MARKET, "hl:perp:ETH-USDC", "hl:perp:SOL-USDC"]


def test_fetch_resample_join_plot_save_and_read_back(sandbox: Sandbox, tmp_path: Path) -> None:
    with MarketData(sandbox.key, sandbox.url) as client:
        april = client.open_interest(MARKETS, interval="15m", start="2026-04-03", end="2026-04-06")
        later = client.open_interest(MARKET, interval="15m", start="2026-04-05", end="2026-04-07")
    hours = {market: series.resample("1h") for market, series in april.items()}
    wide = align(hours, fill="last").to_pandas().set_index("ts")
    amounts = wide[[f"{market}:oi_quote_usd" for market in MARKETS]]
    changes = np.log(amounts).diff().dropna()
    assert changes.shape[1] == 3
    assert len(changes) > 20
    assert np.isfinite(changes.to_numpy()).all()
    sums = [float(each.total or 0) for each in totals(hours, missing="skip")]
    filled = amounts.sum(axis=1).to_numpy()
    complete = [each.markets == 3 for each in totals(hours, missing="skip")]
    assert np.asarray(sums)[complete] == pytest.approx(filled[complete])

    both = concat(april[MARKET], later)
    assert both["2026-04-04":"2026-04-05"] == april[MARKET].between("2026-04-04", "2026-04-05")
    assert len(both) == len(april[MARKET]) + len(later["2026-04-06":])
    assert len(plot(hours, axes=Figure().add_subplot(), scale="index").get_lines()) >= 3

    for suffix in ("csv", "jsonl", "parquet"):
        file = tmp_path / f"rows.{suffix}"
        {"csv": both.to_csv, "jsonl": both.to_jsonl, "parquet": both.to_parquet}[suffix](file)
        assert OpenInterestSeries.from_file(file, interval="15m", start="2026-04-03", end="2026-04-07") == both
    exact = pl.DataFrame(both)
    assert exact["oi_base"].to_list() == both.oi_base
    assert pd.DataFrame(both)["oi_base"].tolist() == both.oi_base
    assert pl.read_csv(tmp_path / "rows.csv")["provisional"].to_list() == [False] * len(both)
