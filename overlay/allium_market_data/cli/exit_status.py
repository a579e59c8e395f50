"""What the exit status of a command means. A scheduler decides by it; ``--json`` names it as ``status``.

The numbers are stable. Those from 10 on are used by the commands of the table, and those from 3 to 9 by ``drift``.
"""

from __future__ import annotations

import signal
import threading
from enum import IntEnum

from ..errors import (
    AlliumError,
    AuthenticationError,
    BudgetError,
    PermissionDeniedError,
    RateLimitedError,
    ServerError,
    StoreError,
    TransportError,
    UsageError,
)


class ExitStatus(IntEnum):
    """How a command ended."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    PARTLY = 10
    KEY_REFUSED = 11
    SERVER_DOWN = 12
    BUDGET_SPENT = 13
    TABLE_UNUSABLE = 14
    CHECK_FAILED = 15
    INTERRUPTED = 130
    TERMINATED = 143

    def __str__(self) -> str:
        return self.name.lower()


class PartlyError(AlliumError):
    """Some markets failed; everything of the others is done."""


class CheckError(AlliumError):
    """``status`` or ``verify`` found what it was asked to look for."""


_BY_ERROR = (
    (PartlyError, ExitStatus.PARTLY),
    ((AuthenticationError, PermissionDeniedError), ExitStatus.KEY_REFUSED),
    ((ServerError, TransportError, RateLimitedError), ExitStatus.SERVER_DOWN),
    (BudgetError, ExitStatus.BUDGET_SPENT),
    (StoreError, ExitStatus.TABLE_UNUSABLE),
    (CheckError, ExitStatus.CHECK_FAILED),
)
"""The first that matches counts: a ``BudgetError`` is a ``StoreError`` too."""

_terminated = threading.Event()


def plain_status(error: BaseException) -> ExitStatus:
    """The exit status of a command that ended with this error."""
    if isinstance(error, KeyboardInterrupt):
        return ExitStatus.TERMINATED if _terminated.is_set() else ExitStatus.INTERRUPTED
    return ExitStatus.USAGE if isinstance(error, UsageError) else ExitStatus.FAILED


def table_status(error: BaseException) -> ExitStatus:
    """The exit status of a command of the table, which says more."""
    return next((status for kinds, status in _BY_ERROR if isinstance(error, kinds)), plain_status(error))


def interrupt_on_sigterm() -> None:
    """Let SIGTERM end this process as Ctrl-C does, with another exit status."""

    def terminate(*_: object) -> None:
        _terminated.set()
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, terminate)
