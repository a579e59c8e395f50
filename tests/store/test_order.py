"""The windows of a series are committed in order, so that after any failure the next update goes on where it ended."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from hypothesis import given
from hypothesis import strategies as st

from allium_market_data import MarketData
from allium_market_data.errors import ContractError, ServerError
from allium_market_data.model.times import micros
from allium_market_data.store import Progress, Table, backfill, update
from allium_market_data.store.coverage import SeriesKey
from allium_market_data.store.fetch import Budget
from allium_market_data.store.plan import Task
from allium_market_data.store.runner import Runner, ignore_progress
from allium_market_data.store.spans import Span
from allium_market_data.validation import to_instant
from support.exchange import BTC, ETH, Exchange
from support.failing import fail
from support.tables import final_values

HOUR = 3_600_000_000
Outcome = tuple[str, int]
OUTCOMES = st.tuples(st.sampled_from(["rows", "rows", "rows", "short", "contract", "busy", "down"]), st.integers(0, 12))


@dataclass(frozen=True)
class Window:
    """The result of a task."""

    key: SeriesKey
    span: Span

    def __len__(self) -> int:
        return 1


class Script:
    """Fetches tasks with chosen outcomes, each after some turns of the event loop, and records what is committed."""

    def __init__(self, outcomes: dict[Task, Outcome]) -> None:
        self.outcomes, self.committed = outcomes, defaultdict[SeriesKey, list[Span]](list)
        self.busy = {task for task, (name, _) in outcomes.items() if name == "busy"}

    async def fetch(self, task: Task) -> Window:
        name, turns = self.outcomes[task]
        for _ in range(turns):
            await asyncio.sleep(0)
        start, end = task.span
        if name == "contract":
            raise ContractError("wrong")
        if name == "down" or task in self.busy:
            self.busy.discard(task)  # the next time it is answered
            raise ServerError("500")
        return Window(task.key, (start, end - HOUR // 2) if name == "short" else task.span)

    def commit(self, results: list[Window]) -> int:
        for result in results:
            self.committed[result.key].append(result.span)
        return len(results)


def plan(outcomes: list[list[Outcome]]) -> dict[Task, Outcome]:
    """Tasks by window, and by series within a window, as a backfill plans them."""
    longest = max(map(len, outcomes))
    return {
        Task(("1h", f"hl:perp:M{number}"), (window * HOUR, (window + 1) * HOUR)): series[window]
        for window in range(longest)
        for number, series in enumerate(outcomes)
        if window < len(series)
    }


@given(outcomes=st.lists(st.lists(OUTCOMES, min_size=1, max_size=12), min_size=1, max_size=4), by_series=st.booleans())
def test_what_is_committed_of_a_series_has_no_hole(outcomes: list[list[Outcome]], by_series: bool) -> None:
    chosen = plan(outcomes)
    script = Script(chosen)
    tasks = sorted(chosen, key=lambda task: task.key[1]) if by_series else list(chosen)
    runner = Runner(script.fetch, script.commit, Budget(), ignore_progress, Progress.of(tasks), commit_rows=1)
    done = None
    with suppress(ServerError):
        done = asyncio.run(runner.run(tasks))
    for number, series in enumerate(outcomes):
        key: SeriesKey = ("1h", f"hl:perp:M{number}")
        names = [name for name, _ in series]
        spans = script.committed[key]
        assert [start for start, _ in spans] == [window * HOUR for window in range(len(spans))]
        assert all(end == start + HOUR for start, end in spans[:-1])
        failed = next((index for index, name in enumerate(names) if name in ("contract", "down")), len(names))
        short = next((index + 1 for index, name in enumerate(names) if name == "short"), len(names))
        if done is not None:
            assert (key in {failure.key for failure in done.failures}) == (failed < len(names))
            assert len(spans) <= min(failed, short)
            assert len(spans) == min(failed, short) or {"down", "busy"} & set(names)
    assert done is None or not runner.held


def test_the_update_after_a_failed_month_fills_it(exchange: Exchange, client: MarketData, table: Path) -> None:
    exchange.now = to_instant("2026-05-02T10:20", "now")
    for market in (BTC, ETH):
        exchange.fill(market, "2026-03-28", "2026-05-02T10:00:00Z")
    backfill([BTC, ETH], "1h", "2026-03-28", "2026-03-30", table, client=client)
    failing = fail(exchange, [BTC], 422, ("2026-04-05", "2026-04-10"))
    result = update(table, client=client)
    assert [failure.key[1] for failure in result.failures] == [BTC]
    assert Table(table).coverage.end_of(("1h", BTC)) == micros(to_instant("2026-04-01", "end"))
    failing.is_failing = False
    assert update(table, client=client).failures == ()
    for market in (BTC, ETH):
        assert final_values(table, market) == exchange.values("2026-03-28", "2026-05-02T09:00:00Z", market)


def test_a_commit_under_way_at_an_interrupt_is_counted() -> None:
    tasks = list(plan([[("rows", 0)]]))
    script, reports = Script(plan([[("rows", 0)]])), list[Progress]()
    is_writing, goes_on = asyncio.Event(), Event()

    async def interrupt() -> None:
        loop = asyncio.get_running_loop()

        def commit(results: list[Window]) -> int:
            loop.call_soon_threadsafe(is_writing.set)
            goes_on.wait()
            return script.commit(results)

        runner.commit = commit
        run = asyncio.create_task(runner.run(tasks))
        await is_writing.wait()
        run.cancel()
        with suppress(asyncio.CancelledError):
            await run
        goes_on.set()

    runner = Runner(script.fetch, script.commit, Budget(), reports.append, Progress.of(tasks), commit_rows=1)
    asyncio.run(interrupt())
    runner.commit_rest()
    assert (reports[-1].rows, reports[-1].done) == (1, 1)
