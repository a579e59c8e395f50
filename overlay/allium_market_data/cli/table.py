"""The commands over a table: words in, a call of the store, words out. What they need is imported when they run."""

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

if TYPE_CHECKING:
    from ..series.series import OpenInterestSeries

MANY_FILES = 50

Markets = Annotated[list[str], typer.Argument(help="One or more markets, like hl:perp:BTC-USDC.")]
Interval = Annotated[str, typer.Option("--interval", "-i", help="Width of a bucket: 1m, 5m, 15m, 1h, 4h or 1d.")]
TableAt = Annotated[str, typer.Option("--table", "-t", help="Folder or URI of the table.")]
BaseUrl = Annotated[str | None, typer.Option(help="Server to ask.", envvar="ALLIUM_BASE_URL")]
Timeout = Annotated[float, typer.Option(help="Seconds that one request may take.")]
Concurrency = Annotated[int, typer.Option(help="Requests under way at a time, at most.")]
Rate = Annotated[float | None, typer.Option(help="Requests a second, at most; on a cluster, of all workers together.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Begin a large plan without asking.")]
MaxRequests = Annotated[int | None, typer.Option(help="Send at most so many requests, retries included.")]


def backfill(
    market: Markets,
    interval: Interval,
    start: Annotated[str, typer.Option(help="First instant, ISO 8601; without an offset it is UTC.")],
    end: Annotated[str, typer.Option(help="The instant to end before, ISO 8601.")],
    table: TableAt,
    max_requests: MaxRequests = None,
    yes: Yes = False,
    dask: Annotated[str | None, typer.Option(help="Dask scheduler to spread the work over, tcp://...")] = None,
    base_url: BaseUrl = None,
    timeout: Timeout = 30.0,
    concurrency: Concurrency = 8,
    rate: Rate = None,
) -> None:
    """Fill a table with every closed bucket that it lacks. The same command again goes on where it ended."""
    from ..store import backfill as run
    from ..store.backfill import checked, pending
    from ..store.runner import check_budget
    from ..store.table import known
    from .output import connect
    from .table_output import announce, bar

    check_budget(max_requests)
    with connect(base_url, timeout, concurrency, rate) as client, _cluster(dask) as cluster:
        client.plan(interval=interval, start=start, end=end)  # type: ignore[arg-type]  # checked before a table is made
        tasks = pending(known(table), table, checked(market), interval, start, end, client)  # type: ignore[arg-type]
        with bar(announce(tasks, max_requests, yes)) as show:
            done = run(
                *(market, interval, start, end, table),  # type: ignore[arg-type]
                client=client,
                dask=cluster,
                max_requests=max_requests,
                progress=show,
            )
    print(f"{table}: {done.rows:,} rows in {done.requests:,} requests, {done.seconds:.1f} s", file=sys.stderr)


@contextmanager
def _cluster(address: str | None) -> Iterator[Any]:
    """A client of the cluster, where one is named."""
    if address is None:
        yield None
        return
    try:
        from ..store.dask.driver import joined
    except ImportError as error:
        raise AlliumError(f"--dask is an extra: pip install 'allium-market-data[dask]' ({error})") from None
    with joined(address) as cluster:
        yield cluster


def update(
    table: TableAt,
    market: Annotated[list[str] | None, typer.Argument(help="Only these markets.")] = None,
    look_back: Annotated[float, typer.Option(help="Days before each market's end to fetch again.")] = 2.0,
    provisional: Annotated[bool, typer.Option("--provisional", help="The running bucket too, marked.")] = False,
    max_requests: MaxRequests = None,
    yes: Yes = False,
    base_url: BaseUrl = None,
    timeout: Timeout = 30.0,
    concurrency: Concurrency = 8,
    rate: Rate = None,
) -> None:
    """Top up every market of a table to now. Looks back for values that changed upstream."""
    from ..store import update as run
    from ..store.runner import check_budget
    from ..store.table import Table
    from ..store.update import topping
    from .output import connect
    from .table_output import announce, bar

    check_budget(max_requests)
    store, back = Table(table), _days(look_back, "--look-back")
    with connect(base_url, timeout, concurrency, rate) as client:
        tasks = topping(store, client, market or None, back, provisional)
        with bar(announce(tasks, max_requests, yes)) as show:
            done = run(
                table,
                markets=market or None,
                look_back=back,
                provisional=provisional,
                client=client,
                max_requests=max_requests,
                progress=show,
            )
    print(
        f"{table}: {done.added:,} rows added, {done.settled:,} provisional rows settled and {done.dropped:,} dropped, "
        f"{done.restated:,} restated, {done.vanished:,} no longer on the server (kept), {done.requests:,} requests",
        file=sys.stderr,
    )
    if done.restated:
        print(f"restatements: {table.rstrip('/')}/_restatements", file=sys.stderr)


