"""The commands of the table. Each imports what it needs when it runs, so that ``--help`` of other commands stays fast."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import AlliumError, UsageError
from ..model.times import to_iso
from . import options

if TYPE_CHECKING:
    from ..series.series import OpenInterestSeries

CROWDED_FILES = 50
"""``status`` recommends compaction for a month of a market with more small files than this."""


def backfill(
    market: options.Markets,
    interval: options.Interval,
    start: options.Start,
    end: options.End,
    table: options.TableUri,
    max_requests: options.MaxRequests = None,
    yes: options.Yes = False,
    dask: Annotated[
        str | None, typer.Option(help="Dask scheduler, tcp://...; all workers share --rate and --max-requests.")
    ] = None,
    base_url: options.BaseUrl = None,
    timeout: options.Timeout = 30.0,
    concurrency: options.Concurrency = 8,
    rate: options.Rate = None,
    storage_option: options.StorageOption = None,
) -> None:
    """Fill a table with every closed bucket that it is missing. The same command again resumes."""
    from ..store import backfill as run
    from ..store.backfill import check_markets, pending_tasks
    from ..store.runner import check_budget
    from ..store.table import peek_coverage
    from .output import connect
    from .table_output import confirm, progress_bar

    check_budget(max_requests)
    with connect(base_url, timeout, concurrency, rate) as client, _cluster(dask) as cluster:
        client.plan(interval=interval, start=start, end=end)  # type: ignore[arg-type]  # checks them before the table
        storage = options.storage_options(storage_option)
        names, coverage = check_markets(market), peek_coverage(table, storage)
        tasks = pending_tasks(coverage, table, names, interval, start, end, client)  # type: ignore[arg-type]
        with progress_bar(confirm(tasks, max_requests, yes)) as report:
            done = run(
                *(market, interval, start, end, table),  # type: ignore[arg-type]
                client=client,
                dask=cluster,
                max_requests=max_requests,
                progress=report,
                storage_options=storage,
            )
    print(f"{table}: {done.rows:,} rows in {done.requests:,} requests, {done.seconds:.1f} s", file=sys.stderr)


@contextmanager
def _cluster(address: str | None) -> Iterator[Any]:
    """A client of the cluster at the address, or ``None`` without one."""
    if address is None:
        yield None
        return
    try:
        from ..store.dask.driver import connect_cluster
    except ImportError as error:
        raise AlliumError(f"--dask is an extra: pip install 'allium-market-data[dask]' ({error})") from None
    with connect_cluster(address) as cluster:
        yield cluster


def update(
    table: options.TableUri,
    market: Annotated[list[str] | None, typer.Argument(help="Only these markets.")] = None,
    look_back: Annotated[float, typer.Option(help="Days before the end of each market to fetch again.")] = 2.0,
    provisional: Annotated[bool, typer.Option("--provisional", help="Store the running bucket too, marked.")] = False,
    max_requests: options.MaxRequests = None,
    yes: options.Yes = False,
    base_url: options.BaseUrl = None,
    timeout: options.Timeout = 30.0,
    concurrency: options.Concurrency = 8,
    rate: options.Rate = None,
    storage_option: options.StorageOption = None,
) -> None:
    """Bring every market of a table up to now, and look back for values that changed on the server."""
    from ..store import Table
    from ..store import update as run
    from ..store.runner import check_budget
    from ..store.update import pending_tasks
    from .output import connect
    from .table_output import confirm, progress_bar, show_update

    check_budget(max_requests)
    storage, days = options.storage_options(storage_option), _days(look_back, "--look-back")
    store = Table(table, storage_options=storage)
    markets = market or None
    with connect(base_url, timeout, concurrency, rate) as client:
        tasks = pending_tasks(store, client, markets, days, provisional)
        with progress_bar(confirm(tasks, max_requests, yes)) as report:
            run_options: dict[str, Any] = {"client": client, "max_requests": max_requests, "progress": report}
            run_options["storage_options"] = storage
            result = run(table, markets=markets, look_back=days, provisional=provisional, **run_options)
    show_update(table, result)


def _days(days: float, option: str) -> timedelta:
    try:
        return timedelta(days=days)
    except (OverflowError, ValueError):
        raise UsageError(f"{option} must be a number of days, not {days}") from None


def compact(
    table: options.TableUri,
    vacuum: Annotated[
        float | None, typer.Option(help="Delete replaced files that are older than this many days, 1 or more.")
    ] = None,
    storage_option: options.StorageOption = None,
) -> None:
    """Merge the small files that frequent updates leave. Other processes may read and write the table meanwhile."""
    from ..store import compact as run

    age = None if vacuum is None else _days(vacuum, "--vacuum")
    result = run(table, vacuum=age, storage_options=options.storage_options(storage_option))
    print(
        f"{table}: {result.before:,} files became {result.after:,}, {result.deleted:,} old files deleted",
        file=sys.stderr,
    )


def status(
    table: options.TableUri,
    plot: Annotated[Path | None, typer.Option(help="Also draw the status to this PNG file.")] = None,
    overwrite: options.Overwrite = False,
    storage_option: options.StorageOption = None,
) -> None:
    """Show what a table holds of each market: rows, complete windows, gaps."""
    from ..store import Table
    from ..store import status as run
    from ..store.compaction import find_small_files
    from ..store.status_plot import check_file, plot_status
    from .table_output import show_status

    if plot is not None:
        check_file(plot, overwrite=overwrite)
    store = Table(table, storage_options=options.storage_options(storage_option))
    statuses = run(store)
    show_status(statuses)
    if crowded := find_small_files(store.delta, CROWDED_FILES):
        print(
            f"{len(crowded):,} months of markets have more than {CROWDED_FILES} small files: run allium-md compact",
            file=sys.stderr,
        )
    if plot is not None:
        plot_status(statuses, plot, overwrite=overwrite)
        print(f"chart: {plot}", file=sys.stderr)


def verify(
    table: options.TableUri,
    windows: Annotated[int, typer.Option(help="Number of windows to compare.")] = 20,
    seed: Annotated[int, typer.Option(help="Seed of the random choice of windows.")] = 0,
    base_url: options.BaseUrl = None,
    timeout: options.Timeout = 30.0,
    concurrency: options.Concurrency = 8,
    rate: options.Rate = None,
    storage_option: options.StorageOption = None,
) -> None:
    """Fetch a sample of a table again and compare. The exit status is 1 if they differ."""
    from ..store import verify as run
    from .output import connect

    with connect(base_url, timeout, concurrency, rate) as client:
        storage = options.storage_options(storage_option)
        result = run(table, windows=windows, seed=seed, client=client, storage_options=storage)
    for line in result.differences:
        print(line)
    print(f"{result.windows} windows, {result.rows:,} rows, {len(result.differences):,} differences", file=sys.stderr)
    if result.differences:
        raise AlliumError(f"{table} differs from the server: fetch again with allium-md update --look-back DAYS")


def watch(
    market: options.Markets,
    interval: options.Interval,
    table: Annotated[str | None, typer.Option("--table", "-t", help="Folder or URI of a table to write too.")] = None,
    provisional: Annotated[bool, typer.Option("--provisional", help="Include the running bucket, marked.")] = False,
    grace: Annotated[float, typer.Option(help="Seconds after its end at which a bucket counts as closed.")] = 2.0,
    base_url: options.BaseUrl = None,
    timeout: options.Timeout = 30.0,
    concurrency: options.Concurrency = 8,
    rate: options.Rate = None,
    storage_option: options.StorageOption = None,
) -> None:
    """Follow markets live, bucket by bucket, until Ctrl-C. A lost connection leaves no gap."""
    from ..store import Table, Watch
    from .output import connect

    def warn(message: str) -> None:
        print(f"allium-md: {message}", file=sys.stderr, flush=True)

    storage = options.storage_options(storage_option)
    store = Table(table, create=True, storage_options=storage) if table else None
    with connect(base_url, timeout, concurrency, rate) as client:
        for row in Watch(client, market, interval, store, provisional, grace, warn).rows():  # type: ignore[arg-type]
            mark = ",provisional" if row.provisional else ""
            print(f"{row.market_id},{to_iso(row.ts)},{row.oi_base:f},{row.oi_quote_usd:f}{mark}", flush=True)


def read_series(
    table: str, markets: list[str], interval: Any, start: str, end: str, storage_option: list[str] | None = None
) -> dict[str, OpenInterestSeries]:
    """The series of each market, read from a table. Raises ``StoreError`` if they are not complete there."""
    from ..store import Table

    store = Table(table, storage_options=options.storage_options(storage_option))
    return {market: store.series(market, interval, start, end) for market in markets}


def register(app: typer.Typer, failures: Callable[[], Any]) -> None:
    """Add the commands to ``app``; ``failures`` turns their exceptions into messages and exit statuses."""
    for command in (backfill, update, status, verify, watch, compact):
        app.command(command.__name__)(failures()(command))
