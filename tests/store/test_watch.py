"""Following live: every bucket once it has closed, in order, and no hole whatever happens to the connection."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from allium_market_data import MarketData, OpenInterest, RetryPolicy
from allium_market_data.client.async_client import AsyncMarketData
from allium_market_data.errors import NotFoundError, StoreError, UsageError
from allium_market_data.model.intervals import MINUTE
from allium_market_data.model.times import micros
from allium_market_data.sandbox import running
from allium_market_data.store import Table, Watch, backfill
from allium_market_data.validation import to_instant
from store.test_backfill import rows
from support.exchange import BTC, ETH, KEY, Exchange


@pytest.fixture
def live(exchange: Exchange) -> Exchange:
    """Two markets with a sample in the middle of each minute."""
    for market in (BTC, ETH):
        exchange.fill(market, "2026-05-20T09:00:30", "2026-05-20T12:00", MINUTE)
    return exchange


class Sleeper:
    """Lets the time of the exchange pass instead of sleeping; ``meanwhile`` may do things at a minute of the day."""

    def __init__(self, exchange: Exchange, meanwhile: dict[str, Callable[[], object]] | None = None) -> None:
        self.exchange, self.meanwhile = exchange, dict(meanwhile or {})
        self.naps: list[float] = []

    def __call__(self, seconds: float) -> None:
        assert len(self.naps) < 500, "it never ends"
        self.naps.append(seconds)
        self.exchange.now += timedelta(seconds=seconds)
        for at in [at for at in self.meanwhile if f"{self.exchange.now:%H:%M}" >= at]:
            self.meanwhile.pop(at)()


def watched(exchange: Exchange, client: MarketData, markets: list[str], **options: Any) -> Watch:
    options.setdefault("sleep", Sleeper(exchange))
    return Watch(client, markets, "1m", **options)


def stamps(found: list[OpenInterest], market: str = BTC) -> list[str]:
    return [f"{row.ts:%H:%M}" for row in found if row.market_id == market and not row.provisional]


def minutes(start: str, count: int) -> list[str]:
    first = to_instant(f"2026-05-20T{start}", "start")
    return [f"{first + timedelta(minutes=n):%H:%M}" for n in range(count)]


def test_each_bucket_comes_once_after_it_closed_and_in_order(live: Exchange, client: MarketData) -> None:
    seen: list[tuple[datetime, OpenInterest]] = []
    for row in islice(watched(live, client, [BTC, ETH], grace=2).rows(), 24):
        seen.append((live.now, row))
    for market in (BTC, ETH):
        assert stamps([row for _, row in seen], market) == minutes("10:18", 12)
    for at, row in seen:
        assert not row.provisional
        assert at >= row.ts + timedelta(minutes=1, seconds=2)
    for at, row in seen[2:]:
        assert at < row.ts + timedelta(minutes=1, seconds=3), "as it closes, and not long after"
    assert all(str(row.oi_base) in live.samples[row.market_id][micros(row.ts) + MINUTE // 2] for _, row in seen)


def test_the_running_bucket_comes_only_when_asked_for_and_each_of_its_states_once(
    live: Exchange, client: MarketData
) -> None:
    for second in range(0, 60, 20):
        live.put(BTC, f"2026-05-20T10:22:{second:02}", f"{second}")
    found = list(islice(watched(live, client, [BTC], provisional=True).rows(), 30))
    assert stamps(found) == minutes("10:18", len(stamps(found)))
    running_at = [row for row in found if row.provisional and f"{row.ts:%H:%M}" == "10:22"]
    assert len(running_at) >= 3
    assert len({row.oi_base for row in running_at}) == len(running_at)


def test_a_server_that_is_gone_for_a_while_leaves_no_hole(exchange: Exchange) -> None:
    """The server is ended in the middle and started again on the same port, some minutes of its time later."""
    exchange.fill(BTC, "2026-05-20T09:00:30", "2026-05-20T12:00", MINUTE)
    notes: list[str] = []
    server = running(exchange.app)
    url = server.__enter__()
    port = int(url.rpartition(":")[2])

    def again() -> None:
        nonlocal server
        server = running(exchange.app, port=port)
        server.__enter__()

    sleeper = Sleeper(exchange, {"10:23": lambda: server.__exit__(None, None, None), "10:29": again})
    policy = RetryPolicy(attempts=1)
    with MarketData(KEY, url, retry=policy) as client:
        found = list(islice(watched(exchange, client, [BTC], note=notes.append, sleep=sleeper).rows(), 20))
    server.__exit__(None, None, None)
    assert stamps(found) == minutes("10:18", 20)
    assert notes
    assert all("trying again in" in note for note in notes)
    assert [note.partition("trying again in ")[2][:2] for note in notes][:4] == ["1 ", "2 ", "4 ", "8 "]


def test_a_late_bucket_is_waited_for(live: Exchange, client: MarketData) -> None:
    at = "2026-05-20T10:22:30"
    late = live.samples[BTC].pop(micros(to_instant(at, "at")))
    rest = {moment: live.samples[BTC].pop(moment) for moment in list(live.samples[BTC]) if moment > micros(live.now)}
    live.put(BTC, "2026-05-20T10:20:30", "1")
    live.put(BTC, "2026-05-20T10:21:30", "1")

    def comes() -> None:
        live.samples[BTC].update(rest)
        live.samples[BTC][micros(to_instant(at, "at"))] = late

    sleeper = Sleeper(live, {"10:25": comes})
    found = list(islice(watched(live, client, [BTC], sleep=sleeper).rows(), 12))
    assert stamps(found) == minutes("10:18", 12)


def test_into_a_table_every_row_is_committed_before_it_is_handed_on(
    live: Exchange, client: MarketData, table: Path
) -> None:
    watch = watched(live, client, [BTC, ETH], table=Table(table, create=True))
    for row in islice(watch.rows(), 16):
        assert row.ts in rows(table, row.market_id, "1m")
    version = Table(table).delta.version()
    assert version == 8, "a commit a minute, both markets in it"


def test_following_begins_where_the_table_ends(live: Exchange, client: MarketData, table: Path) -> None:
    backfill(BTC, "1m", "2026-05-20T09:00", "2026-05-20T09:50", table, client=client)
    found = list(islice(watched(live, client, [BTC], table=Table(table)).rows(), 35))
    assert stamps(found) == minutes("09:50", 35)
    span = "2026-05-20T09:00", "2026-05-20T10:25"
    series = Table(table).series(BTC, "1m", *span)
    assert series == client.open_interest(BTC, interval="1m", start=span[0], end=span[1])


def test_provisional_rows_in_the_table_are_settled_as_they_close(
    live: Exchange, client: MarketData, table: Path
) -> None:
    watch = watched(live, client, [BTC], table=Table(table, create=True), provisional=True)
    found = list(islice(watch.rows(), 30))
    last = Table(table).delta.to_pyarrow_table().sort_by("ts").to_pylist()
    assert [row["ts"] for row in last if row["provisional"]] in ([], [found[-1].ts])
    assert [f"{row['ts']:%H:%M}" for row in last if not row["provisional"]] == stamps(found)
    assert len(last) == len({row["ts"] for row in last})


def test_a_market_that_is_silent_for_very_long_is_believed_to_have_a_gap(
    live: Exchange, client: MarketData, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("allium_market_data.store.watch.PATIENCE", 5)
    silent = micros(to_instant("2026-05-20T10:22", "s")), micros(to_instant("2026-05-20T10:40", "e"))
    live.samples[BTC] = {at: values for at, values in live.samples[BTC].items() if not silent[0] <= at < silent[1]}
    ends: list[int | None] = []
    sleeper = Sleeper(live, {"10:35": lambda: ends.append(Table(table).coverage.end(("1m", BTC)))})
    watch = watched(live, client, [BTC], table=Table(table, create=True), sleep=sleeper)
    assert stamps(list(islice(watch.rows(), 10))) == [*minutes("10:18", 4), *minutes("10:40", 6)]
    start, end = (micros(to_instant(f"2026-05-20T{at}", "at")) for at in ("10:18", "10:46"))
    assert Table(table).coverage.complete["1m", BTC] == ((start, end),)
    assert ends == [micros(to_instant("2026-05-20T10:29", "at"))], "while it is silent, five minutes back"


def test_a_market_that_vanishes_is_let_go_and_the_others_go_on(live: Exchange, client: MarketData) -> None:
    notes: list[str] = []
    sleeper = Sleeper(live, {"10:23": lambda: live.samples.pop(BTC)})
    watch = watched(live, client, [BTC, ETH], note=notes.append, sleep=sleeper)
    found = list(islice(watch.rows(), 20))
    assert stamps(found, ETH) == minutes("10:18", len(stamps(found, ETH)))
    assert len(stamps(found, BTC)) < len(stamps(found, ETH))
    [note] = notes
    assert BTC in note
    assert "not followed any longer" in note


def test_when_no_market_is_left_it_ends(live: Exchange, client: MarketData) -> None:
    sleeper = Sleeper(live, {"10:23": lambda: live.samples.pop(BTC)})
    found: list[OpenInterest] = []
    with pytest.raises(NotFoundError, match=BTC):
        found.extend(watched(live, client, [BTC], sleep=sleeper).rows())


def behind(exchange: Exchange, minutes: int) -> None:
    exchange.skew = timedelta(minutes=-minutes)


def test_a_clock_that_goes_back_is_told_and_waited_for(live: Exchange, client: MarketData) -> None:
    notes: list[str] = []
    sleeper = Sleeper(live, {"10:23": lambda: behind(live, 5)})
    found = list(islice(watched(live, client, [BTC], note=notes.append, sleep=sleeper).rows(), 10))
    assert stamps(found) == minutes("10:18", 10)
    [note] = notes
    assert "the clock went back" in note


def test_a_clock_that_goes_far_back_ends_what_writes_a_table(live: Exchange, client: MarketData, table: Path) -> None:
    sleeper = Sleeper(live, {"10:23": lambda: behind(live, 50)})
    watch = watched(live, client, [BTC], table=Table(table, create=True), sleep=sleeper)
    with pytest.raises(StoreError, match="this machine's clock says 2026-05-20T09:"):
        list(islice(watch.rows(), 100))
    assert [f"{ts:%H:%M}" for ts in rows(table, BTC, "1m")] == minutes("10:18", 4)


@pytest.mark.parametrize(("markets", "interval"), [([""], "1m"), ([BTC], "2m")])
def test_a_wrong_watch_is_refused(client: MarketData, markets: list[str], interval: Any) -> None:
    with pytest.raises(UsageError):
        Watch(client, markets, interval)


def test_the_clock_is_the_client_s(live: Exchange, client: MarketData) -> None:
    assert AsyncMarketData._clock() == live.now
    assert watched(live, client, [BTC]).at[BTC] == micros(to_instant("2026-05-20T10:18", "at"))
