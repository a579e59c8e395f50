"""The pace of a cluster, in time that passes only where something sleeps."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from allium_market_data.model.times import micros
from allium_market_data.store.dask.driver import affordable
from allium_market_data.store.dask.rate_limiter import GO, LATE, OVER, SPENT, Pace
from allium_market_data.store.plan import Task
from allium_market_data.validation import to_instant


class Sleepless(asyncio.SelectorEventLoop):
    """A loop whose clock jumps to the next thing that is due."""

    now = 0.0

    def __init__(self) -> None:
        super().__init__(selectors.SelectSelector())
        choose = self._selector.select  # type: ignore[attr-defined]

        def select(timeout: float | None = None) -> Any:
            self.now += timeout or 0.0
            return choose(0)

        self._selector.select = select  # type: ignore[attr-defined]

    def time(self) -> float:
        return self.now


class Scheduler:
    """As much of a scheduler as the pace needs."""

    def __init__(self) -> None:
        self.handlers: dict[str, Any] = {}


def passed(work: Callable[[Pace, Scheduler, Sleepless], Coroutine[Any, Any, Any]]) -> Any:
    """What ``work`` gives, with a pace that has started."""
    loop = Sleepless()

    async def run() -> Any:
        scheduler, made = Scheduler(), Pace()
        await made.start(scheduler)
        return await work(made, scheduler, loop)

    try:
        return loop.run_until_complete(run())
    finally:
        loop.close()


askers = st.lists(st.lists(st.floats(0, 3), min_size=1, max_size=12), min_size=1, max_size=5)


@given(askers, st.floats(0.5, 200), st.none() | st.integers(1, 30))
def test_turns_come_at_the_rate_and_no_more_than_allowed(
    pauses: list[list[float]], rate: float, most: int | None
) -> None:
    """Any number of workers, each asking again after a pause of its own."""

    async def work(made: Pace, scheduler: Scheduler, loop: Sleepless) -> tuple[list[float], int, int]:
        await scheduler.handlers["allium_begin"](run="r", client="c", rate=rate, most=most)
        went: list[float] = []

        async def worker(waits: list[float]) -> int:
            refused = 0
            for wait in waits:
                await asyncio.sleep(wait)
                answer = await scheduler.handlers["allium_turn"](run="r")
                refused += answer == SPENT
                if answer == GO:
                    went.append(loop.time())
            return refused

        refused = sum(await asyncio.gather(*map(worker, pauses)))
        return went, refused, await scheduler.handlers["allium_sent"](run="r")

    went, refused, sent = passed(work)
    asked = sum(map(len, pauses))
    assert (len(went), refused) == (min(asked, most or asked), asked - min(asked, most or asked))
    assert sent == len(went)
    for first in range(len(went)):
        for last in range(first + 1, len(went)):
            assert went[last] - went[first] >= (last - first) / rate - LATE - 1e-9


@given(st.floats(0.5, 20), st.floats(0.5, 20))
def test_two_runs_at_once_share_the_pace(one: float, other: float) -> None:
    async def work(made: Pace, scheduler: Scheduler, loop: Sleepless) -> float:
        for run, rate in (("a", one), ("b", other)):
            await made.begin(run, run, rate, None)
        await asyncio.gather(*(made.turn(run) for run in "ab" * 5))
        return loop.time()

    assert passed(work) >= 4 / one + 4 / other - LATE


def test_a_busy_moment_is_not_followed_by_a_burst() -> None:
    async def work(made: Pace, scheduler: Scheduler, loop: Sleepless) -> list[float]:
        await made.begin("r", "c", 10.0, None)
        waiting = [asyncio.create_task(made.turn("r")) for _ in range(6)]
        await asyncio.sleep(0)
        loop.now += 30  # the scheduler had other things to do
        went = []
        for one in waiting:
            await one
            went.append(loop.time())
        return went

    went = passed(work)
    assert went[-1] - went[1] >= 0.4 - LATE - 1e-9


def test_a_run_is_over_for_all_once_it_is_stopped_ended_or_its_client_is_gone() -> None:
    async def work(made: Pace, scheduler: Scheduler, loop: Sleepless) -> list[Any]:
        for run in ("stopped", "ended", "left", "other"):
            await made.begin(run, f"client of {run}", 0.01, None)
        await made.turn("other")  # the next turn is far away
        waiting = [asyncio.create_task(made.turn(run)) for run in ("stopped", "ended", "left")]
        await asyncio.sleep(0.1)
        await made.stop("stopped")
        await made.end("ended")
        made.remove_client(scheduler, "client of left")
        answers = await asyncio.gather(*waiting)
        states = [await made.state(run) for run in ("stopped", "ended", "left", "other", "unknown")]
        return [answers, loop.time() < 20, states]

    over: tuple[bool, list[str]] = (True, [])
    assert passed(work) == [[OVER] * 3, True, [over, over, over, (False, []), over]]


def test_markets_that_the_server_does_not_know_are_remembered() -> None:
    async def work(made: Pace, scheduler: Scheduler, loop: Sleepless) -> Any:
        await made.begin("r", "c", None, None)
        await made.lost("r", ["b"])
        await made.lost("r", ["a", "b"])
        await made.lost("unknown", ["c"])
        return await made.state("r")

    assert passed(work) == (False, ["a", "b"])


@given(st.lists(st.integers(1, 200), max_size=8), st.none() | st.integers(1, 60))
def test_a_budget_buys_the_first_windows_that_it_pays_for_in_full(days: list[int], most: int | None) -> None:
    start = micros(to_instant("2026-01-01", "start"))
    tasks = [Task(("1m", str(index)), (start, start + count * 86_400_000_000)) for index, count in enumerate(days)]
    chosen = list(affordable(tasks, most))
    costs = [task.requests for task in tasks]
    assert chosen == tasks[: len(chosen)]
    assert most is None or sum(costs[: len(chosen)]) <= most
    assert len(chosen) == len(tasks) or (most is not None and sum(costs[: len(chosen) + 1]) > most)
