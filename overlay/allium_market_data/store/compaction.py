"""Replace many small files of a table by few large ones. Rows and coverage stay the same.

Delta's own OPTIMIZE (delta-rs 1.6) does not detect a conflict between two that run at once, and then every row is there
twice. So partitions are read and replaced by an ordinary overwrite, which conflicts with any commit to the same partitions.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from os import PathLike
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import UsageError
from ..model.endpoint import OPEN_INTEREST, Endpoint
from ..optional import require
from .coverage import CommitNote
from .log_cleanup import clean_log
from .reading import data_errors, open_dataset, sql_in
from .schema import is_partition
from .table import Table

if TYPE_CHECKING:
    from deltalake import DeltaTable

SMALL_FILE_BYTES = 32 * 2**20
COMMIT_ROWS = 1_000_000

MIN_VACUUM_AGE = timedelta(days=1)
"""A reader may still be using a younger file that was replaced."""


@dataclass(frozen=True, slots=True)
class CompactionResult:
    """The number of files that were replaced, of the files that replaced them, and of old files that were deleted."""

    before: int = 0
    after: int = 0
    deleted: int = 0


def compact(
    table: str | PathLike[str],
    *,
    vacuum: timedelta | None = None,
    endpoint: Endpoint = OPEN_INTEREST,
    storage_options: dict[str, str] | None = None,
) -> CompactionResult:
    """Merge the small files of each partition, of the restatements too. Other processes may read and write meanwhile.

    Replaced files stay on disk, for running readers and for Delta's older versions. ``vacuum`` deletes those that are
    older than that, and the files of the log of such versions; it must be at least a day. Raises ``UsageError`` and
    ``StoreError``.
    """
    if vacuum is not None and vacuum < MIN_VACUUM_AGE:
        raise UsageError(f"vacuum must be a day or more, not {vacuum}: younger files may still be read")
    store = Table(table, endpoint=endpoint, storage_options=storage_options)
    before, after = _compact(store, lambda: store.delta, store.commit_properties)
    restatements = [store.restatements()] if store.has_restatements() else []
    if restatements:
        more_before, more_after = _compact(store, store.restatements, lambda *_: None)
        before, after = before + more_before, after + more_after
    deleted = 0
    if vacuum is not None:
        options = {"retention_hours": int(vacuum / timedelta(hours=1)), "dry_run": False, "full": True}
        store.refresh()
        with store.storage_errors():
            for delta in (store.delta, *restatements):
                deleted += len(delta.vacuum(**options, enforce_retention_duration=False))
        deleted += clean_log(store, vacuum)
    return CompactionResult(before, after, deleted)


def limit_files(store: Table, most: int, at_once: int | None = None) -> CompactionResult:
    """Merge the small files of each month of a market that has more than ``most``, so that later commits and reads stay fast.

    With ``at_once``, at most this number of months: those with the most files.
    """
    return CompactionResult(*_compact(store, lambda: store.delta, store.commit_properties, most, at_once))


class SmallFiles(NamedTuple):
    """A month of a market that has several small files of one interval; files and rows are of all its intervals."""

    month: str
    market_id: str
    intervals: tuple[str, ...]
    files: int
    rows: int


def find_small_files(delta: DeltaTable, more_than: int = 1) -> list[SmallFiles]:
    """The months of markets with more than this many small files of one interval, in order."""
    actions = delta.get_add_actions(flatten=True)
    names = ("partition.month", "partition.market_id", "partition.interval", "size_bytes", "num_records")
    files: dict[tuple[str, str], list[tuple[str, int, int]]] = defaultdict(list)
    for month, market, *file in zip(*(actions.column(name).to_pylist() for name in names), strict=True):
        if is_partition(file[0], market, month):
            files[month, market].append((file[0], file[1], file[2]))
    months = []
    for (month, market), of_month in sorted(files.items()):
        small = Counter(interval for interval, size, _ in of_month if size < SMALL_FILE_BYTES)
        if max(small.values(), default=0) > more_than:
            intervals = tuple(sorted({interval for interval, _, _ in of_month}))
            months.append(SmallFiles(month, market, intervals, len(of_month), sum(rows for *_, rows in of_month)))
    return months


def fullest(months: Sequence[SmallFiles], count: int | None) -> list[SmallFiles]:
    """The ``count`` months with the most files, in the order of ``months``; all of them for ``None``."""
    chosen = set(sorted(months, key=lambda month: -month.files)[:count])
    return [month for month in months if month in chosen]


def group_by_commit(months: Sequence[SmallFiles]) -> Iterator[list[SmallFiles]]:
    """Groups of one month and about ``COMMIT_ROWS`` rows."""
    group: list[SmallFiles] = []
    for month in months:
        is_full = sum(member.rows for member in group) + month.rows > COMMIT_ROWS
        if group and (month.month != group[0].month or is_full):
            yield group
            group = []
        group.append(month)
    if group:
        yield group


def _compact(
    store: Table,
    open_table: Callable[[], DeltaTable],
    properties: Callable[..., Any],
    more_than: int = 1,
    at_once: int | None = None,
) -> tuple[int, int]:
    """Rewrite the months with small files. A group is rewritten again if another writer commits first."""
    before = after = 0
    for group in group_by_commit(fullest(find_small_files(open_table(), more_than), at_once)):

        def attempt(group: list[SmallFiles] = group) -> tuple[int, int]:
            months = [((interval, month.market_id), month.month) for month in group for interval in month.intervals]
            commit_properties = properties(CommitNote(), months)
            committing = nullcontext() if commit_properties is None else store.committing(commit_properties)
            return _rewrite(open_table(), store.storage_options, group, commit_properties, committing)

        removed, added = store.retry(attempt)
        before, after = before + removed, after + added
    return before, after


def _rewrite(
    delta: DeltaTable,
    options: dict[str, str] | None,
    group: Sequence[SmallFiles],
    properties: Any,
    committing: AbstractContextManager[None],
) -> tuple[int, int]:
    """Replace the files of each partition of the group by one. Returns the numbers of files removed and added."""
    month, markets = group[0].month, [member.market_id for member in group]
    with data_errors(delta.table_uri, options):
        rows = open_dataset(delta, markets, [month]).to_table()
    before = len(delta.file_uris())
    with committing:
        require("deltalake", "store").write_deltalake(
            delta,
            rows.sort_by([(name, "ascending") for name in ("interval", "market_id", "ts")]),
            mode="overwrite",
            predicate=sql_in("month", [month]) + " AND " + sql_in("market_id", markets),
            commit_properties=properties,
        )
    removed = sum(member.files for member in group)
    return removed, len(delta.file_uris()) - before + removed
