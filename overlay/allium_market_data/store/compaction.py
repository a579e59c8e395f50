"""Many small files of a table made few large ones. The rows stay, and so does what is known to be complete.

Delta's own way (OPTIMIZE, as delta-rs 1.6 has it) sees no conflict between two of its kind, and then every row stands there
twice. So partitions are read and replaced by an ordinary overwrite, which conflicts with whatever touches the same ones.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from os import PathLike
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import UsageError
from ..optional import require
from .coverage import Note
from .storage import reported
from .table import Table, among, partitions

if TYPE_CHECKING:
    from deltalake import DeltaTable

SMALL = 32 * 2**20
"""Files under so many bytes are put together."""

ROWS = 1_000_000
"""About so many rows are read and written in one commit."""

SOONEST = timedelta(days=1)
"""Files that no version needs any more stay at least so long: a reader may still be at them."""


@dataclass(frozen=True, slots=True)
class Compacted:
    """How many files were put together, how many came of them, and how many old ones were deleted."""

    before: int = 0
    after: int = 0
    deleted: int = 0


def compact(
    table: str | PathLike[str], *, vacuum: timedelta | None = None, storage_options: dict[str, str] | None = None
) -> Compacted:
    """Put the small files of each partition together, the restatements' too.

    Others may read and write meanwhile. Old files stay for whoever reads them, and for Delta's older versions, unless
    ``vacuum`` says how old they must be to be deleted, a day at least. Raises ``UsageError`` and ``StoreError``.
    """
    if vacuum is not None and vacuum < SOONEST:
        raise UsageError(f"vacuum must be a day or more, not {vacuum}: somebody may be reading what is younger")
    store = Table(table, options=storage_options)
    before, after = _all(store, lambda: store.delta, store.properties)
    beside = [store.restatements()] if store.has_restatements() else []
    if beside:
        more, less = _all(store, store.restatements, lambda *_: None)
        before, after = before + more, after + less
    deleted = 0
    if vacuum is not None:
        options = {"retention_hours": int(vacuum / timedelta(hours=1)), "dry_run": False, "full": True}
        store.refresh()
        with reported(store.uri):
            for delta in (store.delta, *beside):
                deleted += len(delta.vacuum(**options, enforce_retention_duration=False))
    return Compacted(before, after, deleted)


class Crowd(NamedTuple):
    """A market's month with several small files of one interval: so many files and rows, of all its intervals."""

    month: str
    market_id: str
    intervals: tuple[str, ...]
    files: int
    rows: int


def crowded(delta: DeltaTable, most: int = 1) -> list[Crowd]:
    """The months of markets with more than so many small files of one interval, in order."""
    actions = delta.get_add_actions(flatten=True)
    names = ("partition.month", "partition.market_id", "partition.interval", "size_bytes", "num_records")
    found: dict[tuple[str, str], list[tuple[str, int, int]]] = defaultdict(list)
    for month, market, *file in zip(*(actions.column(name).to_pylist() for name in names), strict=True):
        found[month, market].append((file[0], file[1], file[2]))
    crowds = []
    for (month, market), files in sorted(found.items()):
        small = Counter(interval for interval, size, _ in files if size < SMALL)
        if max(small.values(), default=0) > most:
            intervals = tuple(sorted({interval for interval, _, _ in files}))
            crowds.append(Crowd(month, market, intervals, len(files), sum(rows for *_, rows in files)))
    return crowds


def batches(crowds: Sequence[Crowd]) -> Iterator[list[Crowd]]:
    """Crowds of one month, about ``ROWS`` rows at a time. Pure."""
    batch: list[Crowd] = []
    for one in crowds:
        if batch and (one.month != batch[0].month or sum(other.rows for other in batch) + one.rows > ROWS):
            yield batch
            batch = []
        batch.append(one)
    if batch:
        yield batch


def _all(store: Table, opened: Callable[[], DeltaTable], properties: Callable[..., Any]) -> tuple[int, int]:
    """Rewrite what is crowded, batch by batch; a writer that comes first costs one of them another try."""
    before = after = 0
    for batch in batches(crowded(opened())):

        def attempt(batch: list[Crowd] = batch) -> tuple[int, int]:
            months = [((interval, one.market_id), one.month) for one in batch for interval in one.intervals]
            return _rewrite(opened(), batch, properties(Note(), months))

        removed, added = store.retrying(attempt)
        before, after = before + removed, after + added
    return before, after


def _rewrite(delta: DeltaTable, batch: Sequence[Crowd], properties: Any) -> tuple[int, int]:
    """Read some markets' month and put one file in the place of each partition's. Files removed and added."""
    month, markets = batch[0].month, [one.market_id for one in batch]
    rows = partitions(delta, markets, [month]).to_table()
    before = len(delta.file_uris())
    require("deltalake", "store").write_deltalake(
        delta,
        rows.sort_by([(name, "ascending") for name in ("interval", "market_id", "ts")]),
        mode="overwrite",
        predicate=among("month", [month]) + " AND " + among("market_id", markets),
        commit_properties=properties,
    )
    removed = sum(one.files for one in batch)
    return removed, len(delta.file_uris()) - before + removed
