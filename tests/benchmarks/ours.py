"""Times pieces of work of this library, and of the floor: prints seconds, one JSON object a line.

The floor is httpx fetching the same bytes and msgspec decoding them to text fields, without checks or conversions.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import msgspec
from server import MARKET, MINUTE, PAGE, START

from allium_market_data import MarketData, OpenInterestSeries
from allium_market_data.client.api_key import ApiKey
from allium_market_data.client.decode import PageRequest, decode
from allium_market_data.client.plan import plan
from allium_market_data.client.settings import check_settings
from allium_market_data.client.transport import Transport, request
from allium_market_data.model.endpoint import OPEN_INTEREST
from allium_market_data.model.windows import Window
from support import wire


class Row(msgspec.Struct):
    """The fields as text."""

    market_id: str
    ts: str
    oi_base: str
    oi_quote_usd: str


class Page(msgspec.Struct):
    """A response with text fields."""

    items: list[Row]


def floor(url: str, rows: int) -> None:
    """The fewest requests, each response decoded to text."""
    decoder = msgspec.json.Decoder(Page)
    pages = []
    with httpx.Client(base_url=url) as client:
        for first in range(0, rows, PAGE):
            start, end = (START + row * MINUTE for row in (first, first + PAGE))
            response = client.get(wire.target(MARKET, "1m", start.isoformat(), end.isoformat(), PAGE))
            pages.append(decoder.decode(response.content))
    assert sum(len(page.items) for page in pages) == rows


def fetched(use: Callable[[OpenInterestSeries], object], concurrency: int = 1) -> Callable[[str, int], None]:
    """Fetch the whole series with the client, and call ``use`` with it."""

    def work(url: str, rows: int) -> None:
        with MarketData("benchmark", url, max_concurrency=concurrency) as client:
            series = client.open_interest(MARKET, interval="1m", start=START, end=START + rows * MINUTE)
            assert len(series) == rows
            use(series)

    return work


def rows_as_they_come(url: str, rows: int) -> None:
    """Every typed row from ``iter_open_interest``."""
    with MarketData("benchmark", url, max_concurrency=1) as client:
        streamed = list(client.iter_open_interest(MARKET, interval="1m", start=START, end=START + rows * MINUTE))
    assert len(streamed) == rows


def _parquet(series: OpenInterestSeries) -> None:
    with tempfile.TemporaryDirectory() as folder:
        series.to_parquet(Path(folder) / "rows.parquet")


def http(url: str, rows: int) -> list[tuple[Window, bytes]]:
    """The bodies of all responses, one after the other, through the client's transport, without decoding."""
    windows = plan(OPEN_INTEREST, "1m", START, START + rows * MINUTE)
    settings = check_settings(ApiKey("benchmark"), url, 30, 1, None, None, False)

    async def run() -> list[tuple[Window, bytes]]:
        transport = Transport(settings)
        try:
            return [
                (w, await transport.send(request(OPEN_INTEREST, MARKET, "1m", w), bytes, lambda: None)) for w in windows
            ]
        finally:
            await transport.aclose()

    return asyncio.run(run())


def stages(url: str, rows: int, report: Callable[[str, float], None]) -> None:
    """The seconds of each stage of a fetch, alone."""
    seconds = time.perf_counter
    began = seconds()
    responses = http(url, rows)
    report("stage: HTTP", seconds() - began)
    now = datetime.now(UTC)
    began = seconds()
    decoded = [decode(body, PageRequest(OPEN_INTEREST, MARKET, "1m", window, now)) for window, body in responses]
    report("stage: decode and check", seconds() - began)
    del responses, decoded
    with MarketData("benchmark", url, max_concurrency=1) as client:
        series = client.open_interest(MARKET, interval="1m", start=START, end=START + rows * MINUTE)
    for name, build in BUILDS.items():
        began = seconds()
        build(series)
        report(f"stage: series to {name}", seconds() - began)


BUILDS: dict[str, Callable[[OpenInterestSeries], object]] = {
    "rows": list,
    "polars": lambda series: series.to_polars(),
    "pandas": lambda series: series.to_pandas(),
    "parquet": _parquet,
}
WORK: dict[str, Callable[[str, int], object]] = {
    "floor": floor,
    **{name: fetched(build) for name, build in BUILDS.items()},
    "rows, as a stream": rows_as_they_come,
    "8 at a time": fetched(len, concurrency=8),
}


def main() -> None:
    """Do each piece of work ``--times`` times, in turn, after one warm-up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("work", nargs="+", choices=[*WORK, "stages"])
    options = parser.parse_args()

    for turn in range(options.times + 1):
        report = _print if turn else _ignore
        for name in options.work:
            if name == "stages":
                stages(options.url, options.rows, report)
                continue
            began = time.perf_counter()
            WORK[name](options.url, options.rows)
            report(name, time.perf_counter() - began)


def _print(name: str, seconds: float) -> None:
    print(json.dumps({"work": name, "seconds": seconds}), flush=True)


def _ignore(name: str, seconds: float) -> None:
    """The first turn is a warm-up."""


if __name__ == "__main__":
    main()
