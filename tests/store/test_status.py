"""The status of a table as values and as a chart, and its comparison with the server."""

from __future__ import annotations

from pathlib import Path

import pytest

from allium_market_data import MarketData
from allium_market_data.errors import OutputError, UsageError
from allium_market_data.model.intervals import HOUR, Interval
from allium_market_data.model.times import micros
from allium_market_data.store import SeriesStatus, backfill, status, update, verify
from allium_market_data.store.status_plot import plot_status, row_shares
from allium_market_data.validation import to_instant
from support.exchange import BTC, ETH, Exchange

SPAN = "2026-04-20", "2026-05-12"


def span(start: str, end: str) -> tuple[int, int]:
    return micros(to_instant(start, "start")), micros(to_instant(end, "end"))


@pytest.fixture
def filled(exchange: Exchange, client: MarketData, table: Path) -> Exchange:
    for market in (BTC, ETH):
        exchange.fill(market, "2026-04-01", "2026-05-25")
    for label in ("2026-04-25T03:00", "2026-05-02T03:00", "2026-05-02T04:00"):
        exchange.remove(BTC, label)
    backfill(BTC, "1h", *SPAN, table, client=client)
    backfill(ETH, "1h", "2026-04-20", "2026-04-22", table, client=client)
    backfill(ETH, "1h", "2026-05-02", "2026-05-03", table, client=client)
    return exchange


def test_status_has_rows_windows_gaps_and_missing_buckets(filled: Exchange, client: MarketData, table: Path) -> None:
    btc, eth = status(table)
    assert (btc.key, btc.rows, btc.missing, btc.gaps) == (("1h", BTC), 22 * 24 - 3, 3, ())
    assert btc.complete == (span(*SPAN),)
    assert btc.months == (("2026-04", 11 * 24 - 1, 11 * 24), ("2026-05", 11 * 24 - 2, 11 * 24))
    assert (eth.rows, eth.missing) == (72, 0)
    assert eth.gaps == (span("2026-04-22", "2026-05-02"),)
    april, may = row_shares(btc)
    assert april == (span("2026-04-20", "2026-05-01"), (11 * 24 - 1) / (11 * 24))
    assert may == (span("2026-05-01", "2026-05-12"), (11 * 24 - 2) / (11 * 24))
    update(table, client=client, markets=[ETH], provisional=True)
    assert status(table)[1].provisional == 1
    assert status(table)[1].missing == 0


def test_the_status_of_an_empty_table_is_empty(exchange: Exchange, client: MarketData, table: Path) -> None:
    exchange.fill(BTC, "2026-04-01", "2026-05-25")
    backfill(BTC, "1h", "2026-06-01", "2026-06-02", table, client=client)
    assert status(table) == []


def status_with_gap(market: str, months: int) -> SeriesStatus:
    """A status with a gap of one hour in the middle."""
    starts = [f"{2023 + n // 12}-{n % 12 + 1:02}-01" for n in range(months + 1)]
    first, last = span(starts[0], starts[-1])
    middle = (first + last) // 2 // HOUR * HOUR
    interval: Interval = "1h"
    counts = tuple((start[:7], 300, 672) for start in starts)
    return SeriesStatus((interval, market), 9, 0, ((first, middle), (middle + HOUR, last)), counts)


@pytest.mark.parametrize(("markets", "months"), [(0, 0), (1, 36), (40, 36)])
def test_the_chart_fits_its_image_and_shows_a_short_gap(tmp_path: Path, markets: int, months: int) -> None:
    from matplotlib.image import imread

    file = tmp_path / "table.png"
    plot_status([status_with_gap(f"venue{n}:perp:SOMETHING-{n}-USDC", months) for n in range(markets)], file)
    pixels = imread(file)
    for edge in (pixels[:2], pixels[-2:], pixels[:, :2], pixels[:, -2:]):
        assert (edge[..., :3] == 1).all(), "something is cut off"
    red, _, blue = (pixels[40:, :, n] for n in range(3))
    assert (red > blue + 0.2).any() == bool(markets)


def test_a_chart_is_overwritten_only_on_request(tmp_path: Path) -> None:
    file = tmp_path / "chart.png"
    file.write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        plot_status([], file)
    assert file.read_text() == "mine"
    plot_status([], file, overwrite=True)
    assert file.read_bytes()[1:4] == b"PNG"
    with pytest.raises(UsageError, match="png"):
        plot_status([], tmp_path / "chart.txt")


def test_verify_finds_no_difference_in_a_fresh_table(filled: Exchange, client: MarketData, table: Path) -> None:
    result = verify(table, client=client)
    assert result.differences == ()
    assert (result.windows > 10, result.rows > 500, result.requests > 10) == (True, True, True)


def test_verify_finds_each_kind_of_difference_and_writes_nothing(
    filled: Exchange, client: MarketData, table: Path
) -> None:
    filled.put(BTC, "2026-04-28T07:00", "1.5", "2")
    filled.remove(BTC, "2026-04-29T07:00")
    filled.put(BTC, "2026-04-25T03:00", "1", "1")
    files = sorted(table.rglob("*"))
    result = verify(table, windows=60, client=client)
    differences = "\n".join(sorted(set(result.differences)))
    assert f"{BTC} 1h 2026-04-28T07:00:00Z: oi_base is" in differences
    assert "and 1.500000000000000000 on the server" in differences
    assert f"{BTC} 1h 2026-04-29T07:00:00Z: the table has a row, the server has none" in differences
    assert f"{BTC} 1h 2026-04-25T03:00:00Z: the server has a row, the table has none" in differences
    assert len(set(result.differences)) == 4
    assert sorted(table.rglob("*")) == files


def test_verify_needs_a_window(client: MarketData, table: Path) -> None:
    with pytest.raises(UsageError, match="at least 1"):
        verify(table, windows=0, client=client)
