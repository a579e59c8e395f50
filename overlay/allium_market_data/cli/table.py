"""The commands of the table. Each imports what it needs when it runs, so that ``--help`` of other commands stays fast."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..counts import counted
from ..errors import AlliumError, UsageError
from . import options, table_checks, table_markets
from .exit_status import ExitStatus, PartlyError, table_status

if TYPE_CHECKING:
    from ..client.sync_client import MarketData
    from ..series.series import OpenInterestSeries
    from ..store.failures import MarketFailure
    from ..store.runner import Progress


NAMED_FAILURES = 5
"""The last message names this many series; each has a line of its own before."""


@options.with_connection
def backfill(
    market: options.Markets,
    interval: options.Interval,
    start: options.Start,
    end: options.End,
    table: options.TableUri,
    recheck_gaps: Annotated[
        bool, typer.Option("--recheck-gaps", help="Instead, ask again for the buckets that the server had no row of.")
    ] = False,
    settle: options.Settle = None,
    max_requests: options.MaxRequests = None,
    whole_span: Annotated[
        bool, typer.Option("--whole-span", help="Fetch also what is before the first row that a search finds.")
    ] = False,
    yes: options.Yes = False,
    dask: Annotated[
        str | None, typer.Option(help="Dask scheduler, tcp://...; all workers share --max-rate and --max-requests.")
    ] = None,
    *,
    connection: options.Connection,
    storage_option: options.StorageOption = None,
    json: options.Json = False,
) -> None:
    """Fill a table with every closed bucket that it is missing. The same command again resumes."""
    from ..store.runner import check_budget
    from .output import connect
    from .table_json import json_report, progress_fields

    with json_report(json, "backfill", table, progress_fields()) as fields:
        check_budget(max_requests)
        if recheck_gaps and dask is not None:
            raise UsageError("--recheck-gaps does not use a cluster: leave out --dask")
        limits: dict[str, Any] = {
            "max_requests": max_requests,
            "settle": None if settle is None else _days(settle, "--settle"),
            "storage_options": options.storage_options(storage_option),
        }
        with connect(connection) as client, _cluster(dask) as cluster:
            client.plan(interval=interval, start=start, end=end)  # checks them before the table
            if recheck_gaps:
                failures = _recheck(client, (market, interval, start, end, table), limits, yes, fields)
            else:
                limits |= {"whole_span": whole_span, "dask": cluster}
                failures = _fill(client, (market, interval, start, end, table), limits, yes, fields)
        _check_failures(failures)


def _fill(
    client: MarketData, call: tuple[Any, ...], limits: dict[str, Any], yes: bool, fields: dict[str, Any]
) -> tuple[MarketFailure, ...]:
    """Fetch what a table is missing. Returns the series that failed."""
    from ..store import backfill as run
    from ..store.backfill import check_markets, plan_backfill
    from ..store.table import peek_coverage
    from .table_json import progress_fields
    from .table_log import log
    from .table_output import confirm

    market, interval, start, end, table = call
    names, coverage = check_markets(market), peek_coverage(table, limits["storage_options"])
    planned = plan_backfill(
        *(coverage, table, names, interval, start, end, client, limits["max_requests"]),
        whole_span=limits["whole_span"],
    )
    with _progress(confirm(planned.tasks, limits["max_requests"], yes), fields, progress_fields) as report:
        done = run(*call, client=client, progress=report, planned=planned, **limits)
    log(f"{table}: {counted(done.rows, 'row')} in {counted(done.requests, 'request')}, {done.seconds:.1f} s")
    return done.failures


def _recheck(
    client: MarketData, call: tuple[Any, ...], limits: dict[str, Any], yes: bool, fields: dict[str, Any]
) -> tuple[MarketFailure, ...]:
    """Ask again for the gaps of a table. Returns the series that failed."""
    from ..store import Table
    from ..store.backfill import check_markets
    from ..store.recheck import pending_tasks, recheck_gaps
    from .table_json import progress_fields
    from .table_output import confirm, show_update

    market, interval, start, end, table = call
    store = Table(table, storage_options=limits["storage_options"])
    tasks = pending_tasks(store, check_markets(market), interval, start, end, client)
    with _progress(confirm(tasks, limits["max_requests"], yes), fields, progress_fields) as report:
        result = recheck_gaps(*call, client=client, progress=report, **limits)
    show_update(table, result)
    return result.failures


@contextmanager
def _progress(
    requests: int, fields: dict[str, Any], fields_of: Callable[[Progress], dict[str, Any]]
) -> Iterator[Callable[[Progress], None]]:
    """Show the progress of a run, and keep it in the fields of its JSON object."""
    from .table_output import progress

    with progress(requests) as show:

        def report(progress: Progress) -> None:
            fields.update(fields_of(progress))
            show(progress)

        yield report


@contextmanager
def _cluster(address: str | None) -> Iterator[Any]:
    """A client of the cluster at the address, or ``None`` without one."""
    if address is None:
        yield None
        return
    try:
        from ..store.dask.cluster import connect_cluster
    except ImportError as error:
        raise AlliumError(f"--dask is an extra: pip install 'allium-market-data[dask]' ({error})") from None
    with connect_cluster(address) as cluster:
        yield cluster


@options.with_connection
def update(
    table: options.TableUri,
    market: Annotated[list[str] | None, typer.Argument(help="Only these markets.")] = None,
    look_back: Annotated[float, typer.Option(help="Days before the end of each market to fetch again.")] = 2.0,
    provisional: Annotated[bool, typer.Option("--provisional", help="Store the running bucket too, marked.")] = False,
    exclude: Annotated[list[str] | None, typer.Option(help="Leave this market out (repeatable).")] = None,
    settle: options.Settle = None,
    max_requests: options.MaxRequests = None,
    yes: options.Yes = False,
    *,
    connection: options.Connection,
    storage_option: options.StorageOption = None,
    json: options.Json = False,
) -> None:
    """Bring every market of a table up to now, and look back for values that changed on the server."""
    from ..store import Table
    from ..store import update as run
    from ..store.runner import check_budget
    from ..store.update import pending_tasks
    from .output import connect
    from .table_json import json_report, update_fields
    from .table_output import confirm, show_update

    with json_report(json, "update", table, update_fields()) as fields:
        check_budget(max_requests)
        storage, days = options.storage_options(storage_option), _days(look_back, "--look-back")
        settling = None if settle is None else _days(settle, "--settle")
        store, markets = Table(table, storage_options=storage), market or None
        with connect(connection) as client:
            tasks = pending_tasks(store, client, markets, days, provisional, exclude or ())
            with _progress(confirm(tasks, max_requests, yes), fields, update_fields) as report:
                result = run(
                    table,
                    markets=markets,
                    exclude=exclude or (),
                    look_back=days,
                    provisional=provisional,
                    client=client,
                    max_requests=max_requests,
                    progress=report,
                    settle=settling,
                    storage_options=storage,
                )
        show_update(table, result)
        _check_failures(result.failures)


def _check_failures(failures: tuple[MarketFailure, ...]) -> None:
    """Log each failure, and raise ``PartlyError`` if there are any."""
    from .table_log import log

    for failure in failures:
        log(str(failure), "ERROR")
    if failures:
        named = ", ".join(f"{failure.key[1]} {failure.key[0]}" for failure in failures[:NAMED_FAILURES])
        more = f" and {len(failures) - NAMED_FAILURES:,} more" if failures[NAMED_FAILURES:] else ""
        raise PartlyError(f"{len(failures):,} series failed, everything of the others is done: {named}{more}")


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
    from .table_log import log

    age = None if vacuum is None else _days(vacuum, "--vacuum")
    result = run(table, vacuum=age, storage_options=options.storage_options(storage_option))
    log(
        f"{table}: {counted(result.before, 'file')} became {result.after:,}, {counted(result.deleted, 'old file')} deleted"
    )


@options.with_connection
def watch(
    market: options.Markets,
    interval: options.Interval,
    table: Annotated[str | None, typer.Option("--table", "-t", help="Folder or URI of a table to write too.")] = None,
    provisional: Annotated[bool, typer.Option("--provisional", help="Include the running bucket, marked.")] = False,
    grace: Annotated[float, typer.Option(help="Seconds after its end at which a bucket counts as closed.")] = 2.0,
    *,
    connection: options.Connection,
    storage_option: options.StorageOption = None,
) -> None:
    """Print the rows of markets as CSV, each once its bucket has closed, until Ctrl-C. A lost connection leaves no gap."""
    from ..formats.text import csv_line, header
    from ..model.endpoint import OPEN_INTEREST
    from ..store import Table, Watch
    from .output import connect
    from .table_log import log

    def warn(message: str) -> None:
        log(message, "WARNING")

    storage = options.storage_options(storage_option)
    store = Table(table, create=True, storage_options=storage) if table else None
    with connect(connection) as client:
        head = header("csv", OPEN_INTEREST.columns)
        for row in Watch(client, market, interval, store, provisional, grace, warn).rows():
            print(head + csv_line(row, OPEN_INTEREST.columns), end="", flush=True)
            head = ""  # it comes with the first row: a watch that fails at once prints nothing


def read_series(
    table: str, markets: list[str], interval: Any, start: str, end: str, storage_option: list[str] | None = None
) -> dict[str, OpenInterestSeries]:
    """The series of each market, read from a table. Raises ``StoreError`` if they are not complete there."""
    from ..store import Table
    from .table_log import store_warnings

    with store_warnings():
        store = Table(table, storage_options=options.storage_options(storage_option))
        return {market: store.series(market, interval, start, end) for market in markets}


def _with_warnings(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command log the warnings of its table."""

    @wraps(command)
    def run(**values: Any) -> None:
        from .table_log import store_warnings

        with store_warnings():
            command(**values)

    return run


def register(app: typer.Typer, failures: Callable[[Callable[[BaseException], ExitStatus]], Any]) -> None:
    """Add the commands to ``app``; ``failures`` turns their exceptions into messages and exit statuses."""
    checks = (table_checks.status, table_checks.verify)
    for command in (backfill, update, *checks, watch, compact, table_markets.retire, table_markets.forget):
        app.command(command.__name__)(failures(table_status)(_with_warnings(command)))
