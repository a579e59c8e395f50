"""The demo, without access to Allium: ``nox -s demo``.

Starts the sandbox on a free port, fetches real and synthetic open interest from it over HTTP, writes a Parquet file for
each market and one chart, and prints a summary.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from ..client.sync_client import MarketData
from ..sandbox import DEFAULT_API_KEY, DEFAULT_SEED, Samples, create_app, running
from ..series.series import OpenInterestSeries

WINDOWS = (
    ("bitmex:perp:XBTUSD", "2019-12-26T20:50:00Z", "2019-12-28T12:21:00Z", "real samples, BitMEX"),
    ("hl:perp:BTC-USDC", "2026-02-05T00:00:00Z", "2026-05-06T00:00:00Z", "synthetic, 90 days"),
)


def main() -> None:
    """Run the demo. ``--output DIR`` is the folder for its files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("demo-output"))
    folder: Path = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)
    with Samples.open([], DEFAULT_SEED) as samples, running(create_app(samples)) as url:
        print(f"sandbox at {url}")
        with MarketData(DEFAULT_API_KEY, url) as client:
            fetched = {note: _fetch(client, market, start, end, note, folder) for market, start, end, note in WINDOWS}
    print("sandbox stopped")
    chart = folder / "open-interest.png"
    _plot(fetched, chart)
    print(f"chart: {chart}")


def _fetch(client: MarketData, market: str, start: str, end: str, note: str, folder: Path) -> OpenInterestSeries:
    began = time.perf_counter()
    series = client.open_interest(market, interval="1m", start=start, end=end)
    seconds = time.perf_counter() - began
    file = folder / f"{market.replace(':', '_')}.parquet"
    series.to_parquet(file, overwrite=True)
    gaps = series.gaps()
    print(f"\n{market} ({note}), 1m, {start} to {end}")
    print(f"  rows      {len(series):>9,}   first {series[0].ts.isoformat()}, last {series[-1].ts.isoformat()}")
    print(f"  requests  {series.provenance.requests:>9,}   planned {len(series.provenance.windows)}")
    print(f"  gaps      {len(gaps):>9,}   {sum(gap.buckets for gap in gaps):,} buckets without a sample")
    print(f"  seconds   {seconds:>9.2f}")
    print(f"  file      {file}")
    return series


def _plot(fetched: dict[str, OpenInterestSeries], file: Path) -> None:
    """Draw one panel for each series."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4 * len(fetched)), layout="constrained")
    for axes, (note, series) in zip(figure.subplots(len(fetched)), fetched.items(), strict=True):
        _longest_part(series).plot(axes=axes)
        axes.text(1, 1, note, transform=axes.transAxes, ha="right", va="top", fontsize=9, color="#5a5a5a")
    figure.savefig(file, dpi=110)


def _longest_part(series: OpenInterestSeries) -> OpenInterestSeries:
    """The rows before or after the longest gap if it is most of the span, since a chart of it would be empty."""
    gap = max(series.gaps(), key=lambda gap: gap.buckets, default=None)
    if gap is None or 2 * (gap.end - gap.start) < series.end - series.start:
        return series
    return max(series.between(end=gap.start), series.between(gap.end), key=len)


if __name__ == "__main__":
    main()
