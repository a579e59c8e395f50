"""What the commands of the table print: the size of a plan, progress, results."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import typer

from ..counts import counted
from ..errors import AlliumError, UsageError
from ..model.times import from_micros
from ..sanitize import clean
from ..store.merge import UpdateResult
from ..store.plan import Task
from ..store.runner import Progress
from ..store.status import SeriesStatus
from .table_log import ProgressLog, describe, log

LARGE_PLAN = 1_000
"""A plan of more requests must be confirmed."""


def confirm(tasks: Sequence[Task], max_requests: int | None, yes: bool) -> int:
    """Print the size of a plan, and ask before a large one. Returns its requests. Raises if it is not confirmed."""
    requests, buckets = sum(task.requests for task in tasks), sum(task.buckets for task in tasks)
    log(f"{counted(len(tasks), 'window')}, {counted(requests, 'request')}, {counted(buckets, 'bucket')} to fetch")
    if min(requests, max_requests or requests) > LARGE_PLAN and not yes:
        if not _is_interactive():
            raise UsageError(f"this plan needs more than {LARGE_PLAN:,} requests; pass --yes to run it")
        if not typer.confirm("Start?", err=True):
            raise AlliumError("not confirmed; nothing was fetched")
    return requests


def _is_interactive() -> bool:
    return sys.stdin.isatty()


@contextmanager
def progress(requests: int) -> Iterator[Callable[[Progress], None]]:
    """Progress on standard error: a bar on a terminal, otherwise a line a minute."""
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    if not sys.stderr.isatty():  # rich takes FORCE_COLOR for a terminal
        yield ProgressLog()
        return
    columns = TextColumn("fetching"), BarColumn(), TextColumn("{task.fields[text]}")
    bar = Bar(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task("", total=requests, text="")

    def report(progress: Progress) -> None:
        bar.update(task, completed=progress.done_planned, text=describe(progress))

    with bar:
        yield report


def show_update(table: str, result: UpdateResult) -> None:
    """Print what an update wrote."""
    log(
        f"{table}: {counted(result.added, 'row')} added, {counted(result.settled, 'provisional row')} settled and "
        f"{result.dropped:,} dropped, {result.late:,} late, {result.restated:,} restated, "
        f"{result.vanished:,} no longer on the server (kept), {counted(result.requests, 'request')}"
    )
    if result.restated:
        log(f"restatements: {table.rstrip('/')}/_restatements")


def show_status(statuses: Sequence[SeriesStatus]) -> None:
    """Print a line for each series."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD)
    for name in ("market", "interval", "rows", "complete from", "to", "gaps, first", "missing", "provisional"):
        table.add_column(name, justify="left" if name in ("market", "interval") else "right")
    for status in statuses:
        ends = [status.complete[0][0], status.complete[-1][1]] if status.complete else []
        gaps = f"{len(status.gaps)}, {from_micros(status.gaps[0][0]):%Y-%m-%d}" if status.gaps else "0"
        dates = [f"{from_micros(end):%Y-%m-%d %H:%M}" for end in ends] or ["none", "none"]
        counts = (f"{status.missing:,}", f"{status.provisional:,}")
        market = f"{status.key[1]} (retired)" if status.retired else status.key[1]
        table.add_row(escape(clean(market)), status.key[0], f"{status.rows:,}", *dates, gaps, *counts)
    console = Console()
    console.width = max(console.width, 0 if sys.stdout.isatty() else 120)
    console.print(table)
