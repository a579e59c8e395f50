"""``nox -s bench_cluster``: the speed-up of more workers, and the constants of the estimate in store/README.md.

It writes CLUSTER.md. The server sends prepared bytes after 100 ms, and a worker sends one request at a time, so waiting is
most of the work, and more workers can share it. Every figure is a median; each round runs every cluster size once.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from measures import server, serving
from server import MARKET

sys.path.insert(0, str(Path(__file__).parents[1]))

from allium_market_data import MarketData
from allium_market_data.model.intervals import Interval
from allium_market_data.sandbox import DEFAULT_API_KEY, Samples, create_app, running
from allium_market_data.store import Progress, Table, backfill
from support.clusters import cluster

HERE = Path(__file__).parent
KEY = "benchmark"
SIZES = (1, 2, 4)
DELAY = 0.1
START, END = "2025-01-01", "2026-05-01"
"""Sixteen months, each a task of five requests at 1h and of nine or ten at 1m."""

ROWS = 485 * 1_440
WARM = ("2025-01-01", "2025-05-01")
INTERVALS: tuple[Interval, ...] = ("1h", "1m")


def filled(
    folder: Path, url: str, dask: Any, interval: Interval, concurrency: int, span: tuple[str, str] = (START, END)
) -> Progress:
    """A backfill into a table of its own, each month a task."""
    table = Path(tempfile.mkdtemp(dir=folder)) / "table"
    with MarketData(KEY, url, max_concurrency=concurrency) as client:
        return backfill(MARKET, interval, *span, table, client=client, dask=dask, commit_rows=1)


@dataclass(frozen=True)
class Speed:
    """What a backfill took with each number of workers: median seconds, and its requests and rows."""

    interval: Interval
    seconds: dict[int, float]
    requests: int
    rows: int


def speeds(folder: Path, times: int) -> Iterator[Speed]:
    """The same backfills on clusters of each size, in turn."""
    with ExitStack() as stack:
        url = stack.enter_context(serving(server(ROWS, "--delay", str(DELAY))))
        clients = {}
        for size in SIZES:
            machines = stack.enter_context(cluster(folder / f"cluster-{size}", size, KEY))
            clients[size] = stack.enter_context(machines.client())
            filled(folder, url, clients[size], "1h", 1, WARM)
        for interval in INTERVALS:
            seconds: dict[int, list[float]] = {size: [] for size in SIZES}
            requests = rows = 0
            for _ in range(times):
                for size, dask in clients.items():
                    began = time.perf_counter()
                    at = filled(folder, url, dask, interval, 1)
                    seconds[size].append(time.perf_counter() - began)
                    requests, rows = at.requests, at.rows
            yield Speed(interval, {size: statistics.median(taken) for size, taken in seconds.items()}, requests, rows)


def throughput(folder: Path, times: int) -> float:
    """Rows a second of one worker with one thread, eight requests at a time, from a server that takes no time."""
    with serving(server(ROWS)) as url, cluster(folder / "one", 1, KEY) as machines, machines.client() as dask:
        filled(folder, url, dask, "1m", 8, WARM)
        taken = [filled(folder, url, dask, "1m", 8) for _ in range(times)]
    return statistics.median(at.rows / at.seconds for at in taken)


def weights(folder: Path) -> Iterator[tuple[str, int, float, float]]:
    """Of several markets at 1m: rows, bytes on disk a row with Delta's log, and those of the two amounts alone."""
    kinds: list[tuple[str, str, tuple[str, str]]] = [
        ("synthetic, two whole months", "hl:perp:BTC-USDC", ("2026-03-01", "2026-05-01")),
        ("synthetic, another market", "hl:perp:SOL-USDC", ("2026-03-01", "2026-05-01")),
        ("real (BitMEX), all there is", "bitmex:perp:XBTUSD", ("2019-12-26", "2019-12-29")),
    ]
    with Samples.open() as samples, running(create_app(samples)) as url, MarketData(DEFAULT_API_KEY, url) as client:
        for index, (name, market, span) in enumerate(kinds):
            table = folder / f"weighed-{index}"
            backfill(market, "1m", *span, table, client=client)
            rows = int(Table(table).delta.to_pyarrow_dataset().count_rows())
            whole = sum(file.stat().st_size for file in table.rglob("*") if file.is_file())
            yield name, rows, whole / rows, sum(map(_amounts, table.rglob("*.parquet"))) / rows


def _amounts(file: Path) -> int:
    """Bytes that the two amounts take in a file."""
    group = pq.read_metadata(file).row_group(0)
    columns = [group.column(index) for index in range(group.num_columns)]
    return sum(column.total_compressed_size for column in columns if column.path_in_schema.startswith("oi_"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--output", type=Path, default=HERE / "CLUSTER.md")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, load = Path(name), os.getloadavg()[1]
        report = HEAD.format(
            today=datetime.now(UTC),
            python=platform.python_version(),
            cores=os.cpu_count(),
            times=given.times,
            load=load,
            delay=DELAY * 1000,
            speeds="\n".join(line for speed in speeds(folder, given.times) for line in lines(speed)),
            throughput=throughput(folder, given.times),
            weights="\n".join(
                f"| {name} | {rows:,} | {whole:.1f} | {amounts:.1f} |" for name, rows, whole, amounts in weights(folder)
            ),
        )
    given.output.write_text(report)
    print(report)


HEAD = """# A backfill on a cluster

Made by `nox -s bench_cluster` on {today:%Y-%m-%d}, Python {python}, {cores} cores for the server, the scheduler and all workers
together, medians of {times}; the load average was {load:.1f} at the start; the higher it is, the rougher the figures.
The server takes {delay:.0f} ms for each response, and each worker sends one request at a time.
The ideal is this waiting time alone, divided by the number of workers.

| interval | requests | rows | workers | speed-up | of the ideal |
| --- | --- | --- | --- | --- | --- |
{speeds}

The limits: a worker decodes after each response and commits after each month, and here all workers share the same cores; at
`1m`, where a response has 29 times the rows of one at `1h`, this is much of the time.
Sixteen months are sixteen tasks, so the last worker to end decides.
If the key allows fewer requests per second than one worker can send, more workers bring nothing.

One worker with one thread, eight requests at a time, and a server without delay: {throughput:,.0f} rows per second, from
request to commit.

| at `1m` | rows | bytes per row on disk | of which the two amounts |
| --- | --- | --- | --- |
{weights}

The real samples are too few for the first figure: their files are mostly headers.
"""


def lines(speed: Speed) -> Iterator[str]:
    """A line for each number of workers."""
    for size, taken in speed.seconds.items():
        ideal = speed.requests * DELAY / size
        gain = speed.seconds[SIZES[0]] / taken
        yield f"| `{speed.interval}` | {speed.requests} | {speed.rows:,} | {size} | {gain:.2f} | {ideal / taken:.0%} |"


if __name__ == "__main__":
    main()
