"""The rate limiter of a cluster under a virtual clock, and the plans of its driver."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from allium_market_data.model.intervals import DAY, HOUR
from allium_market_data.model.times import micros
from allium_market_data.store.coverage import CommitNote, Coverage, SeriesKey
from allium_market_data.store.dask.driver import tasks_within_budget, windows_to_forget
from allium_market_data.store.dask.rate_limiter import GRANTED, MAX_CATCH_UP, OVER, SPENT, RateLimiter
from allium_market_data.store.plan import Task
from allium_market_data.store.spans import Spans, union
from allium_market_data.store.update import plan_update
from allium_market_data.validation import to_instant
from support.exchange import BTC, ETH


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer instead of waiting."""

    now = 0.0

    def __init__(self) -> None:
        super().__init__(selectors.SelectSelector())
        select = self._selector.select  # type: ignore[attr-defined]

        def advance(timeout: float | None = None) -> Any:
            self.now += timeout or 0.0
            return select(0)

        self._selector.select = advance  # type: ignore[attr-defined]

    def time(self) -> float:
        return self.now


class Scheduler:
    """The part of a scheduler that the limiter uses."""

    def __init__(self) -> None:
        self.handlers: dict[str, Any] = {}


def run_virtually(work: Callable[[RateLimiter, Scheduler, VirtualTimeLoop], Coroutine[Any, Any, Any]]) -> Any:
    """The result of ``work``, which gets a limiter that has started."""
    loop = VirtualTimeLoop()

    async def run() -> Any:
        scheduler, limiter = Scheduler(), RateLimiter()
        await limiter.start(scheduler)
        return await work(limiter, scheduler, loop)

    try:
        return loop.run_until_complete(run())
    finally:
        loop.close()


askers = st.lists(st.lists(st.floats(0, 3), min_size=1, max_size=12), min_size=1, max_size=5)


@given(askers, st.floats(0.5, 200), st.none() | st.integers(1, 30))
def test_requests_are_granted_at_the_rate_and_within_the_budget(
    pauses: list[list[float]], rate: float, budget: int | None
) -> None:
    """Several workers, each with pauses of its own between its requests."""

    async def work(limiter: RateLimiter, scheduler: Scheduler, loop: VirtualTimeLoop) -> tuple[list[float], int, int]:
        await scheduler.handlers["allium_start_run"](run="r", client="c", rate=rate, max_requests=budget)
        granted: list[float] = []

        async def worker(waits: list[float]) -> int:
            refused = 0
            for wait in waits:
                await asyncio.sleep(wait)
                answer = await scheduler.handlers["allium_acquire"](run="r")
                refused += answer == SPENT
                if answer == GRANTED:
                    granted.append(loop.time())
            return refused

        refused = sum(await asyncio.gather(*map(worker, pauses)))
        return granted, refused, await scheduler.handlers["allium_count_requests"](run="r")

    granted, refused, sent = run_virtually(work)
    requests = sum(map(len, pauses))
    assert (len(granted), refused) == (min(requests, budget or requests), requests - min(requests, budget or requests))
    assert sent == len(granted)
    for first in range(len(granted)):
        for last in range(first + 1, len(granted)):
            assert granted[last] - granted[first] >= (last - first) / rate - MAX_CATCH_UP - 1e-9


@given(st.floats(0.5, 20), st.floats(0.5, 20))
def test_concurrent_runs_share_the_rate(rate: float, other: float) -> None:
    async def work(limiter: RateLimiter, scheduler: Scheduler, loop: VirtualTimeLoop) -> float:
        for run, run_rate in (("a", rate), ("b", other)):
            await limiter.start_run(run, run, run_rate, None)
        await asyncio.gather(*(limiter.acquire(run) for run in "ab" * 5))
        return loop.time()

    assert run_virtually(work) >= 4 / rate + 4 / other - MAX_CATCH_UP


def test_a_busy_scheduler_is_not_followed_by_a_burst() -> None:
    async def work(limiter: RateLimiter, scheduler: Scheduler, loop: VirtualTimeLoop) -> list[float]:
        await limiter.start_run("r", "c", 10.0, None)
        waiting = [asyncio.create_task(limiter.acquire("r")) for _ in range(6)]
        await asyncio.sleep(0)
        loop.now += 30  # the scheduler was busy
        granted = []
        for answer in waiting:
            await answer
            granted.append(loop.time())
        return granted

    granted = run_virtually(work)
    assert granted[-1] - granted[1] >= 0.4 - MAX_CATCH_UP - 1e-9


