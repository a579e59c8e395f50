"""How far a call is, as its ``progress=`` callback gets it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class FetchProgress:
    """How far a call is, over all of its markets.

    ``done`` of the ``planned`` windows are complete. ``rows`` counts their rows, ``requests`` all requests so far, retries and
    refetches included, and ``seconds`` the time since the call began.
    """

    done: int
    planned: int
    rows: int
    requests: int
    seconds: float


OnProgress: TypeAlias = Callable[[FetchProgress], None]
"""Gets the progress of a call after each page of rows."""


@dataclass(slots=True)
class Tracker:
    """Adds up the progress of the markets of a call."""

    report: OnProgress
    windows: int
    """The planned windows of one market."""
    began: float
    """By `circuit.monotonic`."""
    markets: int = 1
    done: int = 0
    rows: int = 0
    requests: int = 0

    def add(self, done: int, rows: int, now: float) -> None:
        """Count windows and rows, and report."""
        self.done += done
        self.rows += rows
        planned = self.windows * self.markets
        self.report(FetchProgress(self.done, planned, self.rows, self.requests, now - self.began))
