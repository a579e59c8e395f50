"""What ``open-interest`` and ``plan`` print: rows in a format, a table, a plan, and progress."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from ..errors import UsageError
from ..formats.files import FORMATS, write, write_text
from ..model.endpoint import OPEN_INTEREST
from ..model.times import to_iso
from ..model.windows import Plan

if TYPE_CHECKING:
    from ..client.sync_client import MarketData
    from ..model.rows import OpenInterest
    from ..series.series import OpenInterestSeries

OutputFormat: TypeAlias = Literal["csv", "jsonl", "parquet", "arrow", "table"]
Pages: TypeAlias = "Iterator[OpenInterestSeries]"

EDGE_ROWS = 20
"""Rows that a table shows of each end of a long series."""


def choose_format(format: str | None, output: Path | None) -> OutputFormat:
    """The requested format, or the one that suits the destination: the file's suffix, a terminal, or a pipe.

    Raises ``UsageError`` for an unknown format and for one that the destination cannot take.
    """
    if format is None and output is not None:
        format = output.suffix.removeprefix(".").lower()
        if format not in FORMATS:
            raise UsageError(f"cannot tell the format of {output}: name it .{', .'.join(FORMATS)}, or pass --format")
    if format is None:
        format = "table" if sys.stdout.isatty() else "csv"
    if format not in (*FORMATS, "table"):
        raise UsageError(f"unknown format {format!r:.80}: use one of {', '.join(FORMATS)}, table")
    if output is None and format in ("parquet", "arrow"):
        raise UsageError(f"{format} needs a file: pass --output")
    if output is not None and format == "table":
        raise UsageError(f"a table cannot be written to a file: use one of {', '.join(FORMATS)} with --output")
    return cast("OutputFormat", format)


def connect(base_url: str | None, timeout: float, concurrency: int, rate: float | None) -> MarketData:
    """A client with the API key of the environment."""
    from ..client.sync_client import MarketData

    return MarketData(None, base_url, timeout=timeout, max_concurrency=concurrency, max_rate=rate)


@contextmanager
def progress(total: int) -> Iterator[Callable[[Pages], Pages]]:
    """Count pages and rows in a progress bar on standard error, if that is a terminal."""
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
    pages: Pages, plan: Plan, metadata: dict[str, str], format: OutputFormat, output: Path | None, overwrite: bool
) -> None:
    """Write the pages to ``output``, or to standard output where that is None."""
    if format == "table":
        show_rows(row for page in pages for row in page)
        return
    columns = ((page.market_id, page.columns) for page in pages)
    if output is None:
        if format in ("csv", "jsonl"):
            first = list(islice(columns, 1))  # a fetch that fails at once writes nothing, not even a header
            write_text(chain(first, columns), sys.stdout, format, interval=plan.interval, fields=OPEN_INTEREST.columns)
            sys.stdout.flush()
        return
    options: dict[str, Any] = {"fields": OPEN_INTEREST.columns, "metadata": metadata, "overwrite": overwrite}
    rows = write(columns, output, format, interval=plan.interval, **options)
    print(f"{output}: {rows:,} rows", file=sys.stderr)


def show_rows(rows: Iterator[OpenInterest]) -> None:
    """Print rows as a table: all of a short series, both ends of a long one."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD)
    for name in ("market_id", "ts (UTC)", "oi_base", "oi_quote_usd"):
        table.add_column(name, justify="right" if name.startswith("oi_") else "left", overflow="fold")

    is_marked = False

    def add(row: OpenInterest) -> None:
        nonlocal is_marked
        is_marked |= row.provisional
        ts = f"{row.ts:%Y-%m-%d %H:%M}{' *' if row.provisional else ''}"
        table.add_row(escape(row.market_id), ts, f"{row.oi_base:f}", f"{row.oi_quote_usd:f}")

    for row in islice(rows, EDGE_ROWS):
        add(row)
    hidden = 0
    last: deque[OpenInterest] = deque(maxlen=EDGE_ROWS)
    for row in rows:
        hidden += len(last) == EDGE_ROWS
        last.append(row)
    if hidden:
        table.add_row("...", f"{hidden:,} more")
    for row in last:
        add(row)
    Console().print(table)
    if is_marked:
        print("* provisional: the bucket had not ended")
    if hidden:
        print("(--output FILE writes every row)", file=sys.stderr)


def show_plan(plan: Plan) -> None:
    """Print a plan: the number of requests, and the window of each."""
    print(
        f"{len(plan):,} requests for {plan.buckets:,} buckets of {plan.interval}, {to_iso(plan.start)} to {to_iso(plan.end)}"
    )
    for index, window in enumerate(plan):
        print(f"{index + 1:>6}  {window}")
