"""One pace for a whole cluster: a plugin of the Dask scheduler that every request of every worker asks for its turn.

The scheduler is the one place that all workers share, so it counts: at most so many requests a second, at most so many in
a run, and none once the run is over, be it done, failed, interrupted, or left behind by a client that is gone. A worker
that dies takes at most its own turns along. The scheduler needs this package, but neither a key nor the table.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, Final

from distributed.diagnostics.plugin import SchedulerPlugin

GO: Final = "go"
SPENT: Final = "spent"
OVER: Final = "over"

LATE: Final = 0.02
"""Seconds by which a turn may be made up for that came late. More would let a burst follow a busy moment."""


@dataclass
class Run:
    """One backfill: whose it is, what it may do, what it did, and which markets the server does not know."""

    client: str
    rate: float | None
    most: int | None
    sent: int = 0
    over: bool = False
    gone: set[str] = field(default_factory=set)


class Pace(SchedulerPlugin):  # type: ignore[misc]  # distributed has no types that say much
    """Gives turns, one after the other. There is one on a scheduler, which all runs share: they share the key's limit too."""

    name = "allium-market-data-pace"
    idempotent = True

    async def start(self, scheduler: Any) -> None:
        """Answer clients and workers from now on."""
        self.runs: dict[str, Run] = {}
        self.queue = asyncio.Lock()
        self.next = 0.0
        for answer in (self.begin, self.turn, self.state, self.lost, self.stop, self.sent, self.end):
            scheduler.handlers[f"allium_{answer.__name__}"] = answer

    def remove_client(self, scheduler: Any, client: str) -> None:
        """What a client began ends with it, even where it had no time to say so."""
        self.runs = {name: run for name, run in self.runs.items() if run.client != client}

    async def begin(self, run: str, client: str, rate: float | None, most: int | None) -> None:
        """Open a run of a client, with at most ``rate`` requests a second and ``most`` in all."""
        self.runs[run] = Run(client, rate, most)

    async def turn(self, run: str) -> str:
        """Wait until a request may be sent, and count it: ``GO``. ``SPENT`` or ``OVER`` where none may be sent."""
        at = self.runs.get(run)
        if at is not None and at.rate and not (at.over or _is_spent(at)):
            async with self.queue:
                at = await self._due(run, at.rate)
        if at is None or at.over:
            return OVER
        if _is_spent(at):
            return SPENT
        at.sent += 1
        return GO

    async def _due(self, name: str, rate: float) -> Run | None:
        """Sleep to the next turn and take it, unless the run ended in the meantime."""
        clock = asyncio.get_running_loop().time
        while True:
            at = self.runs.get(name)
            wait = self.next - clock()
            if at is None or at.over or _is_spent(at):
                return at
            if wait <= 0:
                self.next = max(self.next, clock() - LATE) + 1 / rate
                return at
            await asyncio.sleep(min(wait, 1.0))

    async def state(self, run: str) -> tuple[bool, list[str]]:
        """Whether the run is over, and the markets that the server does not know."""
        at = self.runs.get(run)
        return (True, []) if at is None else (at.over, sorted(at.gone))

    async def lost(self, run: str, markets: list[str]) -> None:
        """Note markets that the server does not know, so that nobody asks for them again."""
        if at := self.runs.get(run):
            at.gone.update(markets)

    async def stop(self, run: str) -> None:
        """Give no more turns to the run: something failed that the next request would meet too."""
        if at := self.runs.get(run):
            at.over = True

    async def sent(self, run: str) -> int:
        """How many turns the run has had."""
        at = self.runs.get(run)
        return 0 if at is None else at.sent

    async def end(self, run: str) -> None:
        """Forget the run; who still asks for a turn is told that it is over."""
        self.runs.pop(run, None)


def _is_spent(run: Run) -> bool:
    return run.most is not None and run.sent >= run.most
