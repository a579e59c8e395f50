"""The totals of a run: requests, pages, rows, and which clauses of the specification were tested."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
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
    troubles: dict[str, int] = field(default_factory=dict)
    """Answers with a 5xx and broken connections, by status or error."""
    retries: int = 0
    waits: int = 0
    waited: int = 0
    """Seconds that the server asked to wait."""
    clauses: set[str] = field(default_factory=set)
    """The clauses of the tests that passed."""
    undecided: dict[str, str] = field(default_factory=dict)
    """The reasons of the tests that were not shown or not asked, by outcome and test."""
    is_incomplete: bool = False
    """True if a test was not shown, or not asked although the options do not leave it out."""
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
        for name, value in vars(other).items():
            mine = getattr(self, name)
            setattr(self, name, mine | value if isinstance(value, bool | set | dict) else mine + value)

    def to_plain(self) -> dict[str, Any]:
        """The summary as numbers, lists and strings, which pytest-xdist can send between processes."""
        return {name: sorted(value) if isinstance(value, set) else value for name, value in vars(self).items()}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> RunSummary:
        """The summary that `to_plain` was called on."""
        fields: dict[str, Any] = {name: set(v) if isinstance(v, list) else v for name, v in plain.items()}
        return cls(**fields)

    def lines(self, clauses: Collection[str]) -> Iterator[str]:
        """The report; ``clauses`` are those of the specification."""
        yield f"{self.requests} requests: {self.pages} pages ({self.pages_with_rows} with rows), {self.errors} errors"
        yield f"{self.rows} rows, {len(self.clauses)} of {len(clauses)} clauses shown"
        if self.waits:
            yield f"waited {self.waited} s because {self.waits} answers were 429 or 503 with Retry-After"
        for trouble, count in sorted(self.troubles.items()):
            yield f"{count} of {self.requests} answers were {trouble}"
        if self.retries:
            yield f"{self.retries} of these requests were sent once more"
        if self.unknown_fields:
            yield f"undocumented fields: {', '.join(sorted(self.unknown_fields))}"
        for test, reason in sorted(self.undecided.items()):
            yield f"{test}: {reason}"
        if self.undecided and (missing := sorted(set(clauses) - self.clauses)):
            yield f"clauses that no test has shown: {', '.join(missing)}"
