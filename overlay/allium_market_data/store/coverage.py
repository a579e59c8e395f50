"""Which windows of a table are complete.

Every commit of this package lists in its commit record (``commitInfo``, under the key ``allium_md``) the windows that it
completes. Rows and record are one transaction, so a crash leaves both or neither. The record is not a row of the table,
because bookkeeping rows would mislead other engines, and not a second table, because Delta has no transactions over two
tables. Delta itself never cleans the log (see ``schema.CONFIGURATION``); ``log_cleanup`` does. Every 10th commit also
carries the coverage of all commits before it, so opening a table reads few commits.

Concurrent writers: each commit also names, as Delta's application transactions, every (interval, market, month) that it
touches. Of two commits that start from one version and name the same one, Delta rejects the second. That writer reads the
log again and leaves out the rows that the first has committed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, cast

from ..model.intervals import Interval
from .spans import Span, Spans, overlaps, remove, union

METADATA_KEY: Final = "allium_md"
COMMIT_ID_KEY: Final = "allium_md_commit"
"""The key of a commit's identifier in its record. A writer reads it back to see that nobody replaced its commit."""
SNAPSHOT_EVERY: Final = 10
"""One commit in this many carries the coverage of all commits before it."""

SeriesKey: TypeAlias = tuple[Interval, str]
"""The interval and the market of a series."""


@dataclass(frozen=True, slots=True)
class CommitNote:
    """What one commit changes: windows that it completes, provisional rows, and the time of its fetch.

    ``provisional`` has the labels of all rows of a series that may still change: those marked as provisional, and the newest
    row of a watch until a later one confirms it. It replaces the earlier labels of that series.
    ``forgotten`` has windows that are no longer complete, although rows may be there; completing them again ends that.
    ``retired`` has markets that updates leave out, or with ``False`` no longer leave out.
    ``first`` has where the rows of a series begin, by a search; earlier windows were not requested, and are not complete.
    """

    complete: Mapping[SeriesKey, Spans] = field(default_factory=dict)
    provisional: Mapping[SeriesKey, tuple[int, ...]] = field(default_factory=dict)
    fetched_at: int = 0
    forgotten: Mapping[SeriesKey, Spans] = field(default_factory=dict)
    retired: Mapping[str, bool] = field(default_factory=dict)
    first: Mapping[SeriesKey, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Coverage(CommitNote):
    """All commit notes combined. A window is complete or forgotten, not both. ``retired`` has only retired markets."""

    def add(self, note: CommitNote) -> Coverage:
        """This coverage after one more commit."""
        complete, forgotten = dict(self.complete), dict(self.forgotten)
        for key, spans in note.forgotten.items():
            complete[key] = remove(complete.get(key, ()), spans)
            forgotten[key] = union((*forgotten.get(key, ()), *spans))
        for key, spans in note.complete.items():
            complete[key] = union((*complete.get(key, ()), *spans))
            forgotten[key] = remove(forgotten.get(key, ()), spans)
        complete, forgotten = ({key: spans for key, spans in part.items() if spans} for part in (complete, forgotten))
        retired = {market: flag for market, flag in {**self.retired, **note.retired}.items() if flag}
        provisional = {key: labels for key, labels in {**self.provisional, **note.provisional}.items() if labels}
        lost = {key for key, spans in note.forgotten.items() if spans and spans[0][0] < self.first.get(key, 0)}
        first = {key: at for key, at in {**self.first, **note.first}.items() if key not in lost}
        return Coverage(complete, provisional, max(self.fetched_at, note.fetched_at), forgotten, retired, first)

    @property
    def keys(self) -> set[SeriesKey]:
        """Every series of the table."""
        return {*self.complete, *self.provisional, *self.forgotten}

    def may_have_rows(self, key: SeriesKey, span: Span) -> bool:
        """True if the table can have rows of the series in the span."""
        return (
            overlaps(self.complete.get(key, ()), span)
            or overlaps(self.forgotten.get(key, ()), span)
            or any(span[0] <= label < span[1] for label in self.provisional.get(key, ()))
        )

    def end_of(self, key: SeriesKey) -> int | None:
        """The end of the last complete window of a series."""
        spans = self.complete.get(key)
        return spans[-1][1] if spans else None


def encode(note: CommitNote, snapshot: tuple[int, Coverage] | None = None) -> str:
    """The text of a commit record. ``snapshot`` is a version and the coverage at it."""
    content: dict[str, Any] = _to_json(note)
    if snapshot is not None:
        content["sum"] = {"version": snapshot[0], **_to_json(snapshot[1])}
    return json.dumps(content, separators=(",", ":"), sort_keys=True)


def _to_json(note: CommitNote) -> dict[str, Any]:
    content: dict[str, Any] = {
        "complete": [[*key, *span] for key, spans in note.complete.items() for span in spans],
        "provisional": [[*key, list(labels)] for key, labels in note.provisional.items()],
        "fetched_at": note.fetched_at,
    }
    if note.forgotten:
        content["forgotten"] = [[*key, *span] for key, spans in note.forgotten.items() for span in spans]
    if note.retired:
        content["retired"] = dict(note.retired)
    if note.first:
        content["first"] = [[*key, at] for key, at in note.first.items()]
    return content


def _spans_from_json(rows: Iterable[Any]) -> dict[SeriesKey, Spans]:
    spans: dict[SeriesKey, list[Span]] = {}
    for interval, market, start, end in rows:
        spans.setdefault((cast("Interval", interval), market), []).append((start, end))
    return {key: union(parts) for key, parts in spans.items()}


def _from_json(content: Mapping[str, Any]) -> Coverage:
    provisional = {(cast("Interval", i), market): tuple(labels) for i, market, labels in content["provisional"]}
    complete, forgotten = (_spans_from_json(content.get(name, ())) for name in ("complete", "forgotten"))
    first = {(cast("Interval", interval), market): at for interval, market, at in content.get("first", ())}
    return Coverage(complete, provisional, content["fetched_at"], forgotten, content.get("retired", {}), first)


def replay(coverage: Coverage, commits: Iterable[Mapping[str, Any]]) -> Coverage:
    """The coverage after more commits, oldest first, in the format of Delta's history."""
    for commit in commits:
        if METADATA_KEY in commit:
            coverage = coverage.add(_from_json(json.loads(commit[METADATA_KEY])))
    return coverage


def find_snapshot(commits: Iterable[Mapping[str, Any]]) -> tuple[int, Coverage] | None:
    """The newest snapshot among commits, newest first: its version, and the coverage at that version."""
    for commit in commits:
        content = json.loads(commit[METADATA_KEY]) if METADATA_KEY in commit else {}
        if "sum" in content:
            return content["sum"]["version"], _from_json(content["sum"])
    return None
