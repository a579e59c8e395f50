"""How a server is, as far as one client knows, and who may ask it: a gate that all windows of all markets share. No I/O.

While all is well nobody waits here. When it is not, or not known yet, one request at a time is under way, the *prober's*;
everybody else waits for what becomes of it. So a dead server is asked as often as one window may ask it, and no more.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import suppress
from copy import copy
from dataclasses import dataclass

from ..errors import AuthenticationError, FetchError
from .retry import is_transient


@dataclass(eq=False, slots=True)
class Call:
    """One call of a user, over all of its windows and markets: when it must be over, and what ended it."""

    until: float | None = None
    """By `time.monotonic`; None for never."""
    failure: FetchError | None = None

    def is_over_in(self, seconds: float) -> bool:
        """Whether its deadline comes before so many seconds have passed."""
        return self.until is not None and time.monotonic() + seconds > self.until


@dataclass(eq=False, slots=True)
class Ticket:
    """One window on its way through the gate, from its first attempt to its last."""

    call: Call
    verdicts: int
    """How many verdicts there had been when it came: one more, and it is about this ticket too."""
    resume: float = 0.0
    """The server asked to be left alone until then, by `time.monotonic`."""
    is_hurried: bool = False
    """It gave up for its own deadline, which says nothing about the server."""
    is_told: bool = False
    """It was told how another one ended, and has nothing to try again."""


class CircuitBreaker:
    """The gate. Nothing is known of the server at first, and when a ticket ended in an error. Belongs to one event loop.

    The prober is the first who comes when nothing is known, or the first who meets a passing failure when all was well.
    If it gets a usable answer, all is well. If it has used up its attempts, or the key is refused, that is the *verdict*,
    and everyone who waits raises it too. If it ends in another way, the next in the row takes its place.
    """

    def __init__(self) -> None:
        self.well = False
        self._prober: Ticket | None = None
        self._row: deque[asyncio.Future[None]] = deque()
        self._resume = 0.0
        self._verdict: FetchError | None = None
        self._verdicts = 0

    def ticket(self, call: Call) -> Ticket:
        """A ticket that begins now."""
        return Ticket(call, self._verdicts)

    def may_send(self, ticket: Ticket) -> bool:
        """Whether it need not wait at the gate."""
        return (self.well or self._prober is ticket) and ticket.call.failure is None

    async def admit(self, ticket: Ticket) -> None:
        """Wait until the ticket may send. Raises the verdict, or what ended its call in the meantime."""
        try:
            while not self.may_send(ticket):
                if failure := self._ended(ticket):
                    ticket.is_told = True
                    raise copy(failure)
                if self._prober is None:
                    self._prober = ticket
                else:
                    await self._wait()
            if self._prober is ticket:
                await self._rest()
        except BaseException:
            if self._prober is None:
                self._wake_next()  # it may have been this one's turn
            raise

    def _ended(self, ticket: Ticket) -> FetchError | None:
        return ticket.call.failure or (self._verdict if ticket.verdicts != self._verdicts else None)

    async def _rest(self) -> None:
        """Until the server may be asked again. Others may hear of a later moment meanwhile."""
        rest = self._resume - time.monotonic()
        if rest > 0:
            await asyncio.sleep(rest)
            await self._rest()

    async def _wait(self) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._row.append(turn)
        try:
            await turn
        finally:
            with suppress(ValueError):
                self._row.remove(turn)

    def succeeded(self, ticket: Ticket) -> None:
        """A usable answer. From the prober it opens the gate; from one that was sent before the trouble, it says nothing."""
        if self._prober is ticket:
            self.well, self._prober, self._resume = True, None, 0.0
            self._wake_all()

    def trouble(self, ticket: Ticket, wait: float | None) -> bool:
        """A failure that may pass; ``wait`` are the seconds that the server asks for. Whether the ticket is the prober."""
        if self.well or (self._prober is None and ticket.verdicts == self._verdicts):
            self.well, self._prober = False, ticket
        is_prober = self._prober is ticket
        if wait is not None and is_prober:
            ticket.resume = time.monotonic() + wait  # it waits by itself: this is for who takes its place
        elif wait is not None:
            self._resume = max(self._resume, time.monotonic() + wait)
        return is_prober

    def give_up(self, ticket: Ticket, error: FetchError) -> None:
        """The ticket ends in an error, and its call with it. It may be the verdict for all."""
        bare = copy(error)  # without its traceback, which holds half of the program
        ticket.call.failure = ticket.call.failure or bare
        spent = self._prober is ticket and is_transient(error) and not ticket.is_hurried
        if spent or (isinstance(error, AuthenticationError) and not ticket.is_told):
            self.well, self._prober, self._resume = False, None, 0.0
            self._verdict, self._verdicts = bare, self._verdicts + 1
            self._wake_all()
        elif not ticket.is_told:
            self.well = False  # it may be so for the others too: one of them at a time shall find out

    def leave(self, ticket: Ticket) -> None:
        """The ticket is over, however it ended. A prober that leaves the question open hands it on."""
        if self._prober is ticket:
            self._prober = None
            self._resume = max(self._resume, ticket.resume) if self._row else 0.0
            self._wake_next()

    def _wake_next(self) -> None:
        while self._row:
            turn = self._row.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    def _wake_all(self) -> None:
        while self._row:
            self._wake_next()
