"""The coverage of a table, read from Delta's log while other processes commit."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import StoreError
from ..optional import require
from .coverage import COMMIT_ID_KEY, SNAPSHOT_EVERY, Coverage, find_snapshot, replay
from .foreign import describe_forgotten, foreign_note, is_foreign

if TYPE_CHECKING:
    from deltalake import DeltaTable

logger = logging.getLogger("allium_market_data.store")


@dataclass
class CoverageLog:
    """The coverage of ``delta`` at ``version``, the newest version that was read."""

    delta: DeltaTable
    uri: str
    storage_options: Mapping[str, str] | None = None
    version: int = -1
    coverage: Coverage = field(default_factory=Coverage)
    newest: list[dict[str, Any]] = field(default_factory=list)
    """The commits that the last refresh added, oldest first; empty after the first."""
    others: int = 0
    """The number of commits after the first refresh that this object did not confirm: those of other writers."""

    @contextmanager
    def committing(self, commit_id: str) -> Iterator[None]:
        """Commit in the block; then it is read back. Raises ``StoreError`` if another writer has replaced it.

        A store that has written a commit, but answered with an error, refuses the engine's next try. The engine raises that
        as a conflict, although the commit has succeeded.
        """
        try:
            yield
        except require("deltalake.exceptions", "store").CommitFailedError:
            if not self._find(commit_id):
                raise
        else:
            if not self._find(commit_id):
                raise StoreError(
                    f"a commit to {self.uri} was replaced by another writer's: the store does not protect concurrent "
                    "commits, and rows are missing that earlier runs reported; use another store (store/README.md names "
                    "some), and fetch the table again there"
                )

    def _find(self, commit_id: str) -> bool:
        """Load the commits since the last refresh. True if one of them has this identifier, and so is by this object."""
        self.refresh()
        is_found = any(commit.get(COMMIT_ID_KEY) == commit_id for commit in self.newest)
        self.others -= is_found
        return is_found

    def refresh(self) -> Coverage:
        """Load the commits of other writers.

        Delta's history starts at the newest commit and counts version numbers down from the loaded version, so they are
        right only while both are the same. If another commit lands during the read, the log is read again.
        """
        self.delta.update_incremental()
        while True:
            version = self.delta.version()
            coverage, commits = self.coverage, list[dict[str, Any]]()
            if version > self.version >= 0:
                commits = self._read_commits(self.version, version)
            if commits:
                coverage = self._replay(coverage, commits)
            elif version != self.version:
                coverage = self._read_all(version)
            self.delta.update_incremental()
            if self.delta.version() == version:
                self.others += version - max(self.version, 0)
                self.coverage, self.version, self.newest = coverage, version, commits
                return coverage

    def _read_all(self, version: int) -> Coverage:
        """The coverage at a version: the newest snapshot before it, and the commits after the snapshot."""
        limit = SNAPSHOT_EVERY + 10
        while True:
            commits = self.delta.history(limit)
            with self._note_errors():
                snapshot = find_snapshot(commit for commit in commits if commit["version"] <= version)
            if snapshot is not None or len(commits) < limit:
                since, coverage = snapshot or (-1, Coverage())
                later = [commit for commit in commits if since < commit["version"] <= version][::-1]
                if len(later) < version - since:
                    later = self._read_commits(since, version)
                if len(later) < version - since:
                    raise StoreError(
                        f"the log of {self.uri} is truncated: its complete windows cannot be determined any more"
                    )
                return self._replay(coverage, later)
            limit *= 4

    @contextmanager
    def _note_errors(self) -> Iterator[None]:
        """Turn errors of reading the notes of commits into a ``StoreError``."""
        try:
            yield
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f"the complete windows in the log of {self.uri} cannot be read: another release wrote them, or they are "
                "damaged; use a matching release, or another folder"
            ) from error

    def _replay(self, coverage: Coverage, commits: Iterable[dict[str, Any]]) -> Coverage:
        """The coverage after more commits. Months that other tools touch are not complete any more."""
        for commit in commits:
            if is_foreign(commit):
                note = foreign_note(self.uri, commit, self.storage_options)
                if note.forgotten:
                    logger.warning(describe_forgotten(self.uri, commit["version"], commit["operation"], note.forgotten))
                coverage = coverage.add(note)
            else:
                with self._note_errors():
                    coverage = replay(coverage, [commit])
        return coverage

    def _read_commits(self, after: int, version: int) -> list[dict[str, Any]]:
        """Every commit with after < its version <= version, oldest first; none if some of them were deleted."""
        limit = version - after
        while True:
            commits = self.delta.history(limit)
            requested = [commit for commit in commits if after < commit["version"] <= version]
            if len(requested) == version - after:
                return requested[::-1]
            if len(commits) < limit:
                return []
            limit = 2 * limit + 10
