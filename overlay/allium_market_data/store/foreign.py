"""Commits by other Delta tools: which months of which series they touch.

A delete, a repair or a restore removes rows without this package's record. The months that it touches are then not complete
any more, and a backfill fetches them again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias, cast

from ..model.intervals import Interval
from ..optional import require
from .coverage import METADATA_KEY, CommitNote, SeriesKey
from .schema import is_partition
from .spans import Span, Spans, month_span, union

HARMLESS: Final = frozenset({"CREATE TABLE", "VACUUM START", "VACUUM END", "SET TBLPROPERTIES"})
"""Operations that leave the rows as they are."""

COMPACTION: Final = "OPTIMIZE"
"""It should leave the rows as they are, but two at once double them in delta-rs 1.6."""


Partition: TypeAlias = tuple[str, ...]
"""The interval, the market and the month of a file."""


class _File(NamedTuple):
    path: str
    rows: int | None
    partition: Partition


def is_foreign(commit: Mapping[str, Any]) -> bool:
    """True if another tool made this commit, and it may have changed rows."""
    return METADATA_KEY not in commit and commit["version"] > 0 and commit.get("operation") not in HARMLESS


def foreign_note(uri: str, commit: Mapping[str, Any], storage_options: Mapping[str, str] | None) -> CommitNote:
    """The months whose files the commit added or removed, as forgotten windows; after a compaction, those with other counts."""
    version = commit["version"]
    before, after = (_files(uri, at, storage_options) for at in (version - 1, version))
    if commit.get("operation") == COMPACTION:
        old, new = _row_counts(before), _row_counts(after)
        touched = {partition for partition in {**old, **new} if old[partition] != new[partition]}
    else:
        touched = {file.partition for file in before ^ after}
    spans: dict[SeriesKey, list[Span]] = {}
    for interval, market, month in touched:
        spans.setdefault((cast("Interval", interval), market), []).append(month_span(month))
    return CommitNote(forgotten={key: union(parts) for key, parts in spans.items()})


def _row_counts(files: Iterable[_File]) -> Counter[Partition]:
    counts = Counter[Partition]()
    for file in files:
        counts[file.partition] += file.rows or 0
    return counts


def describe_forgotten(uri: str, version: int, operation: str, forgotten: Mapping[SeriesKey, Spans]) -> str:
    """A message about the commit."""
    listed = ", ".join(f"{market} {interval}" for interval, market in sorted(forgotten)[:3])
    more = f" and {len(forgotten) - 3} more" if len(forgotten) > 3 else ""
    return (
        f"{uri}: version {version} ({operation}) was written by another tool and touches {listed}{more}: "
        "those months no longer count as complete; fetch them again with allium-md backfill"
    )


def _files(uri: str, version: int, storage_options: Mapping[str, str] | None) -> set[_File]:
    delta = require("deltalake", "store").DeltaTable(
        uri, version=version, storage_options=dict(storage_options) if storage_options else None
    )
    actions = delta.get_add_actions(flatten=True)
    names = ("path", "num_records", "partition.interval", "partition.market_id", "partition.month")
    columns = [actions.column(name).to_pylist() for name in names]
    return {
        _File(path, rows, tuple(partition))
        for path, rows, *partition in zip(*columns, strict=True)
        if is_partition(*partition)
    }
