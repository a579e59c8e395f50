"""``nox -s bench_table``: what ticks of ``watch`` and hourly updates cost as a table grows, and how large its log becomes.

It writes TABLE.md. The server is a test double in this process, so only the time in the store is counted: opening, merging,
committing and compacting. The clock is the double's, and nothing waits. With ``--memory FOLDER`` the local tables are in a
folder in memory, because the time that a disk takes depends on what else uses it.
"""

from __future__ import annotations

import argparse
import importlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parents[1]))

from allium_market_data import MarketData
from allium_market_data.client.async_client import AsyncMarketData
from allium_market_data.model.endpoint import OPEN_INTEREST
from allium_market_data.model.intervals import HOUR
from allium_market_data.model.times import from_micros, micros
from allium_market_data.store import Table, Watch, backfill, schema, status, update
from allium_market_data.store.coverage import CommitNote
from allium_market_data.store.spans import month_of, split_by_month
from allium_market_data.store.update import MAX_SMALL_FILES
from allium_market_data.store.watch import MERGE_PERIOD, TICKS_PER_MERGE
from allium_market_data.validation import to_instant
from support.exchange import KEY, Exchange, serve_exchanges
from support.object_store import object_store

RESULT = Path(__file__).with_name("TABLE.md")
START = "2026-05-01"
HOURS_A_YEAR = 24 * 365

WARM_UP = MERGE_PERIOD + 3 * TICKS_PER_MERGE
"""The ticks of a watch of an empty table until every market had its turn to be merged."""


