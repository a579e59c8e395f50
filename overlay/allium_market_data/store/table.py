"""A table: its coverage, commits of rows that are safe against other writers, and reads."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from os import PathLike
from typing import TYPE_CHECKING, Any, TypeVar

from ..client.plan import plan
from ..errors import StoreError
from ..model.endpoint import OPEN_INTEREST, Endpoint
from ..model.intervals import WIDTHS, Interval, ceil
from ..model.times import from_micros, micros
from ..optional import require
from ..series.series import OpenInterestSeries
from ..validation import Instant, check_market, to_instant
from . import schema
from .coverage import COMMIT_ID_KEY, METADATA_KEY, SNAPSHOT_EVERY, CommitNote, Coverage, SeriesKey, encode
from .log import CoverageLog
from .reading import check_complete, data_errors, open_dataset, rows_between, sql_in, to_series
from .spans import Span, month_of, overlaps, split_by_month, subtract, union
from .storage import (
    check_conditional_writes,
    check_space,
    is_delta,
    is_occupied,
    open_delta,
    storage_errors,
    table_uri,
)

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import DeltaTable

T = TypeVar("T")

MAX_COMMIT_ATTEMPTS = 60

SAME_KEY = " AND ".join(f"t.{name} = s.{name}" for name in (*schema.PARTITIONS, "ts"))


@dataclass(frozen=True, slots=True)
class Batch:
    """All rows of one series in a span inside one month. The commit of a batch makes its span complete."""

    key: SeriesKey
    span: Span
    rows: pa.Table
    fetched_at: int
    requests: int = 0

    def __len__(self) -> int:
        return len(self.rows)


class Table:
    """A Delta table of open interest in a folder or at a URI, with its restatements in ``_restatements`` below it.

    ``endpoint`` is the source of its rows, by default open interest; it decides the columns and the class of ``series``.
    Raises ``StoreError`` if this is another kind of table or schema version, or if it cannot be read or written.
    """

    def __init__(
        self,
        uri: str | PathLike[str],
        *,
        create: bool = False,
        endpoint: Endpoint = OPEN_INTEREST,
        storage_options: Mapping[str, str] | None = None,
    ) -> None:
        self.uri, self.endpoint = table_uri(uri), endpoint
        self.storage_options = dict(storage_options) if storage_options else None
        if create:
            self.check_store()
        name, columns = schema.table_name(endpoint), partial(schema.rows_schema, endpoint)
        self.delta = open_delta(self.uri, self.storage_options, name, columns, create=create)
        self.log = CoverageLog(self.delta, self.uri, self.storage_options)
        self.refresh()

    @property
    def coverage(self) -> Coverage:
        """The coverage when the table was opened or last refreshed."""
        return self.log.coverage

    def refresh(self) -> Coverage:
        """Load the commits of other writers."""
        with self.storage_errors():
            return self.log.refresh()

    def check_store(self) -> None:
        """Raise ``StoreError`` if the table is in an object store where concurrent commits would lose rows."""
        with self.storage_errors():
            check_conditional_writes(self.uri, self.storage_options)

    def storage_errors(self) -> AbstractContextManager[None]:
        """Turn errors of the engine and the operating system into a ``StoreError`` of one line."""
        return storage_errors(self.uri, self.storage_options)

    def committing(self, properties: Any) -> AbstractContextManager[None]:
        """Commit in the block; see ``CoverageLog.committing``."""
        return self.log.committing(properties.custom_metadata[COMMIT_ID_KEY])

    def commit(self, batches: Sequence[Batch]) -> int:
        """Commit batches of a backfill, except what is complete already. Returns the number of rows written."""

        def attempt() -> int:
            self.delete_duplicates([(batch.key, batch.span) for batch in batches])
            remaining = list(self._remaining(batches))
            replacing = [batch for batch in remaining if self._stored_in(batch)]
            appending = [batch for batch in remaining if not self._stored_in(batch)]
            rows = sum(self._write_batches([batch], batch.rows, merge=True) for batch in replacing)
            if appending:
                joined = require("pyarrow", "store").concat_tables([batch.rows for batch in appending])
                rows += self._write_batches(appending, joined, merge=False)
            return rows

        return self.retry(attempt, sum(batch.rows.nbytes for batch in batches))

    def _remaining(self, batches: Sequence[Batch]) -> Iterator[Batch]:
        for batch in batches:
            for start, end in subtract(batch.span, self.coverage.complete.get(batch.key, ())):
                yield replace(batch, span=(start, end), rows=rows_between(batch.rows, start, end))

    def _provisional_in(self, batch: Batch) -> set[int]:
        """The labels of stored provisional rows in the batch's span."""
        labels = self.coverage.provisional.get(batch.key, ())
        return {label for label in labels if batch.span[0] <= label < batch.span[1]}

    def delete_duplicates(self, requested: Iterable[tuple[SeriesKey, Span]]) -> None:
        """Delete rows that another tool has written twice, in windows that were taken out. They are to be fetched again."""
        forgotten = self.coverage.forgotten
        spans = [(key, span) for key, span in requested if overlaps(forgotten.get(key, ()), span)]
        parts = list(self.read_rows(spans)) if spans else []
        if keys := [key for rows in parts for key in schema.duplicate_keys(rows)]:
            months = {(key, month_of(start)) for key, (start, _) in spans}
            self.write(CommitNote(), parts[0].slice(0, 0), merge=True, deletions=keys, months=months)

    def _stored_in(self, batch: Batch) -> set[int]:
        """The labels of rows that are stored in the batch's span although it is not complete."""
        stored = self._provisional_in(batch)
        if overlaps(self.coverage.forgotten.get(batch.key, ()), batch.span):
            stored |= set(map(micros, next(self.read_rows([(batch.key, batch.span)]))["ts"].to_pylist()))
        return stored

    def _write_batches(self, batches: Sequence[Batch], rows: pa.Table, *, merge: bool) -> int:
        complete: dict[SeriesKey, tuple[Span, ...]] = {}
        provisional: dict[SeriesKey, tuple[int, ...]] = {}
        for batch in batches:
            complete[batch.key] = union((*complete.get(batch.key, ()), batch.span))
            if replaced := self._provisional_in(batch):
                labels = self.coverage.provisional[batch.key]
                provisional[batch.key] = tuple(label for label in labels if label not in replaced)
        note = CommitNote(complete, provisional, max(batch.fetched_at for batch in batches))
        deletions = [row_key for batch in batches for row_key in self._dropped_keys(batch)]
        return self.write(note, rows, merge=merge, deletions=deletions)

    def _dropped_keys(self, batch: Batch) -> Iterator[dict[str, Any]]:
        """The keys of rows that are stored in the batch's span, and that the server does not have."""
        interval, market = batch.key
        if labels := self._stored_in(batch):
            for label in sorted(labels - set(map(micros, batch.rows["ts"].to_pylist()))):
                yield {"market_id": market, "interval": interval, "month": month_of(label), "ts": from_micros(label)}

    def write(
        self,
        note: CommitNote,
        rows: pa.Table,
        *,
        merge: bool,
        deletions: Sequence[Mapping[str, Any]] = (),
        months: Iterable[tuple[SeriesKey, str]] = (),
        with_snapshot: bool = False,
    ) -> int:
        """Write rows and their note in one commit.

        With ``merge``, rows with the same key are replaced, and rows with the keys in ``deletions`` are deleted.
        """
        properties = self.commit_properties(note, months, with_snapshot=with_snapshot)
        deltalake = require("deltalake", "store")
        if merge and (len(rows) or deletions):
            source = schema.merge_source(rows, deletions)
            values = {name: f"s.{name}" for name in rows.column_names}
            partitions = " AND ".join(
                sql_in(f"t.{name}", source[name].unique().to_pylist()) for name in ("market_id", "month")
            )
            merger = self.delta.merge(source, f"{SAME_KEY} AND {partitions}", "s", "t", commit_properties=properties)
            merger = merger.when_matched_delete("s.deleted").when_matched_update(values)
            with self.committing(properties):
                merger.when_not_matched_insert(values, "NOT s.deleted").execute()
        else:
            with self.committing(properties):
                deltalake.write_deltalake(self.delta, rows, mode="append", commit_properties=properties)
        return len(rows)

    def write_note(self, note: CommitNote, *, with_snapshot: bool = False) -> None:
        """Write a note in a commit without rows."""
        self.write(note, schema.rows_schema(self.endpoint).empty_table(), merge=False, with_snapshot=with_snapshot)

    def commit_properties(
        self, note: CommitNote, months: Iterable[tuple[SeriesKey, str]] = (), *, with_snapshot: bool = False
    ) -> Any:
        """The commit's note, and a guard for each month that no concurrent commit may touch: the note's, and ``months``."""
        deltalake = require("deltalake", "store")
        touched = {
            (key, month_of(start))
            for key, spans in (*note.complete.items(), *note.forgotten.items())
            for span in spans
            for start, _ in split_by_month(span)
        } | set(months)
        version = self.log.version
        guards = [
            deltalake.Transaction(f"{interval}/{market}/{month}", version + 1)
            for (interval, market), month in sorted(touched)
        ]
        is_due = with_snapshot or (version + 1) % SNAPSHOT_EVERY == 0
        snapshot = (version, self.coverage) if is_due else None
        return deltalake.CommitProperties(
            custom_metadata={METADATA_KEY: encode(note, snapshot), COMMIT_ID_KEY: uuid.uuid4().hex},
            app_transactions=guards,
        )

    def retry(self, attempt: Callable[[], T], size: int = 0) -> T:
        """Call ``attempt`` on the newest version, again each time another writer has committed first.

        ``size`` is roughly the number of bytes to write; it is checked against the space on a local disk.
        """
        conflict = require("deltalake.exceptions", "store").CommitFailedError
        self.check_store()
        with self.storage_errors():
            check_space(self.uri, size)
            for turn in range(MAX_COMMIT_ATTEMPTS):
                self.refresh()
                try:
                    return attempt()
                except conflict:
                    time.sleep(random.random() * min(0.02 * 2**turn, 1))
        raise StoreError(
            f"cannot commit to {self.uri}: other writers committed first {MAX_COMMIT_ATTEMPTS} times; try again later"
        )

    def read_rows(self, requested: Sequence[tuple[SeriesKey, Span]]) -> Iterator[pa.Table]:
        """The rows of each series and span, ascending, all from one version of the table."""
        pc = require("pyarrow.compute", "store")
        columns = schema.rows_schema(self.endpoint)
        markets = sorted({market for (_, market), _ in requested})
        months = sorted({month_of(start) for _, span in requested for start, _ in split_by_month(span)})
        first, last = min(span[0] for _, span in requested), max(span[1] for _, span in requested)
        with self.storage_errors(), data_errors(self.uri, self.storage_options):
            in_time = (pc.field("ts") >= from_micros(first)) & (pc.field("ts") < from_micros(last))
            rows = open_dataset(self.delta, markets, months).to_table(filter=in_time)
        rows = rows.select(columns.names).cast(columns).sort_by("ts")
        for (interval, market), span in requested:
            of_series = pc.and_(pc.equal(rows["interval"], interval), pc.equal(rows["market_id"], market))
            yield rows_between(rows.filter(of_series), *span)

    def series(self, market: str, interval: Interval, start: Instant, end: Instant) -> OpenInterestSeries:
        """Every row of the market with start <= ts < end, equal to the series that a fetch returns.

        Raises ``StoreError`` if a part of the span was not complete when the table was opened or last refreshed. A window
        with provisional rows is never complete.
        """
        request = plan(self.endpoint, interval, to_instant(start, "start"), to_instant(end, "end"))
        key, width = (request.interval, check_market(market)), WIDTHS[request.interval]
        span = ceil(micros(request.start), width), ceil(micros(request.end), width)
        check_complete(self.uri, self.coverage, key, span)
        rows = next(self.read_rows([(key, span)]))
        return to_series(self.uri, self.endpoint, rows, key, request.start, request.end)

    @property
    def _restatements_uri(self) -> str:
        return f"{self.uri}/_restatements"

    def restatements(self) -> DeltaTable:
        """The table of restatements, created if there is none."""
        columns = partial(schema.restatements_schema, self.endpoint)
        return open_delta(self._restatements_uri, self.storage_options, schema.RESTATEMENTS_NAME, columns, create=True)

    def has_restatements(self) -> bool:
        """True if a restatement was ever written."""
        return is_delta(self._restatements_uri, self.storage_options)


def peek_coverage(
    uri: str | PathLike[str], storage_options: Mapping[str, str] | None = None, endpoint: Endpoint = OPEN_INTEREST
) -> Coverage:
    """The coverage of a table, empty if there is none yet. Creates nothing. Raises ``StoreError``."""
    address = table_uri(uri)
    if not is_occupied(address) and not is_delta(address, storage_options):
        return Coverage()
    return Table(uri, endpoint=endpoint, storage_options=storage_options).coverage
