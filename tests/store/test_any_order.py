"""A table keeps its promise whatever happens to it, and in which order."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, Final

import pytest
from deltalake import DeltaTable, write_deltalake
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from allium_market_data import MarketData
from allium_market_data.client.async_client import AsyncMarketData
from allium_market_data.model.intervals import HOUR
from allium_market_data.model.times import from_micros, micros
from allium_market_data.store import Table, Watch, backfill, compact, forget, status, update
from allium_market_data.store.coverage import SeriesKey
from allium_market_data.validation import to_instant
from support import budget
from support.exchange import BTC, KEY, Router
from support.tables import all_rows, restatements

FIRST, START = to_instant("2026-05-01", "first"), to_instant("2026-05-28", "start")
"""The table starts near the end of a month. Where another tool touches that month, all of it is fetched again."""

SERIES: Final[SeriesKey] = ("1h", BTC)

Values = tuple[Decimal, Decimal] | None
"""Those of a bucket; ``None`` if the server has no row of it."""

hours = st.integers(1, 30)


class ScriptEndError(Exception):
    """The ticks of a watch are over."""


class AnyOrder(RuleBasedStateMachine):
    """One market at ``1h``, with two samples in each bucket, so that an early answer has a part of its bucket."""

    router: ClassVar[tuple[Router, str]]

    def __init__(self) -> None:
        super().__init__()
        router, url = self.router
        self.exchange = router.add(url)
        self.exchange.fill(BTC, "2026-05-27", "2026-06-20", HOUR // 2)
        self.exchange.now = START + timedelta(hours=60)
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(AsyncMarketData, "_clock", staticmethod(lambda: self.exchange.now))
        self.client = MarketData(KEY, self.exchange.url)
        self.folder = tempfile.TemporaryDirectory()
        self.table = Path(self.folder.name) / "oi"
        self.seen: dict[int, set[Values]] = {}
        """Everything that the server has ever had of a bucket, from the time on at which it had a later row."""
        backfill(BTC, "1h", START, self.exchange.now, self.table, client=self.client)

    def teardown(self) -> None:
        self.client.close()
        self.patch.undo()
        self.folder.cleanup()

    def bucket(self, ago: int) -> datetime:
        """The bucket that began at least this number of hours ago."""
        return from_micros(micros(self.exchange.now) // HOUR * HOUR) - timedelta(hours=ago)

    @rule(count=hours)
    def time_passes(self, count: int) -> None:
        self.see()
        self.exchange.wait(hours=count)

    @rule(ago=hours, value=st.none() | st.integers(1, 9))
    def the_server_changes_a_bucket(self, ago: int, value: int | None) -> None:
        """It restates it, or adds a late row, or loses the row."""
        self.see()
        at = self.bucket(ago + 1)
        for half in (micros(at), micros(at) + HOUR // 2):
            self.exchange.samples[BTC].pop(half, None)
        if value is not None:
            self.exchange.put(BTC, at.isoformat(), f"{value}.25")

    @rule(ago=hours, count=hours)
    def backfill(self, ago: int, count: int) -> None:
        start = self.bucket(2 * ago)
        backfill(BTC, "1h", start, start + timedelta(hours=count), self.table, client=self.client)

    @rule(look_back=st.integers(0, 48), provisional=st.booleans())
    def update(self, look_back: int, provisional: bool) -> None:
        update(self.table, look_back=timedelta(hours=look_back), provisional=provisional, client=self.client)

    @rule(ticks=st.integers(1, 3))
    def watch(self, ticks: int) -> None:
        left = iter(range(ticks))

        def wait(_: float) -> None:
            if next(left, None) is None:
                raise ScriptEndError
            self.see()
            self.exchange.wait(hours=1)

        with pytest.raises(ScriptEndError):
            list(Watch(self.client, [BTC], "1h", Table(self.table), sleep=wait).rows())

    @rule(ago=hours, count=hours)
    def forget(self, ago: int, count: int) -> None:
        forget(self.table, BTC, self.bucket(ago), self.bucket(ago) + timedelta(hours=count))

    @rule()
    def compact(self) -> None:
        compact(self.table)

    @rule(
        kind=st.sampled_from(["delete", "change", "double", "restore"]), month=st.sampled_from(["2026-05", "2026-06"])
    )
    def another_tool_writes(self, kind: str, month: str) -> None:
        delta, condition = DeltaTable(self.table), f"month = '{month}'"
        if kind == "delete":
            delta.delete(f"{condition} AND ts < '2026-06-01T05:00:00Z'")
        elif kind == "change":
            delta.update({"oi_base": "cast(1 as decimal(38, 18))"}, predicate=condition)
        elif kind == "double":
            write_deltalake(delta, delta.to_pyarrow_table(filters=[("month", "=", month)]), mode="append")
        else:
            delta.restore(max(delta.version() - 2, 0))

    def server_rows(self) -> Iterator[tuple[int, Values]]:
        """The values of each bucket before the server's newest row."""
        known = {at: values for at, values in self.exchange.samples[BTC].items() if at < micros(self.exchange.now)}
        for label in range(micros(FIRST), max(known) // HOUR * HOUR, HOUR):
            values = known.get(label + HOUR // 2, known.get(label))
            yield label, values and (Decimal(values[0]), Decimal(values[1]))

    def see(self) -> None:
        """Record what the server has now."""
        for label, values in self.server_rows():
            self.seen.setdefault(label, set()).add(values)

    @invariant()
    def complete_windows_have_what_the_server_had(self) -> None:
        self.see()
        table = Table(self.table)
        complete, rows = table.coverage.complete.get(SERIES, ()), 0
        for start, end in complete:
            series = table.series(BTC, "1h", from_micros(start), from_micros(end))
            values = {micros(row.ts): (row.oi_base, row.oi_quote_usd) for row in series}
            rows += len(values)
            for label in range(start, end, HOUR):
                assert values.get(label) in self.seen[label], from_micros(label)
        buckets = sum(end - start for start, end in complete) // HOUR
        [series_status] = status(table)
        assert (series_status.missing, series_status.rows) == (buckets - rows, len(all_rows(self.table)))

    @invariant()
    def restatements_have_what_the_server_had(self) -> None:
        for row in restatements(self.table):
            old, new = ((row[f"{age}_oi_base"], row[f"{age}_oi_quote_usd"]) for age in ("old", "new"))
            assert old != new
            assert {old, new} <= self.seen[micros(row["ts"])]


def test_a_table_keeps_its_promise_in_any_order_of_events(exchange_router: tuple[Router, str]) -> None:
    machine: Any = type("AnyOrderOnRouter", (AnyOrder,), {"router": exchange_router})
    run_state_machine_as_test(machine, settings=settings(budget.examples(2), stateful_step_count=8))
