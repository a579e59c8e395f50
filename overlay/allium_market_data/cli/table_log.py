"""Lines on standard error: plain on a terminal, with time and level in a log. A run logs its progress once a minute."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from ..counts import counted
from ..model.times import to_iso
from ..sanitize import clean
from ..store.runner import Progress

SECONDS_BETWEEN = 60.0


def log(message: str, level: str = "INFO") -> None:
    """Print a line on standard error, with the time and the level unless it is a terminal."""
    prefix = "" if sys.stderr.isatty() else f"{to_iso(datetime.now(UTC).replace(microsecond=0))} {level} "
    print(prefix + clean(message), file=sys.stderr, flush=True)


@contextmanager
def store_warnings() -> Iterator[None]:
    """Log the warnings of the table in the block, such as those of another tool's commits, each once."""
    logger, handler = logging.getLogger("allium_market_data.store"), _Warnings()
    logger.addHandler(handler)
    logger.propagate = False  # --verbose would print them again
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = True


class _Warnings(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.logged: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if message not in self.logged:  # a command may open its table twice
            self.logged.add(message)
            log(message, record.levelname)


class ProgressLog:
    """Logs progress once a minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._logged = clock()

    def __call__(self, progress: Progress) -> None:
        """Log this progress if a minute has passed since the last line, or since the start."""
        if self._clock() - self._logged >= SECONDS_BETWEEN:
            self._logged = self._clock()
            log(describe(progress))


def describe(progress: Progress) -> str:
    """How far a run is, in one line."""
    rate = progress.requests / progress.seconds if progress.seconds else 0.0
    left = "" if progress.seconds_left is None else f", {_clock(progress.seconds_left)} left"
    return (
        f"{progress.done:,} of {counted(progress.tasks, 'window')}, {counted(progress.rows, 'row')}, "
        f"{counted(progress.requests, 'request')}, {rate:.1f} requests/s{left}"
    )


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
