"""What a watch leaves in a table: like an update, it counts nothing as complete that the server has not confirmed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from hypothesis import given
from hypothesis import strategies as st

from allium_market_data import MarketData, OpenInterest
from allium_market_data.errors import ServerError, StoreError
from allium_market_data.model.intervals import HOUR, MINUTE, Interval
from allium_market_data.model.times import from_micros, micros
from allium_market_data.store import Table, UpdateResult, Watch, backfill, update
from allium_market_data.store.merge import RowsByTime, find_changes
from allium_market_data.store.spans import union
from allium_market_data.validation import to_instant
from support.exchange import BTC, ETH, Exchange
from support.tables import all_rows, final_values, restatements

Fetched = Mapping[int, tuple[int, bool]]
"""A value and whether it is provisional, by minute."""

FETCHED = st.dictionaries(st.integers(0, 5), st.tuples(st.integers(0, 2), st.booleans()))


@given(fetched=FETCHED, stored=FETCHED, open_labels=st.sets(st.integers(0, 5)), taken_out=st.sets(st.integers(0, 5)))
def test_a_change_of_an_open_row_is_no_restatement(
    fetched: Fetched, stored: Fetched, open_labels: set[int], taken_out: set[int]
) -> None:
    at = from_micros(0)

    def by_time(rows: Fetched) -> RowsByTime:
        return {
            from_micros(minute * MINUTE): {
                "ts": from_micros(minute * MINUTE),
                "oi_base": value,
                "provisional": flag,
                "fetched_at": at,
            }
            for minute, (value, flag) in rows.items()
        }

    labels = {minute * MINUTE for minute in open_labels}
    forgotten = union((minute * MINUTE, (minute + 1) * MINUTE) for minute in taken_out)
    changes = list(find_changes(by_time(fetched), by_time(stored), at, (), ("oi_base",), labels, forgotten))
    kinds = {micros((change.new or change.old or {"ts": at})["ts"]) // MINUTE: change.kind for change in changes}
    for minute in {*fetched, *stored}:
        old, new = stored.get(minute), fetched.get(minute)
        is_open = old is not None and (old[1] or minute in open_labels | taken_out)
        if old is None:
            assert kinds[minute] == "added"
        elif new is None:
            assert kinds[minute] == ("dropped" if is_open else "vanished")
        elif is_open:
            assert kinds.get(minute) == ("settled" if old[0] != new[0] or (old[1] and not new[1]) else None)
        else:
            assert kinds.get(minute) == ("restated" if old[0] != new[0] and not new[1] else None)


class ScriptEndError(Exception):
    """The script of a test has no more steps."""


def run_watch(
    exchange: Exchange, steps: list[tuple[timedelta, Callable[[], object]]], watch: Watch
) -> list[OpenInterest]:
    """The rows of a watch that waits as long as each step says and then lets something happen."""
    script, rows = iter(steps), list[OpenInterest]()

    def wait(_: float) -> None:
        step = next(script, None)
        if step is None:
            raise ScriptEndError
        exchange.now += step[0]
        step[1]()

    watch.sleep = wait
    with pytest.raises(ScriptEndError):
        rows.extend(watch.rows())
    return rows


def nothing() -> None:
    """A step at which only time passes."""


def minutes(count: int) -> list[tuple[timedelta, Callable[[], object]]]:
    return [(timedelta(minutes=1), nothing)] * count


def assert_update_completes(
    exchange: Exchange, client: MarketData, table: Path, interval: Interval, start: str
) -> UpdateResult:
    """After an update the table has every closed bucket of the server at its final value, and no restatement."""
    result = update(table, client=client)
    end = Table(table).coverage.end_of((interval, BTC))
    assert end is not None
    assert end >= micros(exchange.now) - 2 * {"1h": HOUR, "1m": MINUTE}[interval]
    history = client.open_interest(BTC, interval=interval, start=start, end=from_micros(end))
    stored = {ts: values for ts, values in final_values(table, BTC, interval).items() if micros(ts) < end}
    assert stored == {row.ts: (row.oi_base, row.oi_quote_usd) for row in history}
    assert Table(table).series(BTC, interval, start, from_micros(end)) == history
    assert (result.restated, restatements(table)) == (0, [])
    return result


def assert_coverage_is_confirmed(exchange: Exchange, table: Path, interval: Interval) -> None:
    """No window is complete that has a bucket after the server's newest sample."""
    width = {"1h": HOUR, "1m": MINUTE}[interval]
    past = micros(min(exchange.now - exchange.lag, exchange.arrived or exchange.now))
    newest = max(at for at in exchange.samples[BTC] if at < past)
    end = Table(table).coverage.end_of((interval, BTC))
    assert end is None or end <= newest // width * width