def test_a_stopped_ended_or_abandoned_run_grants_nothing() -> None:
    async def work(limiter: RateLimiter, scheduler: Scheduler, loop: VirtualTimeLoop) -> list[Any]:
        for run in ("stopped", "ended", "left", "other"):
            await limiter.start_run(run, f"client of {run}", 0.01, None)
        await limiter.acquire("other")  # the next request is due in 100 s
        waiting = [asyncio.create_task(limiter.acquire(run)) for run in ("stopped", "ended", "left")]
        await asyncio.sleep(0.1)
        await limiter.stop_run("stopped")
        await limiter.end_run("ended")
        limiter.remove_client(scheduler, "client of left")
        answers = await asyncio.gather(*waiting)
        states = [await limiter.read_state(run) for run in ("stopped", "ended", "left", "other", "unknown")]
        return [answers, loop.time() < 20, states]

    over: tuple[bool, bool, list[str]] = (True, False, [])
    assert run_virtually(work) == [[OVER] * 3, True, [over, over, over, (False, False, []), over]]


def test_failed_markets_are_remembered() -> None:
    async def work(limiter: RateLimiter, scheduler: Scheduler, loop: VirtualTimeLoop) -> Any:
        await limiter.start_run("r", "c", None, None)
        await limiter.add_failed_market("r", "b")
        await limiter.add_failed_market("r", "a")
        await limiter.add_failed_market("r", "b")
        await limiter.add_failed_market("unknown", "c")
        return await limiter.read_state("r")

    assert run_virtually(work) == (False, False, ["a", "b"])


def test_a_pause_ends_when_the_run_is_resumed() -> None:
    async def work(limiter: RateLimiter, scheduler: Scheduler, loop: VirtualTimeLoop) -> Any:
        await limiter.start_run("r", "c", None, None)
        await limiter.pause_run("r")
        paused, granted = await limiter.read_state("r"), await limiter.acquire("r")
        await limiter.resume_run("r")
        return [paused, granted, await limiter.read_state("r")]

    assert run_virtually(work) == [(False, True, []), GRANTED, (False, False, [])]


@given(st.lists(st.integers(1, 200), max_size=8), st.none() | st.integers(1, 60))
def test_a_budget_pays_for_the_first_whole_tasks(days: list[int], budget: int | None) -> None:
    start = micros(to_instant("2026-01-01", "start"))
    tasks = [Task(("1m", str(index)), (start, start + count * 86_400_000_000)) for index, count in enumerate(days)]
    chosen = list(tasks_within_budget(tasks, budget))
    costs = [task.requests for task in tasks]
    assert chosen == tasks[: len(chosen)]
    assert budget is None or sum(costs[: len(chosen)]) <= budget
    assert len(chosen) == len(tasks) or (budget is not None and sum(costs[: len(chosen) + 1]) > budget)


TASKS = [Task(("1h", market), (day * DAY, (day + 1) * DAY)) for day in range(6) for market in (BTC, ETH)]


OPEN_TAIL = 3 * HOUR
"""What the server does not have yet of a window that it could not complete."""


@given(
    done=st.sets(st.sampled_from(TASKS)),
    late=st.sets(st.sampled_from(TASKS)),
    failed=st.sets(st.sampled_from([task.key for task in TASKS[:2]])),
)
def test_an_update_continues_at_the_first_missing_window(
    done: set[Task], late: set[Task], failed: set[SeriesKey]
) -> None:
    ends = {task: task.span[1] - (OPEN_TAIL if task in late else 0) for task in done}
    windows: dict[SeriesKey, Spans] = {
        key: union((task.span[0], end) for task, end in ends.items() if task.key == key)
        for key in {task.key for task in done}
    }
    forgotten = windows_to_forget(TASKS, done, failed, windows)
    after = Coverage().add(CommitNote(windows)).add(CommitNote(forgotten=forgotten))
    growing = failed | {task.key for task in done & late}
    assert forgotten.keys() <= growing
    for key in growing:
        first, end = 0, 6 * DAY
        while (task := Task(key, (first, first + DAY))) in done:
            first += DAY
            if task in late:
                first -= OPEN_TAIL
                break
        assert after.complete.get(key, ()) == union([(0, first)])
        if key in after.keys:
            planned = plan_update(after, end, 0, False, frozenset({key[1]}))
            assert union(task.span for task in planned) == union([(first, end)])
    for key in windows.keys() - growing:
        assert after.complete[key] == windows[key]
