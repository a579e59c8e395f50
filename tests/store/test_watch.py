"""Watching live: every bucket once it has closed, in order, without a gap whatever happens to the connection."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from allium_market_data import MarketData, OpenInterest
from allium_market_data.errors import NotFoundError, PermissionDeniedError, StoreError, UsageError
from allium_market_data.model.intervals import MINUTE
from allium_market_data.model.times import micros
from allium_market_data.store import Table, Watch, backfill
from allium_market_data.validation import to_instant
from support.exchange import BTC, ETH, Exchange
from support.failing import fail
from support.tables import all_rows, final_values


@pytest.fixture
def live(exchange: Exchange) -> Exchange:
    """Two markets with a sample in the middle of each minute."""
    for market in (BTC, ETH):
        exchange.fill(market, "2026-05-20T09:00:30", "2026-05-20T12:00", MINUTE)
    return exchange


class Sleeper:
    """Advances the clock of the exchange instead of sleeping, and calls each of ``events`` at its minute of the day."""

    def __init__(self, exchange: Exchange, events: dict[str, Callable[[], object]] | None = None) -> None:
        self.exchange, self.events, self.calls = exchange, dict(events or {}), 0

    def __call__(self, seconds: float) -> None:
        self.calls += 1
        assert self.calls < 500, "the watch never ends"
        self.exchange.now += timedelta(seconds=seconds)
        for at in [at for at in self.events if f"{self.exchange.now:%H:%M}" >= at]:
            self.events.pop(at)()


def watched(exchange: Exchange, client: MarketData, markets: list[str], **options: Any) -> Watch:
    options.setdefault("sleep", Sleeper(exchange))
    return Watch(client, markets, "1m", **options)


def times(rows: list[OpenInterest], market: str = BTC) -> list[str]:
    return [f"{row.ts:%H:%M}" for row in rows if row.market_id == market and not row.provisional]


def minutes(start: str, count: int) -> list[str]:
    first = to_instant(f"2026-05-20T{start}", "start")
    return [f"{first + timedelta(minutes=n):%H:%M}" for n in range(count)]


def test_each_bucket_is_yielded_once_after_it_closed(live: Exchange, client: MarketData) -> None:
    seen: list[tuple[datetime, OpenInterest]] = []
    for row in islice(watched(live, client, [BTC, ETH], grace=2).rows(), 24):
        seen.append((live.now, row))
    for market in (BTC, ETH):
        assert times([row for _, row in seen], market) == minutes("10:18", 12)
    for at, row in seen:
        assert not row.provisional
        assert at >= row.ts + timedelta(minutes=1, seconds=2)
    for at, row in seen[2:]:
        assert at < row.ts + timedelta(minutes=1, seconds=3), "within a second"
    assert all(str(row.oi_base) in live.samples[row.market_id][micros(row.ts) + MINUTE // 2] for _, row in seen)


def test_the_running_bucket_is_yielded_once_in_each_state(live: Exchange, client: MarketData) -> None:
    for second in range(0, 60, 20):
        live.put(BTC, f"2026-05-20T10:22:{second:02}", f"{second}")
    rows = list(islice(watched(live, client, [BTC], provisional=True).rows(), 30))
    assert times(rows) == minutes("10:18", len(times(rows)))
    running_rows = [row for row in rows if row.provisional and f"{row.ts:%H:%M}" == "10:22"]
    assert len(running_rows) >= 3
    assert len({row.oi_base for row in running_rows}) == len(running_rows)


def test_a_server_that_fails_for_minutes_leaves_no_gap(live: Exchange, client: MarketData) -> None:
    warnings: list[str] = []

    def fail(is_down: bool) -> None:
        live.is_down = is_down

    sleeper = Sleeper(live, {"10:23": lambda: fail(True), "10:29": lambda: fail(False)})
    rows = list(islice(watched(live, client, [BTC], warn=warnings.append, sleep=sleeper).rows(), 20))
    assert times(rows) == minutes("10:18", 20)
    assert all("trying again in" in warning for warning in warnings)
    pauses = [warning.partition("trying again in ")[2].split()[0] for warning in warnings]
    assert pauses == ["1", "2", "4", "8", "16", "32", "60", "60", "60", "60", "60"]


def test_a_late_bucket_is_waited_for(live: Exchange, client: MarketData) -> None:
    at = "2026-05-20T10:22:30"
    late = live.samples[BTC].pop(micros(to_instant(at, "at")))
    rest = {moment: live.samples[BTC].pop(moment) for moment in list(live.samples[BTC]) if moment > micros(live.now)}
    live.put(BTC, "2026-05-20T10:20:30", "1")
    live.put(BTC, "2026-05-20T10:21:30", "1")

    def arrive() -> None:
        live.samples[BTC] = rest | live.samples[BTC]
        live.samples[BTC][micros(to_instant(at, "at"))] = late

    sleeper = Sleeper(live, {"10:25": arrive})
    rows = list(islice(watched(live, client, [BTC], sleep=sleeper).rows(), 12))
    assert times(rows) == minutes("10:18", 12)


def test_every_row_is_committed_before_it_is_yielded(live: Exchange, client: MarketData, table: Path) -> None:
    watch = watched(live, client, [BTC, ETH], table=Table(table, create=True))
    for row in islice(watch.rows(), 16):
        assert row.ts in final_values(table, row.market_id, "1m")
    version = Table(table).delta.version()
    assert version == 8, "one commit a minute, with both markets"


def test_a_watch_merges_the_files_of_the_fullest_months(
    live: Exchange, client: MarketData, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("TICKS_PER_MERGE", 2), ("MERGE_PERIOD", 4), ("MIN_SMALL_FILES", 2)):
        monkeypatch.setattr(f"allium_market_data.store.watch.{name}", value)
    watch = watched(live, client, [BTC, ETH], table=Table(table, create=True))
    files = [len(Table(table).delta.file_uris()) for _ in islice(watch.rows(), 28)]
    assert max(files) <= 2 * (4 + 2)
    assert min(files[14:]) > 2, "never all at once"
    for market in (BTC, ETH):
        assert [f"{ts:%H:%M}" for ts in final_values(table, market, "1m")] == minutes("10:18", 14)


def test_a_watch_starts_where_the_table_ends(live: Exchange, client: MarketData, table: Path) -> None:
    backfill(BTC, "1m", "2026-05-20T09:00", "2026-05-20T09:50", table, client=client)
    rows = list(islice(watched(live, client, [BTC], table=Table(table)).rows(), 35))
    assert times(rows) == minutes("09:50", 35)
    span = "2026-05-20T09:00", "2026-05-20T10:24"
    series = Table(table).series(BTC, "1m", *span)
    assert series == client.open_interest(BTC, interval="1m", start=span[0], end=span[1])


def test_stored_provisional_rows_are_settled_when_they_close(live: Exchange, client: MarketData, table: Path) -> None:
    watch = watched(live, client, [BTC], table=Table(table, create=True), provisional=True)
    rows = list(islice(watch.rows(), 30))
    last = all_rows(table)
    assert [row["ts"] for row in last if row["provisional"]] in ([], [rows[-1].ts])
    assert [f"{row['ts']:%H:%M}" for row in last if not row["provisional"]] == times(rows)
    assert len(last) == len({row["ts"] for row in last})


def test_a_long_silence_of_a_market_becomes_a_gap(live: Exchange, client: MarketData, table: Path) -> None:
    silent = micros(to_instant("2026-05-20T10:22", "s")), micros(to_instant("2026-05-20T10:40", "e"))
    live.samples[BTC] = {at: values for at, values in live.samples[BTC].items() if not silent[0] <= at < silent[1]}
    ends: list[int | None] = []
    sleeper = Sleeper(live, {"10:35": lambda: ends.append(Table(table).coverage.end_of(("1m", BTC)))})
    watch = watched(live, client, [BTC], table=Table(table, create=True), sleep=sleeper, settle=timedelta(minutes=5))
    assert times(list(islice(watch.rows(), 10))) == [*minutes("10:18", 4), *minutes("10:40", 6)]
    start, end = (micros(to_instant(f"2026-05-20T{at}", "at")) for at in ("10:18", "10:45"))
    assert Table(table).coverage.complete["1m", BTC] == ((start, end),)
    assert ends == [micros(to_instant("2026-05-20T10:29", "at"))], (
        "during the silence, all but the last five minutes are complete"
    )


def test_a_market_that_vanishes_is_dropped(live: Exchange, client: MarketData) -> None:
    warnings: list[str] = []
    sleeper = Sleeper(live, {"10:23": lambda: live.samples.pop(BTC)})
    watch = watched(live, client, [BTC, ETH], warn=warnings.append, sleep=sleeper)
    rows = list(islice(watch.rows(), 20))
    assert times(rows, ETH) == minutes("10:18", len(times(rows, ETH)))
    assert len(times(rows, BTC)) < len(times(rows, ETH))
    [warning] = warnings
    assert BTC in warning
    assert "no longer followed" in warning


def test_a_market_that_the_server_refuses_is_dropped(live: Exchange, client: MarketData) -> None:
    warnings: list[str] = []
    fail(live, [BTC], 422)
    watch = watched(live, client, [BTC, ETH], warn=warnings.append)
    assert times(list(islice(watch.rows(), 5)), ETH) == minutes("10:18", 5)
    [warning] = warnings
    assert BTC in warning
    assert "no longer followed" in warning


def test_a_refused_key_ends_a_watch_of_many_markets(live: Exchange, client: MarketData) -> None:
    fail(live, [BTC], 403)
    with pytest.raises(PermissionDeniedError):
        list(watched(live, client, [BTC, ETH]).rows())


def test_a_watch_without_markets_left_ends(live: Exchange, client: MarketData) -> None:
    sleeper = Sleeper(live, {"10:23": lambda: live.samples.pop(BTC)})
    rows: list[OpenInterest] = []
    with pytest.raises(NotFoundError, match=BTC):
        rows.extend(watched(live, client, [BTC], sleep=sleeper).rows())


def set_clock_back(exchange: Exchange, minutes: int) -> None:
    exchange.skew = timedelta(minutes=-minutes)


def test_a_clock_that_goes_back_is_waited_for(live: Exchange, client: MarketData) -> None:
    warnings: list[str] = []
    sleeper = Sleeper(live, {"10:23": lambda: set_clock_back(live, 5)})
    rows = list(islice(watched(live, client, [BTC], warn=warnings.append, sleep=sleeper).rows(), 10))
    assert times(rows) == minutes("10:18", 10)
    [warning] = warnings
    assert "the clock went back" in warning


def test_a_clock_that_goes_far_back_ends_a_watch_with_a_table(live: Exchange, client: MarketData, table: Path) -> None:
    sleeper = Sleeper(live, {"10:23": lambda: set_clock_back(live, 50)})
    watch = watched(live, client, [BTC], table=Table(table, create=True), sleep=sleeper)
    with pytest.raises(StoreError, match="this machine's clock says 2026-05-20T09:"):
        list(islice(watch.rows(), 100))
    assert [f"{ts:%H:%M}" for ts in final_values(table, BTC, "1m")] == minutes("10:18", 4)


@pytest.mark.parametrize(("markets", "interval"), [([""], "1m"), ([BTC], "2m")])
def test_a_wrong_watch_is_rejected(client: MarketData, markets: list[str], interval: Any) -> None:
    with pytest.raises(UsageError):
        Watch(client, markets, interval)


def test_a_watch_uses_the_clock_of_its_client(live: Exchange, client: MarketData) -> None:
    assert watched(live, client, [BTC]).settled[BTC] == micros(to_instant("2026-05-20T10:18", "at"))
