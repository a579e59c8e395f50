"""What this library, and the floor beneath it, take for one piece of work: prints seconds, one JSON object a line.

The floor is httpx fetching the same bytes and msgspec decoding them to plain text fields: nothing is checked or converted.
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


def rows_as_they_come(url: str, rows: int) -> None:
    """Every typed row, page by page, as ``iter_open_interest`` hands them on."""
    with MarketData("benchmark", url, max_concurrency=1) as client:
        found = list(client.iter_open_interest(MARKET, interval="1m", start=START, end=START + rows * MINUTE))
    assert len(found) == rows


def _parquet(series: OpenInterestSeries) -> None:
    with tempfile.TemporaryDirectory() as folder:
        series.to_parquet(Path(folder) / "rows.parquet")


def http(url: str, rows: int) -> list[tuple[Window, bytes]]:
    """The bodies of all answers, one after the other, through the client's transport: nothing is read or made of them."""
    windows = plan(OPEN_INTEREST, "1m", START, START + rows * MINUTE)
    told = check_settings(ApiKey("benchmark"), url, 30, 1, None, None, False)

    async def run() -> list[tuple[Window, bytes]]:
        transport = Transport(told)
        try:
            return [
                (w, await transport.send(request(OPEN_INTEREST, MARKET, "1m", w), bytes, lambda: None)) for w in windows
            ]
        finally:
            await transport.aclose()

    return asyncio.run(run())


def stages(url: str, rows: int, tell: Callable[[str, float], None]) -> None:
    """What each stage of a fetch takes by itself."""
    seconds = time.perf_counter
    began = seconds()
    answers = http(url, rows)
    tell("stage: HTTP", seconds() - began)
    now = datetime.now(UTC)
    began = seconds()
    decoded = [decode(body, PageRequest(OPEN_INTEREST, MARKET, "1m", window, now)) for window, body in answers]
    tell("stage: decode and check", seconds() - began)
    del answers, decoded
    with MarketData("benchmark", url, max_concurrency=1) as client:
        series = client.open_interest(MARKET, interval="1m", start=START, end=START + rows * MINUTE)
    for name, build in BUILDS.items():
        began = seconds()
        build(series)
        tell(f"stage: series to {name}", seconds() - began)


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
    """Do each piece of work ``--times`` times, in turn, after once to warm up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("work", nargs="+", choices=[*WORK, "stages"])
    given = parser.parse_args()

    for turn in range(given.times + 1):
        tell = _print if turn else _hush
        for name in given.work:
            if name == "stages":
                stages(given.url, given.rows, tell)
                continue
            began = time.perf_counter()
            WORK[name](given.url, given.rows)
            tell(name, time.perf_counter() - began)


def _print(name: str, seconds: float) -> None:
    print(json.dumps({"work": name, "seconds": seconds}), flush=True)


def _hush(name: str, seconds: float) -> None:
    """The first turn warms up."""


if __name__ == "__main__":
    main()
