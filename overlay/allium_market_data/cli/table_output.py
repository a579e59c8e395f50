"""What the commands over a table say: the size of a plan, how far a run is, and whether a large one may begin."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import typer

from ..errors import AlliumError, UsageError
from ..store.plan import Task
from ..store.runner import Progress

LARGE = 1_000
"""A plan of more requests than that asks before it begins."""


def announce(tasks: Sequence[Task], max_requests: int | None, yes: bool) -> int:
    """Tell what is to be done, and ask where it is much. Returns the requests. Raises where the answer is no."""
    requests, buckets = sum(task.requests for task in tasks), sum(task.buckets for task in tasks)
    print(f"{len(tasks):,} windows, {requests:,} requests, {buckets:,} buckets to fetch", file=sys.stderr)
    if min(requests, max_requests or requests) > LARGE and not yes:
        _confirm()
    return requests


def _confirm() -> None:
    if not _is_asked():
        raise UsageError("that is a large plan: say --yes to begin it")
    if not typer.confirm("Begin?", err=True):
        raise AlliumError("nothing was asked")


def _is_asked() -> bool:
    """Whether somebody is there to answer."""
    return sys.stdin.isatty()


@contextmanager
def bar(requests: int) -> Iterator[Callable[[Progress], None]]:
    """Rate, rows, requests and time left on standard error: a bar on a terminal, a line a commit elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    shown = Bar(TextColumn("fetching"), BarColumn(), TextColumn("{task.fields[said]}"), console=console, transient=True)
    task = shown.add_task("", total=requests, said="")

    def show(at: Progress) -> None:
        if console.is_terminal:
            shown.update(task, completed=at.done_planned, said=tell(at))
        elif at.done:
            print(tell(at), file=sys.stderr, flush=True)

    if not console.is_terminal:
        yield show
        return
    with shown:
        yield show


def tell(at: Progress) -> str:
    """How far a run is, in a line."""
    rate = at.requests / at.seconds if at.seconds else 0.0
    left = "" if at.left is None else f", {_clock(at.left)} left"
    return (
        f"{at.done:,} of {at.tasks:,} windows, {at.rows:,} rows, {at.requests:,} requests, {rate:.1f} requests/s{left}"
    )


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
