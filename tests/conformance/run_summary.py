"""The totals of a run: requests, pages, rows, and which clauses of the specification were tested."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from .response import Page, UnreadableError


@dataclass
class RunSummary:
    """The totals of a run. Under pytest-xdist each worker has its own, and `add` merges them."""

    requests: int = 0
    pages: int = 0
    pages_with_rows: int = 0
    rows: int = 0
    errors: int = 0
    """Responses with a 4xx status."""
    clauses: set[str] = field(default_factory=set)
    unknown_fields: set[str] = field(default_factory=set)

    def count(self, pages: Iterable[Page]) -> None:
        """Add ``pages``. A page that cannot be read counts as one without rows."""
        for page in pages:
            self.pages += 1
            try:
                rows = len(page.rows)
            except UnreadableError:
                continue
            self.pages_with_rows += rows > 0
            self.rows += rows

    def add(self, other: RunSummary) -> None:
        """Add the totals of another worker."""
        self.requests += other.requests
        self.pages += other.pages
        self.pages_with_rows += other.pages_with_rows
        self.rows += other.rows
        self.errors += other.errors
        self.clauses |= other.clauses
        self.unknown_fields |= other.unknown_fields

    def to_plain(self) -> dict[str, Any]:
        """The summary as numbers, lists and strings, which pytest-xdist can send between processes."""
        return {name: sorted(value) if isinstance(value, set) else value for name, value in vars(self).items()}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> RunSummary:
        """The summary that `to_plain` was called on."""
        fields: dict[str, Any] = {name: set(v) if isinstance(v, list) else v for name, v in plain.items()}
        return cls(**fields)

    def lines(self, clause_count: int) -> list[str]:
        """The report; ``clause_count`` is the number of clauses in the specification."""
        lines = [
            f"{self.requests} requests: {self.pages} pages ({self.pages_with_rows} with rows), {self.errors} errors",
            f"{self.rows} rows, {len(self.clauses)} of {clause_count} clauses tested",
        ]
        if self.unknown_fields:
            lines.append(f"undocumented fields: {', '.join(sorted(self.unknown_fields))}")
        return lines
