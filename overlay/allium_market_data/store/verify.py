"""Fetch a sample of a table's windows again and compare."""

from __future__ import annotations

import random
from dataclasses import dataclass
from os import PathLike
from typing import Any

from ..client.async_client import AsyncMarketData
from ..client.sync_client import MarketData
from ..errors import UsageError
from ..model.endpoint import OPEN_INTEREST
from ..model.intervals import DAY, WIDTHS
from ..model.times import to_iso
from . import schema
from .coverage import Coverage
from .fetch import fetch, opened
from .plan import Task
from .spans import by_month
from .table import Table


@dataclass(frozen=True, slots=True)
class Verified:
    """How many windows and rows were compared, and what differs, a line each."""

    windows: int
    rows: int
    requests: int
    differences: tuple[str, ...]


def sample(coverage: Coverage, windows: int, seed: int) -> list[Task]:
    """Windows of about a day, or a hundred buckets where that is more, anywhere in what is complete. Pure."""
    chance, tasks = random.Random(seed), []
    spans = [(series, span) for series, spans in sorted(coverage.complete.items()) for span in spans]
    weights = [(end - start) / WIDTHS[series[0]] for series, (start, end) in spans]
    for series, (start, end) in chance.choices(spans, weights, k=windows) if spans else []:
        width = WIDTHS[series[0]]
        length = min(end - start, max(DAY, 100 * width))
        first = start + width * chance.randint(
            0, (end - start - length) // width
        )  # the last bucket as likely as the first
        tasks.append(Task(series, chance.choice(list(by_month((first, first + length))))))
    return list(dict.fromkeys(tasks))


def verify(
    table: str | PathLike[str],
    *,
    windows: int = 20,
    seed: int = 0,
    client: MarketData | None = None,
    storage_options: dict[str, str] | None = None,
) -> Verified:
    """Compare so many windows, chosen by ``seed``, with the server. Writes nothing. Raises as a fetch does."""
    if windows < 1:
        raise UsageError(f"windows must be at least 1, not {windows}")
    store = Table(table, options=storage_options)

    async def run(inner: AsyncMarketData) -> Verified:
        rows = requests = 0
        differences: list[str] = []
        tasks = sample(store.coverage, windows, seed)
        for task in tasks:
            series = await fetch(inner, task)
            stamp = (0, series.provenance.specification)
            fetched = schema.rows_table(task.series[1], task.series[0], series.columns, *stamp)
            requests += series.provenance.requests
            rows += len(fetched)
            differences += compare(task, fetched.to_pylist(), store.stored(task.series, task.span).to_pylist())
        return Verified(len(tasks), rows, requests, tuple(differences))

    with opened(client) as chosen:
        done: Verified = chosen.call(run)
        return done


def compare(task: Task, fetched: list[dict[str, Any]], stored: list[dict[str, Any]]) -> list[str]:
    """A line for each bucket in which the two differ, ascending. Pure."""
    there, here = ({row["ts"]: row for row in rows} for rows in (fetched, stored))
    said = []
    if len(here) < len(stored):
        said.append(f"{task}: {len(stored) - len(here)} rows stand twice in the table")
    for ts in sorted({*there, *here}):
        place = f"{task.series[1]} {task.series[0]} {to_iso(ts)}"
        if ts not in here:
            said.append(f"{place}: the server has a row, the table has none")
        elif ts not in there:
            said.append(f"{place}: the table has a row, the server has none")
        else:
            for name in OPEN_INTEREST.values:
                if here[ts][name] != there[ts][name]:
                    said.append(f"{place}: {name} is {here[ts][name]:f} here and {there[ts][name]:f} on the server")
    return said