@pytest.fixture
def filled(exchange: Exchange, client: MarketData, table: Path) -> Exchange:
    """A table of one market by the hour; the server has a sample each ten minutes, and more to come."""
    exchange.fill(BTC, "2026-05-10", "2026-06-05", 10 * MINUTE)
    backfill(BTC, "1h", "2026-05-10", "2026-05-20T10:00", table, client=client)
    return exchange


def test_ninety_minutes_of_lag(filled: Exchange, client: MarketData, table: Path) -> None:
    filled.lag = timedelta(minutes=90)
    check = partial(assert_coverage_is_confirmed, filled, table, "1h")
    hour = timedelta(hours=1)
    run_watch(filled, [*[(hour, nothing)] * 2, *[(hour, check)] * 10], Watch(client, [BTC], "1h", Table(table)))
    check()
    with pytest.raises(StoreError, match="is not complete"):
        Table(table).series(BTC, "1h", filled.now - timedelta(hours=4), filled.now)
    filled.lag = timedelta(0)
    result = assert_update_completes(filled, client, table, "1h", "2026-05-10")
    assert result.late == 0, "what is not there yet is open, so nothing is late"


def outage(exchange: Exchange, *, begins: bool) -> Callable[[], None]:
    def switch() -> None:
        exchange.arrived = exchange.now if begins else None

    return switch


