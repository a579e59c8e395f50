"""Commits by other Delta tools: which months of which series they touch.

A delete, a repair or a restore removes rows without this package's record. The months that it touches are then not complete
any more, and a backfill fetches them again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from ..model.intervals import Interval
from ..optional import require
from .coverage import METADATA_KEY, CommitNote, SeriesKey
from .spans import Span, Spans, month_span, union

HARMLESS: Final = frozenset({"CREATE TABLE", "OPTIMIZE", "VACUUM START", "VACUUM END", "SET TBLPROPERTIES"})
"""Operations that leave the rows as they are."""


def is_foreign(commit: Mapping[str, Any]) -> bool:
    """True if another tool made this commit, and it may have changed rows."""
    return METADATA_KEY not in commit and commit["version"] > 0 and commit.get("operation") not in HARMLESS


def foreign_note(uri: str, version: int, storage_options: Mapping[str, str] | None) -> CommitNote:
    """The months in which the commit of this version added or removed files, as forgotten windows."""
    before, after = (_files(uri, at, storage_options) for at in (version - 1, version))
    spans: dict[SeriesKey, list[Span]] = {}
    touched = {partition for path, partition in {**before, **after}.items() if (path in before) != (path in after)}
    for interval, market, month in touched:
        spans.setdefault((cast("Interval", interval), market), []).append(month_span(month))
    return CommitNote(forgotten={key: union(parts) for key, parts in spans.items()})


def describe_forgotten(uri: str, version: int, operation: str, forgotten: Mapping[SeriesKey, Spans]) -> str:
    """A message about the commit."""
    listed = ", ".join(f"{market} {interval}" for interval, market in sorted(forgotten)[:3])
    more = f" and {len(forgotten) - 3} more" if len(forgotten) > 3 else ""
    return (
        f"{uri}: version {version} ({operation}) was written by another tool and touches {listed}{more}: "
        "those months no longer count as complete; fetch them again with allium-md backfill"
    )


def _files(uri: str, version: int, storage_options: Mapping[str, str] | None) -> dict[str, tuple[str, str, str]]:
    delta = require("deltalake", "store").DeltaTable(
        uri, version=version, storage_options=dict(storage_options) if storage_options else None
    )
    actions = delta.get_add_actions(flatten=True)
    names = ("path", "partition.interval", "partition.market_id", "partition.month")
    columns = [actions.column(name).to_pylist() for name in names]
    return {path: (interval, market, month) for path, interval, market, month in zip(*columns, strict=True)}
