"""Fetch a sample of a table's windows again and compare."""

from __future__ import annotations

import random
from dataclasses import dataclass
from os import PathLike

from ..client.loop_client import LoopClient
from ..client.sync_client import MarketData, run_on_loop
from ..errors import UsageError
from ..model.endpoint import OPEN_INTEREST, Endpoint
from ..model.intervals import DAY, WIDTHS
from ..model.times import to_iso
from . import schema
from .coverage import Coverage
from .fetch import fetch_series, use_client
from .merge import Row
from .plan import Task
from .spans import split_by_month
from .table import Table


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """The number of windows and rows that were compared, and a line for each difference."""

    windows: int
    rows: int
    requests: int
    differences: tuple[str, ...]


def sample_tasks(coverage: Coverage, windows: int, seed: int, endpoint: Endpoint = OPEN_INTEREST) -> list[Task]:
    """Random complete windows of about a day, or of a hundred buckets where that is longer."""
    chance, tasks = random.Random(seed), []
    spans = [(key, span) for key, spans in sorted(coverage.complete.items()) for span in spans]
    weights = [(end - start) / WIDTHS[key[0]] for key, (start, end) in spans]
    for key, (start, end) in chance.choices(spans, weights, k=windows) if spans else []:
        width = WIDTHS[key[0]]
        length = min(end - start, max(DAY, 100 * width))
        first = start + width * chance.randint(0, (end - start - length) // width)
        tasks.append(Task(key, chance.choice(list(split_by_month((first, first + length)))), endpoint))
    return list(dict.fromkeys(tasks))


def verify(
    table: str | PathLike[str],
    *,
    windows: int = 20,
    seed: int = 0,
    client: MarketData | None = None,
    endpoint: Endpoint = OPEN_INTEREST,
    storage_options: dict[str, str] | None = None,
) -> VerifyResult:
    """Compare up to ``windows`` windows, chosen by ``seed``, with the server. Writes nothing. Raises as a fetch does."""
    if windows < 1:
        raise UsageError(f"windows must be at least 1, not {windows}")
    store = Table(table, endpoint=endpoint, storage_options=storage_options)

    async def run(inner: LoopClient) -> VerifyResult:
        rows = requests = 0
        differences: list[str] = []
        tasks = sample_tasks(store.coverage, windows, seed, endpoint)
        for task in tasks:
            series = await fetch_series(inner, task)
            fetched = schema.rows_table(series, 0)
            stored = next(store.read_rows([(task.key, task.span)]))
            requests += series.provenance.requests
            rows += len(fetched)
            differences += find_differences(task, fetched.to_pylist(), stored.to_pylist())
        return VerifyResult(len(tasks), rows, requests, tuple(differences))

    with use_client(client) as chosen:
        result: VerifyResult = run_on_loop(chosen, run)
        return result


def find_differences(task: Task, fetched: list[Row], stored: list[Row]) -> list[str]:
    """A line for each bucket that differs, ascending."""
    there, here = ({row["ts"]: row for row in rows} for rows in (fetched, stored))
    lines = []
    if len(here) < len(stored):
        lines.append(f"{task}: the table has {len(stored) - len(here)} duplicate rows")
    for ts in sorted({*there, *here}):
        bucket = f"{task.key[1]} {task.key[0]} {to_iso(ts)}"
        if ts not in here:
            lines.append(f"{bucket}: the server has a row, the table has none")
        elif ts not in there:
            lines.append(f"{bucket}: the table has a row, the server has none")
        else:
            for name in task.endpoint.columns:
                if here[ts][name] != there[ts][name]:
                    lines.append(
                        f"{bucket}: {name} is {here[ts][name]:f} in the table and {there[ts][name]:f} on the server"
                    )
    return lines