def _days(days: float, option: str) -> timedelta:
    try:
        return timedelta(days=days)
    except (OverflowError, ValueError):
        raise UsageError(f"{option} is no number of days: {days}") from None


def compact(
    table: TableAt,
    vacuum: Annotated[
        float | None, typer.Option(help="Delete files that no version has needed for so many days, 1 or more.")
    ] = None,
) -> None:
    """Put the many small files of hourly updates together. Others may read and write the table meanwhile."""
    from ..store import compact as run

    done = run(table, vacuum=None if vacuum is None else _days(vacuum, "--vacuum"))
    print(f"{table}: {done.before:,} files became {done.after:,}, {done.deleted:,} old ones deleted", file=sys.stderr)


def status(
    table: TableAt,
    plot: Annotated[Path | None, typer.Option(help="Draw it to this PNG file too.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the picture if it is there.")] = False,
) -> None:
    """Show what a table holds of each market. Rows, complete windows, gaps."""
    from rich.console import Console

    from ..store import status as run
    from ..store.compaction import crowded
    from ..store.status import show
    from ..store.table import Table

    if plot is not None:
        from ..store.status_plot import check

        check(plot, overwrite=overwrite)
    store = Table(table)
    standings = run(store)
    console = Console()
    console.width = max(console.width, 120 if not console.is_terminal else 0)
    console.print(show(standings))
    if many := crowded(store.delta, MANY_FILES):
        print(
            f"{len(many):,} months of markets have over {MANY_FILES} small files: see allium-md compact",
            file=sys.stderr,
        )
    if plot is not None:
        from ..store.status_plot import plot as draw

        draw(standings, plot, overwrite=overwrite)
        print(f"picture: {plot}", file=sys.stderr)


def verify(
    table: TableAt,
    windows: Annotated[int, typer.Option(help="How many windows to compare.")] = 20,
    seed: Annotated[int, typer.Option(help="Chooses them.")] = 0,
    base_url: BaseUrl = None,
    timeout: Timeout = 30.0,
    concurrency: Concurrency = 8,
    rate: Rate = None,
) -> None:
    """Fetch a sample of a table again and compare. Exit status 1 where they differ."""
    from ..store import verify as run
    from .output import connect

    with connect(base_url, timeout, concurrency, rate) as client:
        done = run(table, windows=windows, seed=seed, client=client)
    for line in done.differences:
        print(line)
    print(f"{done.windows} windows, {done.rows:,} rows, {len(done.differences):,} differences", file=sys.stderr)
    if done.differences:
        raise AlliumError(f"{table} differs from the server: allium-md update looks again, with --look-back DAYS")


def watch(
    market: Markets,
    interval: Interval,
    table: Annotated[
        str | None, typer.Option("--table", "-t", help="Write into this table; else to the terminal.")
    ] = None,
    provisional: Annotated[bool, typer.Option("--provisional", help="The running bucket too.")] = False,
    grace: Annotated[float, typer.Option(help="Seconds after a bucket's end at which it counts as closed.")] = 2.0,
    base_url: BaseUrl = None,
    timeout: Timeout = 30.0,
    concurrency: Concurrency = 8,
    rate: Rate = None,
) -> None:
    """Follow markets live, bucket by bucket, until Ctrl-C. Survives a lost connection without a hole."""
    from ..store.table import Table
    from ..store.watch import Watch
    from .output import connect

    def note(said: str) -> None:
        print(f"allium-md: {said}", file=sys.stderr, flush=True)

    store = Table(table, create=True) if table else None
    with connect(base_url, timeout, concurrency, rate) as client:
        following = Watch(client, market, interval, store, provisional, grace, note)  # type: ignore[arg-type]
        for row in following.rows():
            mark = ",provisional" if row.provisional else ""
            print(f"{row.market_id},{to_iso(row.ts)},{row.oi_base:f},{row.oi_quote_usd:f}{mark}", flush=True)


def taken(table: str, markets: list[str], interval: Any, start: str, end: str) -> dict[str, OpenInterestSeries]:
    """Series out of a table, each market once. Raises ``StoreError`` where they are not complete there."""
    from ..store.table import Table

    store = Table(table)
    return {market: store.series(market, interval, start, end) for market in markets}


def register(app: typer.Typer, failures: Callable[[], Any]) -> None:
    """Add the commands to ``app``; ``failures`` makes messages and exit statuses of what they raise."""
    for command in (backfill, update, status, verify, watch, compact):
        app.command(command.__name__)(failures()(command))
