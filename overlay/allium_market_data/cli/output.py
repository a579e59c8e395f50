"""What ``open-interest`` and ``plan`` print: rows in a format, a table, a plan, and progress."""

from __future__ import annotations

import logging
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from ..counts import counted
from ..errors import UsageError
from ..formats.files import FORMATS, write, write_text
from ..model.endpoint import OPEN_INTEREST
from ..model.times import to_iso
from ..model.windows import Plan
from ..sanitize import clean
from .options import Connection, OutputFormat

if TYPE_CHECKING:
    from ..client.progress import FetchProgress, OnProgress
    from ..client.sync_client import MarketData
    from ..model.rows import OpenInterest
    from ..series.series import OpenInterestSeries

Pages: TypeAlias = "Iterator[OpenInterestSeries]"

BINARY = ("parquet", "arrow")

EDGE_ROWS = 20
"""Rows that a table shows of each end of a long series."""


def choose_format(format: OutputFormat | None, output: Path | None) -> OutputFormat:
    """The requested format, or the one that suits the destination: the file's suffix, a terminal, or a pipe.

    Raises ``UsageError`` for a format that the destination cannot take, and for a file that is named after another.
    """
    if output is None:
        chosen = format or ("table" if sys.stdout.isatty() else "csv")
        if chosen in BINARY and sys.stdout.isatty():
            raise UsageError(f"{chosen} is binary and cannot be shown on a terminal: pass --output FILE, or use a pipe")
        return chosen
    if format == "table":
        raise UsageError(f"a table cannot be written to a file: use one of {', '.join(FORMATS)} with --output")
    suffix = output.suffix.removeprefix(".").lower()
    if format is None and suffix not in FORMATS:
        raise UsageError(f"cannot tell the format of {output}: name it .{', .'.join(FORMATS)}, or pass --format")
    if format is not None and suffix in FORMATS and suffix != format:
        raise UsageError(f"{output} is named as {suffix}, but --format is {format}: leave one of them out")
    return format or cast("OutputFormat", suffix)


@contextmanager
def connect(connection: Connection) -> Iterator[MarketData]:
    """A client with the API key of the environment. With ``verbose`` each retry is a line on standard error."""
    from ..client.retry import LOGGER
    from ..client.sync_client import MarketData

    options: dict[str, Any] = {
        "timeout": connection.timeout,
        "max_concurrency": connection.concurrency,
        "max_rate": connection.rate,
        "allow_insecure": connection.allow_insecure,
    }
    handler, level = _Lines(), LOGGER.level
    if connection.verbose:
        LOGGER.addHandler(handler)
        LOGGER.setLevel(logging.INFO)
    try:
        with MarketData(None, connection.base_url, **options) as client:
            yield client
    finally:
        LOGGER.removeHandler(handler)
        LOGGER.setLevel(level)


class _Lines(logging.Handler):
    """Prints log records on what is standard error at the time: a progress bar replaces it."""

    def emit(self, record: logging.LogRecord) -> None:
        print(f"allium-md: {clean(record.getMessage())}", file=sys.stderr, flush=True)


@contextmanager
def progress(planned: int) -> Iterator[Callable[[], OnProgress | None]]:
    """A progress bar for ``planned`` windows on standard error, if that is a terminal.

    Yields a function that makes a callback for each of the calls that the bar adds up.
    """
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("fetching"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("windows, {task.fields[rows]:,} rows"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    task = bar.add_task("", total=planned, rows=0)
    calls: list[FetchProgress | None] = []

    def track() -> OnProgress:
        place = len(calls)
        calls.append(None)

        def show(step: FetchProgress) -> None:
            calls[place] = step
            steps = [each for each in calls if each is not None]
            bar.update(task, completed=sum(each.done for each in steps), rows=sum(each.rows for each in steps))

        return show

    with bar:
        yield track


def deliver(
    pages: Pages, plan: Plan, metadata: dict[str, str], format: OutputFormat, output: Path | None, overwrite: bool
) -> None:
    """Write the pages to ``output``, or to standard output where that is None."""
    if format == "table":
        show_rows(row for page in pages for row in page)
        return
    from shutil import copyfileobj
    from tempfile import TemporaryDirectory

    columns = ((page.market_id, page.columns) for page in pages)
    options: dict[str, Any] = {"interval": plan.interval, "fields": OPEN_INTEREST.columns, "metadata": metadata}
    if output is None and format in ("csv", "jsonl"):
        first = list(islice(columns, 1))  # a fetch that fails at once writes nothing, not even a header
        write_text(chain(first, columns), sys.stdout, format, interval=plan.interval, fields=OPEN_INTEREST.columns)
        sys.stdout.flush()
        return
    if output is not None:
        rows = write(columns, output, format, **options, overwrite=overwrite)
        print(f"{output}: {counted(rows, 'row')}", file=sys.stderr)
        return
    with TemporaryDirectory(prefix="allium-md-") as folder:  # types may widen with later rows: the file is made first
        file = Path(folder, format)
        write(columns, file, format, **options)
        with file.open("rb") as stream:
            copyfileobj(stream, sys.stdout.buffer)
    sys.stdout.buffer.flush()


def show_rows(rows: Iterator[OpenInterest]) -> None:
    """Print rows as a table: all of a short series, both ends of a long one."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD)
    for name in ("market_id", "ts (UTC)"):
        table.add_column(name, overflow="fold")
    for name in OPEN_INTEREST.columns:
        table.add_column(name, justify="right", overflow="fold")

    is_marked = False

    def add(row: OpenInterest) -> None:
        nonlocal is_marked
        is_marked |= row.provisional
        ts = f"{row.ts:%Y-%m-%d %H:%M}{' *' if row.provisional else ''}"
        table.add_row(escape(row.market_id), ts, *(f"{getattr(row, name):f}" for name in OPEN_INTEREST.columns))

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
        f"{counted(len(plan), 'request')} for {counted(plan.buckets, 'bucket')} of {plan.interval}, "
        f"{to_iso(plan.start)} to {to_iso(plan.end)}"
    )
    for index, window in enumerate(plan):
        print(f"{index + 1:>6}  {window}")
