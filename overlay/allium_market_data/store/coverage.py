"""Which windows of a table are complete. Pure.

Every commit of ours says in its commit record (``commitInfo``, under the key ``allium_md``) which windows it completes: the
same transaction as the rows, so a crash leaves both or none. Why there: rows of bookkeeping among the rows of data would
mislead every engine that does not know of them, and Delta has no transaction over two tables. A commit record is read by
nobody but us, and the log is never cleaned (see ``schema.CONFIGURATION``). So that opening a table of many commits
stays cheap, every 50th commit carries the sum of all before it.

Against two writers: a commit also names, as Delta's application transactions, each (interval, market, month) that it
touches. Delta lets no two commits that began from one version name the same, so the second one fails, looks again, and
leaves out what the first has landed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, cast

from ..model.intervals import Interval
from .spans import Span, Spans, union

KEY: Final = "allium_md"
SUM_EVERY: Final = 50
"""Every so many commits, one carries the sum of those before it."""

Series: TypeAlias = tuple[Interval, str]
"""An interval and a market: what a window belongs to."""


@dataclass(frozen=True, slots=True)
class Note:
    """What one commit completes: windows, the labels of rows that it left provisional, and when it was fetched.

    ``provisional`` replaces what was known of the series that it names.
    """

    complete: Mapping[Series, Spans] = field(default_factory=dict)
    provisional: Mapping[Series, tuple[int, ...]] = field(default_factory=dict)
    fetched_at: int = 0


@dataclass(frozen=True, slots=True)
class Coverage:
    """The sum of all notes: what is complete, which rows are provisional, and when the newest were fetched."""

    complete: Mapping[Series, Spans] = field(default_factory=dict)
    provisional: Mapping[Series, tuple[int, ...]] = field(default_factory=dict)
    fetched_at: int = 0

    def plus(self, note: Note | Coverage) -> Coverage:
        """This coverage after one more commit."""
        complete = dict(self.complete)
        for series, spans in note.complete.items():
            complete[series] = union((*complete.get(series, ()), *spans))
        provisional = {**self.provisional, **note.provisional}
        return Coverage(complete, {s: t for s, t in provisional.items() if t}, max(self.fetched_at, note.fetched_at))

    def end(self, series: Series) -> int | None:
        """Where the last complete window of a series ends."""
        spans = self.complete.get(series)
        return spans[-1][1] if spans else None


def encode(note: Note, total: tuple[int, Coverage] | None = None) -> str:
    """A note as the text of a commit record, with the coverage as of a version where that is given."""
    said: dict[str, Any] = _plain(note)
    if total is not None:
        said["sum"] = {"version": total[0], **_plain(total[1])}
    return json.dumps(said, separators=(",", ":"), sort_keys=True)


def _plain(note: Note | Coverage) -> dict[str, Any]:
    return {
        "complete": [[*series, *span] for series, spans in note.complete.items() for span in spans],
        "provisional": [[*series, list(labels)] for series, labels in note.provisional.items()],
        "fetched_at": note.fetched_at,
    }


def _read(said: Mapping[str, Any]) -> Coverage:
    complete: dict[Series, list[Span]] = {}
    for interval, market, start, end in said["complete"]:
        complete.setdefault((cast("Interval", interval), market), []).append((start, end))
    provisional = {(cast("Interval", i), market): tuple(labels) for i, market, labels in said["provisional"]}
    return Coverage({series: union(spans) for series, spans in complete.items()}, provisional, said["fetched_at"])


def add_up(known: Coverage, commits: Iterable[Mapping[str, Any]]) -> Coverage:
    """The coverage after more commits, given oldest first as Delta's history tells them."""
    for commit in commits:
        if KEY in commit:
            known = known.plus(_read(json.loads(commit[KEY])))
    return known


def newest_sum(commits: Iterable[Mapping[str, Any]]) -> tuple[int, Coverage] | None:
    """The newest sum among commits, given newest first: the version that it is of, and the coverage there."""
    for commit in commits:
        said = json.loads(commit[KEY]) if KEY in commit else {}
        if "sum" in said:
            return said["sum"]["version"], _read(said["sum"])
    return None
