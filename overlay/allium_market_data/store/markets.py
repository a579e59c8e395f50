"""Take windows of a market out of the coverage, and retire markets."""

from __future__ import annotations

from os import PathLike

from ..errors import StoreError, UsageError
from ..model.endpoint import OPEN_INTEREST, Endpoint
from ..model.intervals import WIDTHS, ceil, floor
from ..model.times import micros
from ..validation import Instant, check_market, to_instant
from .coverage import CommitNote, Coverage, SeriesKey
from .spans import Spans, intersect
from .table import Table


def forget(
    table: str | PathLike[str],
    market: str,
    start: Instant,
    end: Instant,
    *,
    endpoint: Endpoint = OPEN_INTEREST,
    storage_options: dict[str, str] | None = None,
) -> dict[SeriesKey, Spans]:
    """Take the buckets with start <= ts < end out of the complete windows of a market, of every interval.

    The rows stay until a backfill fetches the windows again. Returns the windows that were complete. Raises ``StoreError`` if
    the table does not have the market, and ``UsageError``.
    """
    first, last = micros(to_instant(start, "start")), micros(to_instant(end, "end"))
    if first >= last:
        raise UsageError("start must be before end")
    store, name = Table(table, endpoint=endpoint, storage_options=storage_options), check_market(market)

    def attempt() -> dict[SeriesKey, Spans]:
        coverage = store.coverage
        _check_stored(store.uri, coverage, name)
        forgotten = {
            key: parts
            for key, spans in coverage.complete.items()
            if key[1] == name
            and (parts := intersect(spans, (floor(first, WIDTHS[key[0]]), ceil(last, WIDTHS[key[0]]))))
        }
        if forgotten:
            store.write_note(CommitNote(forgotten=forgotten))
        return forgotten

    return store.retry(attempt)


def retire(
    table: str | PathLike[str],
    market: str,
    *,
    undo: bool = False,
    endpoint: Endpoint = OPEN_INTEREST,
    storage_options: dict[str, str] | None = None,
) -> None:
    """Leave a market out of all later updates; its rows stay. ``undo`` reverses that.

    Raises ``StoreError`` if the table does not have the market.
    """
    store, name = Table(table, endpoint=endpoint, storage_options=storage_options), check_market(market)

    def attempt() -> None:
        _check_stored(store.uri, store.coverage, name)
        if (name in store.coverage.retired) == undo:
            store.write_note(CommitNote(retired={name: not undo}))

    store.retry(attempt)


def _check_stored(uri: str, coverage: Coverage, market: str) -> None:
    if market not in {name for _, name in coverage.keys}:
        raise StoreError(f"{uri} has no {market}")
