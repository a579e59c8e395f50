"""What this library, and the floor beneath it, take for one piece of work: prints seconds, one JSON object a line.

The floor is httpx fetching the same bytes and msgspec decoding them to plain text fields: nothing is checked or converted.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import msgspec
from server import MARKET, MINUTE, PAGE, START

from allium_market_data import MarketData, OpenInterestSeries


class Row(msgspec.Struct):
    """The fields as text."""

    market_id: str
    ts: str
    oi_base: str
    oi_quote_usd: str


class Page(msgspec.Struct):
    """An answer as text."""

    items: list[Row]


def floor(url: str, rows: int) -> None:
    """Every answer of the fewest requests, decoded to text."""
    decoder = msgspec.json.Decoder(Page)
    pages = []
    with httpx.Client(base_url=url) as client:
        for first in range(0, rows, PAGE):
            params: dict[str, str | int] = {
                "interval": "1m",
                "start_timestamp": (START + first * MINUTE).isoformat(),
                "end_timestamp": (START + (first + PAGE) * MINUTE).isoformat(),
                "limit": PAGE,
            }
            answer = client.get(f"/api/v1/markets/{MARKET}/perps/open_interest", params=params)
            pages.append(decoder.decode(answer.content))
    assert sum(len(page.items) for page in pages) == rows


def fetched(use: Callable[[OpenInterestSeries], object], concurrency: int = 1) -> Callable[[str, int], None]:
    """The whole series through the client, and then what ``use`` makes of it."""

    def work(url: str, rows: int) -> None:
        with MarketData("benchmark", url, max_concurrency=concurrency) as client:
            series = client.open_interest(MARKET, interval="1m", start=START, end=START + rows * MINUTE)
            assert len(series) == rows
            use(series)

    return work


def _parquet(series: OpenInterestSeries) -> None:
    with tempfile.TemporaryDirectory() as folder:
        series.to_parquet(Path(folder) / "rows.parquet")


WORK: dict[str, Callable[[str, int], None]] = {
    "floor": floor,
    "rows": fetched(list),
    "polars": fetched(lambda series: series.to_polars()),
    "pandas": fetched(lambda series: series.to_pandas()),
    "parquet": fetched(_parquet),
    "8 at a time": fetched(len, concurrency=8),
}


def main() -> None:
    """Do each piece of work ``--times`` times, in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("work", nargs="+", choices=WORK)
    given = parser.parse_args()
    for turn in range(given.times + 1):
        for name in given.work:
            began = time.perf_counter()
            WORK[name](given.url, given.rows)
            if turn:  # the first turn warms up
                print(json.dumps({"work": name, "seconds": time.perf_counter() - began}), flush=True)


if __name__ == "__main__":
    main()
