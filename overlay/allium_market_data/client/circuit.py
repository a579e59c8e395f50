"""A circuit breaker that all windows of all markets of a client share. No I/O.

While the circuit is closed, every request may be sent. While it is open, which it is until the first usable response and
after a failure, one request at a time is sent as a *probe*, and all others wait for its outcome. So a server that is
down gets the attempts of one window, and no more.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import suppress
from copy import copy
from dataclasses import dataclass

from ..errors import AuthenticationError, FetchError
from .progress import Tracker
from .retry import is_transient


def monotonic() -> float:
    """The clock of deadlines and pauses: the running loop's, which is ``time.monotonic`` unless a test replaces it."""
    try:
        return asyncio.get_running_loop().time()
    except RuntimeError:
        return time.monotonic()


@dataclass(eq=False, slots=True)
class Call:
    """One call of a user, over all of its windows and markets: its deadline, its progress, and the error that ended it."""

    deadline: float | None = None
    """By `monotonic`; None for none."""
    tracker: Tracker | None = None
    """Reports the progress; None if nobody wants to know."""
    error: FetchError | None = None

    def ends_within(self, seconds: float) -> bool:
        """True if the deadline is less than ``seconds`` away."""
        return self.deadline is not None and monotonic() + seconds > self.deadline

    def expect(self, markets: int) -> None:
        """Let the progress be that of this many markets."""
        if self.tracker is not None:
            self.tracker.markets = markets


@dataclass(eq=False, slots=True)
class Ticket:
    """One request as the circuit breaker knows it, over all of its attempts."""

    call: Call
    shared_errors: int
    """How many shared errors there were when the request began: a later one ends it too."""
    began: float
    """When the request began, by `monotonic`."""
    resume: float = 0.0
    """No request before this moment, by `monotonic`: the server's Retry-After."""
    is_out_of_time: bool = False
    """The deadline of its own call ended it, so its failure says nothing about the server."""
    is_ended_by_other: bool = False
    """Another request's error ended it, so it is not retried."""


class CircuitBreaker:
    """Decides which requests may be sent. Belongs to one event loop.

    The probe is the first request to come while the circuit is open, or the one whose transient failure opened it. A usable
    response closes the circuit. If the probe has used up its attempts, or any request finds the key refused, its error
    is shared: all requests that wait raise it. If the probe ends in any other way, the next that waits becomes the probe.
    """

    def __init__(self) -> None:
        self.is_closed = False
        self._probe: Ticket | None = None
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._resume = 0.0
        self._shared_error: FetchError | None = None
        self._shared_errors = 0

    def begin(self, call: Call) -> Ticket:
        """The ticket of a request that begins now."""
        return Ticket(call, self._shared_errors, monotonic())

    def may_send(self, ticket: Ticket) -> bool:
        """True if the request may be sent now."""
        return (self.is_closed or self._probe is ticket) and ticket.call.error is None

    async def admit(self, ticket: Ticket) -> None:
        """Wait until the request may be sent. Raises a shared error, or the error that ended its call in the meantime."""
        try:
            while not self.may_send(ticket):
                if error := self._error_for(ticket):
                    ticket.is_ended_by_other = True
                    raise copy(error)
                if self._probe is None:
                    self._probe = ticket
                else:
                    await self._wait()
            if self._probe is ticket:
                await self._pause()
        except BaseException:
            if self._probe is None:
                self._wake_next()  # this request may have been woken to become the probe
            raise

    def _error_for(self, ticket: Ticket) -> FetchError | None:
        return ticket.call.error or (self._shared_error if ticket.shared_errors != self._shared_errors else None)

    async def _pause(self) -> None:
        """Wait for the server's Retry-After, which may become longer meanwhile."""
        seconds = self._resume - monotonic()
        if seconds > 0:
            await asyncio.sleep(seconds)
            await self._pause()

    async def _wait(self) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        finally:
            with suppress(ValueError):
                self._waiting.remove(turn)

    def record_success(self, ticket: Ticket) -> None:
        """A usable response. Only the probe's closes the circuit: others were sent before it opened."""
        if self._probe is ticket:
            self.is_closed, self._probe, self._resume = True, None, 0.0
            self._wake_all()

    def record_failure(self, ticket: Ticket, wait: float | None) -> bool:
        """A transient failure, with the seconds of the server's Retry-After. True if the request is the probe now."""
        if self.is_closed or (self._probe is None and ticket.shared_errors == self._shared_errors):
            self.is_closed, self._probe = False, ticket
        is_probe = self._probe is ticket
        if wait is not None and is_probe:
            ticket.resume = monotonic() + wait  # the probe itself waits between its attempts: this is for its successor
        elif wait is not None:
            self._resume = max(self._resume, monotonic() + wait)
        return is_probe

    def record_error(self, ticket: Ticket, error: FetchError) -> None:
        """The request ends in an error, which ends its call, and may be shared with all that wait."""
        bare = copy(error)  # without its traceback, which keeps many frames alive
        ticket.call.error = ticket.call.error or bare
        is_exhausted = self._probe is ticket and is_transient(error) and not ticket.is_out_of_time
        if is_exhausted or (isinstance(error, AuthenticationError) and not ticket.is_ended_by_other):
            self.is_closed, self._probe, self._resume = False, None, 0.0
            self._shared_error, self._shared_errors = bare, self._shared_errors + 1
            self._wake_all()
        elif not ticket.is_ended_by_other:
            self.is_closed = False  # other requests may fail in the same way: a probe finds out

    def finish(self, ticket: Ticket) -> None:
        """The request is over, however it ended. A probe without an outcome passes its place on."""
        if self._probe is ticket:
            self._probe = None
            self._resume = max(self._resume, ticket.resume) if self._waiting else 0.0
            self._wake_next()

    def _wake_next(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    def _wake_all(self) -> None:
        while self._waiting:
            self._wake_next()
