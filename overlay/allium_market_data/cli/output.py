"""What the command shows: the format that fits, progress on a terminal, a table, a plan."""

from __future__ import annotations

import logging
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

from ..errors import UsageError
from ..formats.files import FORMATS, write, write_text
from ..model.times import to_iso
from ..model.windows import Plan

if TYPE_CHECKING:
    from ..client.sync_client import MarketData
    from ..model.rows import OpenInterest
    from ..series.series import OpenInterestSeries

Shown: TypeAlias = Literal["csv", "jsonl", "parquet", "arrow", "table"]
Pages: TypeAlias = "Iterator[OpenInterestSeries]"

ENDS = 20
"""A table shows so many rows of its beginning and of its end."""


def choose_format(wanted: str | None, output: Path | None) -> Shown:
    """The format that was asked for, or that fits where the rows go. Raises ``UsageError`` for one that does not."""
    if wanted is None and output is not None:
        wanted = output.suffix.removeprefix(".").lower()
        if wanted not in FORMATS:
            raise UsageError(f"{output} does not tell its format: name it .{', .'.join(FORMATS)}, or say --format")
    if wanted is None:
        wanted = "table" if sys.stdout.isatty() else "csv"
    if wanted not in (*FORMATS, "table"):
        raise UsageError(f"unknown format {wanted!r:.80}: use one of {', '.join(FORMATS)}, table")
    if output is None and wanted in ("parquet", "arrow"):
        raise UsageError(f"{wanted} is for files: say where with --output")
    if output is not None and wanted == "table":
        raise UsageError(f"a table is for a terminal: use one of {', '.join(FORMATS)} with --output")
    return cast("Shown", wanted)


def connect(base_url: str | None, timeout: float, concurrency: int, rate: float | None) -> MarketData:
    """A client for a command, with the key of the environment; it retries without a word."""
    from ..client.sync_client import MarketData

    logging.getLogger("stamina").addHandler(logging.NullHandler())  # or each retry would be a line on standard error
    return MarketData(None, base_url, timeout=timeout, max_concurrency=concurrency, max_rate=rate)


@contextmanager
def progress(total: int) -> Iterator[Callable[[Pages], Pages]]:
    """Count pages as they pass, on standard error, and only if that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda pages: pages
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("fetching"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("requests, {task.fields[rows]:,} rows"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task("", total=total, rows=0)
        rows = 0

        def count(pages: Pages) -> Pages:
            nonlocal rows
            for page in pages:
                rows += len(page)
                bar.update(task, advance=1, rows=rows)
                yield page

        yield count


def deliver(
    pages: Pages, plan: Plan, metadata: dict[str, str], form: Shown, output: Path | None, overwrite: bool
) -> None:
    """Bring the pages to the file, the pipe or the terminal that they are for."""
    if form == "table":
        show_rows(row for page in pages for row in page)
        return
    columns = ((page.market_id, page.columns) for page in pages)
    if output is None:
        if form in ("csv", "jsonl"):
            first = list(islice(columns, 1))  # a fetch that fails at once writes nothing, not even a header
            write_text(chain(first, columns), sys.stdout, form, interval=plan.interval)
            sys.stdout.flush()
        return
    rows = write(columns, output, form, interval=plan.interval, metadata=metadata, overwrite=overwrite)
    print(f"{output}: {rows:,} rows", file=sys.stderr)


def show_rows(rows: Iterator[OpenInterest]) -> None:
    """Rows as a table: all of them if they are few, else both ends."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD)
    for name in ("market_id", "ts (UTC)", "oi_base", "oi_quote_usd"):
        table.add_column(name, justify="right" if name.startswith("oi_") else "left", overflow="fold")

    marked = False

    def add(row: OpenInterest) -> None:
        nonlocal marked
        marked |= row.provisional
        mark = " *" if row.provisional else ""
        table.add_row(
            escape(row.market_id), f"{row.ts:%Y-%m-%d %H:%M}{mark}", f"{row.oi_base:f}", f"{row.oi_quote_usd:f}"
        )

    for row in islice(rows, ENDS):
        add(row)
    hidden = 0
    last: deque[OpenInterest] = deque(maxlen=ENDS)
    for row in rows:
        hidden += len(last) == ENDS
        last.append(row)
    if hidden:
        table.add_row("...", f"{hidden:,} more")
    for row in last:
        add(row)
    Console().print(table)
    if marked:
        print("* provisional: the bucket had not ended")
    if hidden:
        print("(--output FILE writes every row)", file=sys.stderr)


def show_plan(plan: Plan) -> None:
    """A plan as text: how many requests, and over which windows."""
    print(
        f"{len(plan):,} requests for {plan.buckets:,} buckets of {plan.interval}, {to_iso(plan.start)} to {to_iso(plan.end)}"
    )
    for index, window in enumerate(plan):
        print(f"{index + 1:>6}  {window}")
