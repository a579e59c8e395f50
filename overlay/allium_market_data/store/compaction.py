"""Many small files of a table made few large ones. The rows stay, and so does what is known to be complete."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from os import PathLike
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from .coverage import Note
from .table import Table, reported

if TYPE_CHECKING:
    from deltalake import DeltaTable

SMALL = 64 * 2**20
"""Files under so many bytes are put together, up to that size."""

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
    """Put the small files of each partition together, a commit a month of data, the restatements too.

    Others may read and write meanwhile. Old files stay for whoever reads them, and for Delta's older versions, unless
    ``vacuum`` says how old they must be to be deleted, a day at least. Raises ``UsageError`` and ``StoreError``.
    """
    if vacuum is not None and vacuum < SOONEST:
        raise UsageError(f"vacuum must be a day or more, not {vacuum}: somebody may be reading what is younger")
    store = Table(table, options=storage_options)
    before, after = _all_months(store, lambda: store.delta, lambda: store.properties(Note()))
    deleted = 0
    if store.has_restatements():
        more, less = _all_months(store, store.restatements, lambda: None)
        before, after = before + more, after + less
    if vacuum is not None:
        options = {"retention_hours": int(vacuum / timedelta(hours=1)), "dry_run": False, "full": True}
        store.refresh()
        with reported(store.uri):
            for delta in (store.delta, *([store.restatements()] if store.has_restatements() else [])):
                deleted += len(delta.vacuum(**options, enforce_retention_duration=False))
    return Compacted(before, after, deleted)


def _all_months(store: Table, opened: Callable[[], DeltaTable], properties: Callable[[], Any]) -> tuple[int, int]:
    """Compact month by month, so that a writer who comes first costs one of them another try."""
    before = after = 0
    for label in sorted({month for *_, month in crowded(opened())}):

        def attempt(label: str = label) -> dict[str, int]:
            optimizer = opened().optimize
            done: dict[str, int] = optimizer.compact(
                [("month", "=", label)], target_size=SMALL, commit_properties=properties()
            )
            return done

        done = store.retrying(attempt)
        before, after = before + done["numFilesRemoved"], after + done["numFilesAdded"]
    return before, after


def crowded(delta: DeltaTable, most: int = 1) -> list[tuple[str, str, str]]:
    """The partitions (interval, market, month) with more than so many small files."""
    actions = delta.get_add_actions(flatten=True)
    names = (*(f"partition.{name}" for name in ("interval", "market_id", "month")), "size_bytes")
    columns = [actions.column(name).to_pylist() for name in names]
    counts = Counter(tuple(part) for *part, size in zip(*columns, strict=True) if size < SMALL)
    return sorted(part for part, files in counts.items() if files > most)