@pytest.mark.parametrize("provisional", [False, True])
def test_an_outage_of_72_hours(exchange: Exchange, client: MarketData, table: Path, provisional: bool) -> None:
    """Of minutes: more buckets than any number of them that could be given up."""
    start = "2026-05-20T10:00"
    exchange.fill(BTC, start, "2026-05-24", MINUTE // 2)
    watch = Watch(client, [BTC], "1m", Table(table, create=True), provisional)
    watch.settled[BTC] = micros(to_instant(start, "start"))
    begin = [(timedelta(seconds=70), nothing), (timedelta(seconds=10), outage(exchange, begins=True))]
    check = partial(assert_coverage_is_confirmed, exchange, table, "1m")
    run_watch(exchange, [*begin, *[(timedelta(hours=24), check)] * 3], watch)
    check()
    exchange.arrived = None
    result = assert_update_completes(exchange, client, table, "1m", start)
    assert result.late == 0


def test_a_watch_that_goes_on_after_an_outage(exchange: Exchange, client: MarketData, table: Path) -> None:
    start = "2026-05-20T10:00"
    exchange.fill(BTC, start, "2026-05-24", MINUTE // 2)
    watch = Watch(client, [BTC], "1m", Table(table, create=True))
    steps = [(timedelta(0), outage(exchange, begins=True)), (timedelta(hours=24), nothing)]
    rows = run_watch(exchange, [*steps, (timedelta(minutes=1), outage(exchange, begins=False)), *minutes(3)], watch)
    labels = [row.ts for row in rows]
    assert labels == [labels[0] + timedelta(minutes=n) for n in range(24 * 60 + 5)], "each once, in order"
    assert_update_completes(exchange, client, table, "1m", f"{labels[0]:%FT%R}")


def test_a_row_that_changes_before_it_is_confirmed(exchange: Exchange, client: MarketData, table: Path) -> None:
    """The newest row can be a part of its bucket. When it settles it is replaced and yielded again."""
    exchange.fill(BTC, "2026-05-20T10:00", "2026-05-20T11:00", MINUTE)
    exchange.lag = timedelta(seconds=90)
    last = "2026-05-20T10:20"
    exchange.put(BTC, f"{last}:30", "7")
    watch = Watch(client, [BTC], "1m", Table(table, create=True))
    steps = [(timedelta(seconds=105), nothing), (timedelta(seconds=15), nothing), *minutes(3)]
    rows = run_watch(exchange, steps, watch)
    of_last = [row for row in rows if row.ts == to_instant(last, "at")]
    assert [str(row.oi_base) == "7" for row in of_last] == [False, True]
    assert len({row.ts for row in rows}) == len(rows) - 1
    assert_update_completes(exchange, client, table, "1m", f"{rows[0].ts:%FT%R}")


def test_late_rows_before_a_confirmed_one_are_counted(exchange: Exchange, client: MarketData, table: Path) -> None:
    exchange.fill(BTC, "2026-05-20T10:00", "2026-05-20T11:00", MINUTE // 2)
    gone = {
        at: exchange.samples[BTC].pop(at)
        for at in (micros(to_instant(f"2026-05-20T10:22:{s}", "at")) for s in ("00", "30"))
    }
    watch = Watch(client, [BTC], "1m", Table(table, create=True))
    rows = run_watch(exchange, minutes(6), watch)
    exchange.samples[BTC] |= gone
    result = assert_update_completes(exchange, client, table, "1m", f"{rows[0].ts:%FT%R}")
    assert result.late == 1


def test_a_new_watch_does_not_repeat_the_newest_row(exchange: Exchange, client: MarketData, table: Path) -> None:
    """It is stored, and open. The next watch requests it again to settle it, but has it already."""
    exchange.fill(BTC, "2026-05-20T10:00:30", "2026-05-20T11:00", MINUTE)
    exchange.wait(seconds=5)
    first = run_watch(exchange, minutes(2), Watch(client, [BTC], "1m", Table(table, create=True)))
    second = run_watch(exchange, minutes(2), Watch(client, [BTC], "1m", Table(table)))
    labels = [row.ts for row in (*first, *second)]
    assert labels == [labels[0] + timedelta(minutes=n) for n in range(5)]
    assert Table(table).coverage.end_of(("1m", BTC)) == micros(labels[-1]), "the newest is not confirmed"
    assert [row["ts"] for row in all_rows(table)] == labels
    assert not any(row["provisional"] for row in all_rows(table))


def count_reads(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is read of any table from now on."""
    reads, read_rows = list[Any](), Table.read_rows

    def read(table: Table, requested: Any) -> Any:
        reads.append(requested)
        return read_rows(table, requested)

    monkeypatch.setattr(Table, "read_rows", read)
    return reads


def test_a_tick_reads_nothing(
    exchange: Exchange, client: MarketData, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It knows the open rows, since it wrote them, and also after its own merges of files."""
    monkeypatch.setattr("allium_market_data.store.watch.MIN_SMALL_FILES", 2)
    exchange.fill(BTC, "2026-05-20T10:00:30", "2026-05-20T11:00", MINUTE)
    exchange.wait(seconds=5)
    reads = count_reads(monkeypatch)
    run_watch(exchange, minutes(12), Watch(client, [BTC], "1m", Table(table, create=True)))
    assert len(DeltaTable(table).file_uris()) < 8, "files were merged"
    assert reads == []


def test_a_commit_of_another_process_is_read(
    exchange: Exchange, client: MarketData, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange.fill(BTC, "2026-05-20T10:00:30", "2026-05-20T11:00", MINUTE)
    exchange.wait(seconds=5)
    reads = count_reads(monkeypatch)

    def change() -> None:
        at = exchange.now - timedelta(minutes=1)
        exchange.put(BTC, f"{at:%FT%R}:30", "8")
        update(table, client=client, provisional=True, look_back=timedelta(0))
        reads.clear()

    rows = run_watch(
        exchange,
        [*minutes(2), (timedelta(0), change), *minutes(3)],
        Watch(client, [BTC], "1m", Table(table, create=True)),
    )
    assert len(reads) == 1, "once; then the watch knows again"
    assert len(all_rows(table)) == len({row.ts for row in rows})
    assert_update_completes(exchange, client, table, "1m", f"{rows[0].ts:%FT%R}")


def test_a_commit_during_an_outage_of_one_market_is_read(exchange: Exchange, client: MarketData, table: Path) -> None:
    """The others are known again after one tick; the market that could not be fetched then is not."""
    for market in (BTC, ETH):
        exchange.fill(market, "2026-05-20T10:00:30", "2026-05-20T11:00", MINUTE)
    exchange.wait(seconds=5)
    watch = Watch(client, [BTC, ETH], "1m", Table(table, create=True))
    fetch, failing = watch._fetch, [False]

    def fetch_with_failure() -> Any:
        fetched, failures = fetch()
        if failing[0]:
            del fetched[BTC]
            failures[BTC] = ServerError("the server answered 503")
        return fetched, failures

    watch._fetch = fetch_with_failure  # type: ignore[method-assign]
    original = dict(exchange.samples[BTC])

    def change() -> None:
        exchange.put(BTC, f"{exchange.now - timedelta(minutes=1):%FT%R}:30", "8")
        update(table, client=client, provisional=True, look_back=timedelta(0))
        failing[0] = True

    def restore() -> None:
        exchange.samples[BTC] = original
        failing[0] = False

    steps = [*minutes(2), (timedelta(0), change), (timedelta(minutes=1), nothing), (timedelta(0), restore), *minutes(3)]
    rows = run_watch(exchange, steps, watch)
    start, end = rows[0].ts, from_micros(Table(table).coverage.end_of(("1m", BTC)) or 0)
    history = client.open_interest(BTC, interval="1m", start=start, end=end)
    assert Table(table).series(BTC, "1m", start, end) == history
    assert len(history) > 4
