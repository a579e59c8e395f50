"""How much data one test has seen, so that a test which saw too little is *not shown* instead of passed."""

from __future__ import annotations

from dataclasses import dataclass

from .outcomes import not_shown
from .response import Page


@dataclass
class SampleSize:
    """Counts the pages and rows that one test has looked at."""

    test: str
    pages: int = 0
    pages_with_rows: int = 0
    rows: int = 0

    def add(self, page: Page) -> Page:
        """Count ``page`` and return it."""
        self.pages += 1
        self.pages_with_rows += bool(page.rows)
        self.rows += len(page.rows)
        return page

    def require(self, pages: int, rows: int = 0) -> None:
        """End the test as not shown unless at least ``pages`` pages had rows, and ``rows`` rows in all."""
        if self.pages_with_rows < pages or self.rows < rows:
            not_shown(
                f"{self.test} needs {pages} responses with rows and {rows} rows in all; "
                f"the server returned {self.pages_with_rows} with rows (of {self.pages}) and {self.rows} rows"
            )
