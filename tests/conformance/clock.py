"""Time as the requester sees it: the machine's, or a virtual one that only waiting moves."""

from __future__ import annotations

import time


class Clock:
    """The clock of the machine, in seconds from any origin."""

    def time(self) -> float:
        """The current time."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


class VirtualClock(Clock):
    """A clock that stands still, except that `sleep` moves it at once."""

    def __init__(self) -> None:
        self.now = 0.0

    def time(self) -> float:
        """The virtual time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Move the clock."""
        self.now += seconds
