"""One rate limit for a whole cluster: a plugin of the Dask scheduler that every worker calls before every request.

All workers share the scheduler, so it can limit the requests per second and per run, and refuse them once the run has
ended, failed, or lost its client. A worker that dies wastes at most the requests that it was granted. The scheduler needs
this package, but neither an API key nor access to the table.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, Final

from distributed.diagnostics.plugin import SchedulerPlugin

GRANTED: Final = "granted"
SPENT: Final = "spent"
OVER: Final = "over"

MAX_CATCH_UP: Final = 0.02
"""Seconds by which a delayed request may be made up for. With more, a burst would follow whenever the scheduler was busy."""


@dataclass
class Run:
    """One backfill: its client, its limits, the requests granted so far, and markets that failed."""

    client: str
    rate: float | None
    max_requests: int | None
    granted: int = 0
    is_over: bool = False
    is_paused: bool = False
    failed_markets: set[str] = field(default_factory=set)

    @property
    def is_spent(self) -> bool:
        """True if the budget is used up."""
        return self.max_requests is not None and self.granted >= self.max_requests


class RateLimiter(SchedulerPlugin):  # type: ignore[misc]  # distributed is untyped
    """Grants requests one at a time. A scheduler has one limiter for all runs, because they share the key's limit too."""

    name = "allium-market-data-rate-limiter"
    idempotent = True

    async def start(self, scheduler: Any) -> None:
        """Register the methods that clients and workers call."""
        self.runs: dict[str, Run] = {}
        self.queue = asyncio.Lock()
        self.next_time = 0.0
        for method in (
            self.start_run,
            self.acquire,
            self.read_state,
            self.add_failed_market,
            self.pause_run,
            self.resume_run,
            self.stop_run,
            self.count_requests,
            self.end_run,
        ):
            scheduler.handlers[f"allium_{method.__name__}"] = method

    def remove_client(self, scheduler: Any, client: str) -> None:
        """End the runs of a client that has disconnected."""
        self.runs = {name: run for name, run in self.runs.items() if run.client != client}

    async def start_run(self, run: str, client: str, rate: float | None, max_requests: int | None) -> None:
        """Start a run with at most ``rate`` requests per second and ``max_requests`` in all."""
        self.runs[run] = Run(client, rate, max_requests)

    async def acquire(self, run: str) -> str:
        """Wait until a request may be sent, count it, and return ``GRANTED``; ``SPENT`` or ``OVER`` if none may be sent."""
        state = self.runs.get(run)
        if state is not None and state.rate and not (state.is_over or state.is_spent):
            async with self.queue:
                state = await self._wait_for_turn(run, state.rate)
        if state is None or state.is_over:
            return OVER
        if state.is_spent:
            return SPENT
        state.granted += 1
        return GRANTED

    async def _wait_for_turn(self, name: str, rate: float) -> Run | None:
        """Sleep until the next request is due, unless the run ends first."""
        clock = asyncio.get_running_loop().time
        while True:
            run = self.runs.get(name)
            wait = self.next_time - clock()
            if run is None or run.is_over or run.is_spent:
                return run
            if wait <= 0:
                self.next_time = max(self.next_time, clock() - MAX_CATCH_UP) + 1 / rate
                return run
            await asyncio.sleep(min(wait, 1.0))

    async def read_state(self, run: str) -> tuple[bool, bool, list[str]]:
        """Whether the run is over, whether it is paused, and the markets that failed."""
        state = self.runs.get(run)
        return (True, False, []) if state is None else (state.is_over, state.is_paused, sorted(state.failed_markets))

    async def add_failed_market(self, run: str, market: str) -> None:
        """Record a market that failed, so that no other worker requests it."""
        if state := self.runs.get(run):
            state.failed_markets.add(market)

    async def pause_run(self, run: str) -> None:
        """Let no further group start, after an error that may be of one market or of the server."""
        if state := self.runs.get(run):
            state.is_paused = True

    async def resume_run(self, run: str) -> None:
        """Let groups start again."""
        if state := self.runs.get(run):
            state.is_paused = False

    async def stop_run(self, run: str) -> None:
        """Refuse further requests of the run, after an error that they would meet too."""
        if state := self.runs.get(run):
            state.is_over = True

    async def count_requests(self, run: str) -> int:
        """The number of requests granted to the run."""
        state = self.runs.get(run)
        return 0 if state is None else state.granted

    async def end_run(self, run: str) -> None:
        """Forget the run. Requests that still arrive for it are refused."""
        self.runs.pop(run, None)
