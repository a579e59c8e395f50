"""How far a call is, as its ``progress=`` callback gets it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias


class FetchProgress(NamedTuple):
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


class Tracker:
    """Adds up the progress of the markets of a call.

    ``windows`` are the planned windows of one market, ``began`` is by `circuit.monotonic`.
    """

    def __init__(self, report: OnProgress, windows: int, began: float) -> None:
        self._report, self._windows, self._began = report, windows, began
        self.markets = 1
        self.requests = 0
        self._done = self._rows = 0

    def add(self, done: int, rows: int, now: float) -> None:
        """Count windows and rows, and report."""
        self._done += done
        self._rows += rows
        planned = self._windows * self.markets
        self._report(FetchProgress(self._done, planned, self._rows, self.requests, now - self._began))
