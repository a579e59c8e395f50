"""Fill a table with everything that it lacks of some markets over a span; the same call again goes on where it ended."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..client.plan import plan
from ..client.sync_client import MarketData
from ..model.endpoint import OPEN_INTEREST
from ..model.intervals import Interval
from ..model.times import micros
from ..validation import Instant, check_market, to_instant
from .coverage import Coverage
from .fetch import check_clock, fetch_piece, now, opened
from .plan import Task, closed, lacking
from .runner import COMMIT_ROWS, COMMIT_SECONDS, Progress, Report, begun, check_budget, gather
from .table import Table

if TYPE_CHECKING:
    from os import PathLike


def backfill(
    markets: str | Iterable[str],
    interval: Interval,
    start: Instant,
    end: Instant,
    table: str | PathLike[str],
    *,
    client: MarketData | None = None,
    dask: Any = None,
    max_requests: int | None = None,
    progress: Report | None = None,
    storage_options: dict[str, str] | None = None,
    commit_rows: int = COMMIT_ROWS,
    commit_seconds: float = COMMIT_SECONDS,
) -> Progress:
    """Fetch every closed bucket of the markets with start <= ts < end that the table lacks, and commit it.

    The table (a folder or a URI) is made if there is none. Windows count as complete in the commit of their rows, every
    ``commit_rows`` rows or ``commit_seconds``, whichever comes first. ``dask`` is a ``distributed.Client``; its workers
    take the key from their own environment, share the pace of ``client`` and ``max_requests``, and write for themselves.

    Raises ``BudgetError`` when ``max_requests`` are spent, ``StoreError`` for a table that cannot be used,
    ``PrecisionError`` for a value that does not fit, ``FetchError`` as a fetch does; what came before it is committed.
    A market that the server does not know (404) ends only itself, and is raised at the end.
    """
    check_budget(max_requests)
    report = progress or (lambda _: None)
    names = checked(markets)  # a wrong call makes no table
    with opened(client) as chosen:
        chosen.plan(interval=interval, start=start, end=end)
        store = Table(table, create=True, options=storage_options)
        tasks = pending(store.coverage, store.uri, names, interval, start, end, chosen)
        if dask is not None:
            from .dask.driver import spread

            at = begun(tasks)
            report(at)
            return spread(dask, store, tasks, chosen, at, report, max_requests, commit_rows)

        return gather(
            *(chosen, tasks, fetch_piece, store.land, report),
            max_requests=max_requests,
            commit_rows=commit_rows,
            commit_seconds=commit_seconds,
        )


def checked(markets: str | Iterable[str]) -> list[str]:
    """The markets of a call. Raises ``UsageError`` for what is none."""
    return [check_market(name) for name in ([markets] if isinstance(markets, str) else markets)]


def pending(
    coverage: Coverage,
    uri: str,
    markets: list[str],
    interval: Interval,
    start: Instant,
    end: Instant,
    client: MarketData,
) -> list[Task]:
    """The tasks that a backfill of a table with that coverage would do now.

    Raises ``UsageError``, and ``StoreError`` for a clock that cannot be right.
    """
    wanted = plan(OPEN_INTEREST, interval, to_instant(start, "start"), to_instant(end, "end"))
    moment = client.call(now)
    check_clock(moment, coverage, uri)
    span = closed(wanted.interval, micros(wanted.start), micros(wanted.end), micros(moment))
    return list(lacking(markets, wanted.interval, span, coverage))