class StoreTime:
    """The seconds, and those of the processor, that the functions of the store take, by step.

    Every ``period`` steps cost the same work: merging files takes turns.
    """

    def __init__(self, period: int) -> None:
        self.period = period
        self.steps: list[float] = []
        self.processor: list[float] = []
        self.seconds = self.processor_seconds = 0.0

    def timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            began, processor = time.perf_counter(), time.process_time()
            try:
                return function(*args, **options)
            finally:
                self.seconds += time.perf_counter() - began
                self.processor_seconds += time.process_time() - processor

        return call

    @contextmanager
    def of(self, module: str) -> Iterator[None]:
        """Count the time of the store's functions that a module calls."""
        with ExitStack() as stack:
            owner = importlib.import_module(f"allium_market_data.store.{module}")
            for name in ("merge_rows", "limit_files", "Table"):
                stack.enter_context(patch.object(owner, name, self.timed(getattr(owner, name))))
            yield

    def end_step(self) -> None:
        self.steps.append(self.seconds)
        self.processor.append(self.processor_seconds)
        self.seconds = self.processor_seconds = 0.0

    def without(self, steps: int) -> StoreTime:
        """The steps after the first ones."""
        rest = StoreTime(self.period)
        rest.steps, rest.processor = self.steps[steps:], self.processor[steps:]
        return rest

    def ends(self, steps: list[float]) -> tuple[float, float]:
        """The means of the first and of the last tenth, or a little more: whole periods."""
        tenth = -(-len(steps) // (10 * self.period)) * self.period
        return statistics.fmean(steps[:tenth]), statistics.fmean(steps[-tenth:])

    @property
    def growth(self) -> float:
        """The mean of the last tenth over that of the first."""
        first, last = self.ends(self.steps)
        return last / first

    def line(self, name: str) -> str:
        (first, last), (first_cpu, last_cpu) = self.ends(self.steps), self.ends(self.processor)
        means = f"{first:.3f} | {last:.3f} | {last / first:.2f} | {first_cpu:.3f} | {last_cpu:.3f}"
        return f"| {name} | {len(self.steps)} | {means} | {statistics.median(self.steps):.3f} |"


@contextmanager
def exchange() -> Iterator[tuple[Exchange, MarketData]]:
    """A server, and a client with its clock."""
    with serve_exchanges() as (router, url):
        added = router.add(url)
        with (
            patch.object(AsyncMarketData, "_clock", staticmethod(lambda: added.now)),
            MarketData(KEY, added.url) as client,
        ):
            yield added, client


def measure_watch(markets: int, ticks: int, folder: Path) -> StoreTime:
    """The ticks of ``watch`` with a table, one a minute."""
    names, spent = [f"w:perp:{index:03}" for index in range(markets)], StoreTime(TICKS_PER_MERGE)
    with exchange() as (server, client), spent.of("watch"):
        for name in names:
            server.fill(name, "2026-05-20T10:00", "2026-05-21T10:00", 60_000_000)

        def wait(_: float) -> None:
            spent.end_step()
            if len(spent.steps) == ticks:
                raise StopIteration
            server.wait(minutes=1)

        table = Table(folder / "watch", create=True)
        try:
            for _ in Watch(client, names, "1m", table, sleep=wait).rows():
                pass
        except RuntimeError as error:
            if not isinstance(error.__cause__, StopIteration):
                raise
    return spent


def measure_updates(markets: int, hours: int, uri: str, options: dict[str, str] | None) -> StoreTime:
    """Hourly updates with the default look-back."""
    names, spent = [f"u:perp:{index:03}" for index in range(markets)], StoreTime(MAX_SMALL_FILES)
    with exchange() as (server, client), spent.of("update"):
        for name in names:
            server.fill(name, START, "2026-06-10")
        backfill(names, "1h", START, "2026-05-20T10:00", uri, client=client, storage_options=options)
        for _ in range(hours):
            server.wait(hours=1)
            update(uri, client=client, storage_options=options)
            spent.end_step()
    return spent


def measure_wide(markets: int, months: int, folder: Path) -> dict[str, float]:
    """Seconds to open, and to list, and to update a table of many markets and months."""
    names, uri = [f"x:perp:{index:03}" for index in range(markets)], str(folder / "wide")
    seconds: dict[str, float] = {}
    with exchange() as (server, client):
        end = micros(server.now) // HOUR * HOUR - HOUR
        start = micros(to_instant("2023-06-01", "start"))
        table = Table(uri, create=True)
        for span in list(split_by_month((start, end)))[-months:]:
            table.refresh()
            note = CommitNote({("1h", name): (span,) for name in names}, {}, span[0])
            table.write(note, _rows(names, span), merge=False)
        for name in names:
            server.fill(name, "2026-05-15", "2026-05-25")
        works: dict[str, Callable[[], object]] = {
            "open": lambda: Table(uri),
            "status": lambda: status(uri),
            "update": lambda: update(uri, client=client),
        }
        for name, work in works.items():
            began = time.perf_counter()
            work()
            seconds[name] = time.perf_counter() - began
    return seconds


def _rows(names: list[str], span: tuple[int, int]) -> pa.Table:
    """A row of each market at the end of the span."""
    ts = from_micros(span[1] - HOUR)
    row = {
        "interval": "1h",
        "month": month_of(span[0]),
        "ts": ts,
        "provisional": False,
        "fetched_at": ts,
        "specification": "",
    }
    values = dict.fromkeys(("oi_base", "oi_quote_usd"), 1)
    return pa.Table.from_pylist(
        [{**row, **values, "market_id": name} for name in names], schema.rows_schema(OPEN_INTEREST)
    )


def log_bytes(table: Path) -> int:
    """The size of a table's log."""
    return sum(file.stat().st_size for file in (table / "_delta_log").rglob("*") if file.is_file())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (
        ("markets", 100),
        ("ticks", 60),
        ("updated", 20),
        ("hours", 200),
        ("wide", 500),
        ("months", 36),
    ):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--memory", type=Path)
    parser.add_argument("--s3-hours", type=int, default=200)
    sizes = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=sizes.memory) as name:
        folder = Path(name)
        from_empty = measure_watch(sizes.markets, WARM_UP + sizes.ticks, folder)
        watched = from_empty.without(WARM_UP)
        local = measure_updates(sizes.updated, sizes.hours, str(folder / "updates"), None)
        bytes_a_year = log_bytes(folder / "updates") / sizes.hours * HOURS_A_YEAR
        with object_store() as store:
            remote = measure_updates(sizes.updated, sizes.s3_hours, store.table(), store.options)
        wide = measure_wide(sizes.wide, sizes.months, folder)
    empty = statistics.fmean(from_empty.steps[:TICKS_PER_MERGE])
    lines = [
        "# The table: cost of ticks and updates",
        "",
        "Written by `nox -s bench_table`. Seconds in the store for each step, without the server: means of the first and of",
        f"the last tenth in whole periods (`watch`: {TICKS_PER_MERGE} steps, one of which merges files; `update`:",
        f"{MAX_SMALL_FILES}), elapsed and of the processor. Local tables are {'in memory' if sizes.memory else 'on a disk'}.",
        "",
        "| what | steps | first tenth | last tenth | growth | first, processor | last, processor | median |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        watched.line(f"tick of `watch`, {sizes.markets} markets"),
        local.line(f"hourly `update`, {sizes.updated} markets, local"),
        remote.line(f"hourly `update`, {sizes.updated} markets, S3 (moto)"),
        "",
        f"The ticks of `watch` are those after the first {WARM_UP}, in which every market was merged once. The first",
        f"{TICKS_PER_MERGE} on the empty table, where there is nothing to merge, took {empty:.3f} s each.",
        "",
        f"Log of hourly updates of {sizes.updated} markets: {bytes_a_year / 1e6:.0f} MB a year.",
        "",
        f"{sizes.wide} markets, {sizes.months} months: "
        + ", ".join(f"{work} {seconds:.1f} s" for work, seconds in wide.items())
        + f" (with its requests), on {os.cpu_count()} cores.",
    ]
    RESULT.write_text("\n".join(lines) + "\n", "utf-8")
    print(RESULT.read_text("utf-8"))
    grown = [spent.growth for spent in (watched, local, remote) if spent.growth > 1.2]
    sys.exit(f"the last tenth costs {max(grown):.2f} times the first; at most 1.2 is allowed" if grown else 0)


if __name__ == "__main__":
    main()
