"""What a table holds, in words and as a picture; and whether it is what the server says."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from allium_market_data import MarketData
from allium_market_data.errors import OutputError, UsageError
from allium_market_data.model.intervals import Interval
from allium_market_data.model.times import micros
from allium_market_data.store import Standing, backfill, status, update, verify
from allium_market_data.store.status import show
from allium_market_data.store.status_plot import plot, shares
from allium_market_data.validation import to_instant
from support.exchange import BTC, ETH, Exchange

SPAN = "2026-04-20", "2026-05-12"


def span(start: str, end: str) -> tuple[int, int]:
    return micros(to_instant(start, "start")), micros(to_instant(end, "end"))


@pytest.fixture
def filled(exchange: Exchange, client: MarketData, table: Path) -> Exchange:
    for market in (BTC, ETH):
        exchange.fill(market, "2026-04-01", "2026-05-25")
    for lost in ("2026-04-25T03:00", "2026-05-02T03:00", "2026-05-02T04:00"):
        exchange.take(BTC, lost)
    backfill(BTC, "1h", *SPAN, table, client=client)
    backfill(ETH, "1h", "2026-04-20", "2026-04-22", table, client=client)
    backfill(ETH, "1h", "2026-05-02", "2026-05-03", table, client=client)
    return exchange


def test_status_tells_rows_windows_gaps_and_what_the_server_lacks(
    filled: Exchange, client: MarketData, table: Path
) -> None:
    btc, eth = status(table)
    assert (btc.series, btc.rows, btc.missing, btc.gaps) == (("1h", BTC), 22 * 24 - 3, 3, ())
    assert btc.complete == (span(*SPAN),)
    assert btc.months == (("2026-04", 11 * 24 - 1, 11 * 24), ("2026-05", 11 * 24 - 2, 11 * 24))
    assert (eth.rows, eth.missing) == (72, 0)
    assert eth.gaps == (span("2026-04-22", "2026-05-02"),)
    update(table, client=client, markets=[ETH], provisional=True)
    assert status(table)[1].provisional == 1
    assert status(table)[1].missing == 0


def test_status_is_shown_as_a_table(filled: Exchange, table: Path) -> None:
    console = Console(width=160, record=True)
    console.print(show(status(table)))
    said = console.export_text()
    assert all(part in said for part in (BTC, ETH, "2026-04-20 00:00", "525", "1, 2026-04-22"))


def test_the_status_of_an_empty_table_is_empty(exchange: Exchange, client: MarketData, table: Path) -> None:
    exchange.fill(BTC, "2026-04-01", "2026-05-25")
    backfill(BTC, "1h", "2026-06-01", "2026-06-02", table, client=client)
    assert status(table) == []


def standing(market: str, months: int) -> Standing:
    """One with a gap in the middle."""
    starts = [f"{2023 + n // 12}-{n % 12 + 1:02}-01" for n in range(months + 1)]
    first, last = span(starts[0], starts[-1])
    middle = (first + last) // 2 // 3_600_000_000 * 3_600_000_000
    complete = ((first, middle), (middle + 3_600_000_000, last))
    interval: Interval = "1h"
    return Standing((interval, market), 9, 0, complete, tuple((start[:7], 300, 672) for start in starts))


@pytest.mark.parametrize(("markets", "months"), [(0, 0), (1, 1), (1, 36), (40, 36)])
def test_the_picture_has_room_for_all_that_it_says(tmp_path: Path, markets: int, months: int) -> None:
    """Nothing reaches over the edge: the outermost pixels are white."""
    from matplotlib.image import imread

    file = tmp_path / "table.png"
    plot([standing(f"venue{n}:perp:SOMETHING-{n}-USDC", months) for n in range(markets)], file)
    pixels = imread(file)
    for edge in (pixels[:2], pixels[-2:], pixels[:, :2], pixels[:, -2:]):
        assert (edge[..., :3] == 1).all()
    red, _, blue = (pixels[40:, :, n] for n in range(3))
    assert (red > blue + 0.2).any() == bool(markets), "an hour's gap shows, in three years too"


def test_each_complete_window_has_the_share_of_its_buckets_with_a_row(filled: Exchange, table: Path) -> None:
    april, may = shares(status(table)[0])
    assert april == (span("2026-04-20", "2026-05-01"), (11 * 24 - 1) / (11 * 24))
    assert may == (span("2026-05-01", "2026-05-12"), (11 * 24 - 2) / (11 * 24))


def test_a_picture_is_not_overwritten_unasked(tmp_path: Path) -> None:
    file = tmp_path / "there.png"
    file.write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        plot([], file)
    assert file.read_text() == "mine"
    plot([], file, overwrite=True)
    assert file.read_bytes()[1:4] == b"PNG"
    with pytest.raises(UsageError, match="png"):
        plot([], tmp_path / "there.txt")


def test_verify_is_quiet_where_nothing_differs(filled: Exchange, client: MarketData, table: Path) -> None:
    done = verify(table, client=client)
    assert done.differences == ()
    assert (done.windows > 10, done.rows > 500, done.requests > 10) == (True, True, True)


def test_verify_finds_a_value_a_row_too_many_and_one_too_few(filled: Exchange, client: MarketData, table: Path) -> None:
    filled.put(BTC, "2026-04-28T07:00", "1.5", "2")
    filled.take(BTC, "2026-04-29T07:00")
    filled.put(BTC, "2026-04-25T03:00", "1", "1")
    done = verify(table, windows=60, client=client)
    said = "\n".join(sorted(set(done.differences)))
    assert f"{BTC} 1h 2026-04-28T07:00:00Z: oi_base is" in said
    assert "and 1.500000000000000000 on the server" in said
    assert f"{BTC} 1h 2026-04-29T07:00:00Z: the table has a row, the server has none" in said
    assert f"{BTC} 1h 2026-04-25T03:00:00Z: the server has a row, the table has none" in said
    assert len(set(done.differences)) == 4


def test_verify_writes_nothing(filled: Exchange, client: MarketData, table: Path) -> None:
    filled.put(BTC, "2026-04-28T07:00", "1.5", "2")
    before = sorted(table.rglob("*"))
    verify(table, windows=60, client=client)
    assert sorted(table.rglob("*")) == before


def test_verify_needs_a_window(client: MarketData, table: Path) -> None:
    with pytest.raises(UsageError, match="at least 1"):
        verify(table, windows=0, client=client)
