"""A table of a second, made-up endpoint: hourly, no interval parameter, one signed decimal."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from allium_market_data import MarketData
from allium_market_data.errors import StoreError, UsageError
from allium_market_data.model.endpoint import OPEN_INTEREST, Endpoint
from allium_market_data.model.times import micros
from allium_market_data.sandbox import create_app
from allium_market_data.series.generic import Series
from allium_market_data.store import (
    Table,
    Watch,
    backfill,
    check_files,
    compact,
    forget,
    recheck_gaps,
    retire,
    status,
    update,
    verify,
)
from support.exchange import BTC, Exchange
from support.funding_rates import FUNDING_RATES, FundingRate
from support.tables import restatements

START, END = "2026-04-20", "2026-05-18"
GAP = "2026-05-17T05:00:00Z"
FUNDING: dict[str, Any] = {"endpoint": FUNDING_RATES}


@pytest.fixture
def funding(exchange: Exchange) -> Exchange:
    """An exchange that serves funding rates: below zero at two of three hours, each with 18 decimal places."""
    exchange.operation = FUNDING_RATES.operation
    exchange.app = create_app(exchange)  # type: ignore[arg-type]
    exchange.fill(BTC, START, "2026-05-20T10:00:00Z")
    history: dict[int, Any] = exchange.samples[BTC]
    for hour, at in enumerate(history):
        history[at] = (f"{'-' if hour % 3 else ''}0.{hour:018}",)
    exchange.remove(BTC, GAP)
    return exchange


def rate(exchange: Exchange, at: str, value: str) -> None:
    """Add or replace the rate of one hour."""
    exchange.put(BTC, at, value)
    history: dict[int, Any] = exchange.samples[BTC]
    history.update({at: values[:1] for at, values in history.items()})


def truth(exchange: Exchange, end: str) -> list[FundingRate]:
    """Every row before ``end``."""
    history = exchange.samples[BTC]
    return [
        FundingRate(BTC, ts, Decimal(history[micros(ts)][0]))
        for ts in exchange.labels(START, end)
        if micros(ts) in history
    ]


def stored(table: Path, end: str) -> Series[Any]:
    """What the table has before ``end``."""
    return Table(table, **FUNDING).series(BTC, "1h", START, end)


def exact(rows: Any) -> list[tuple[Any, Decimal]]:
    """Label and rate of each row; decimals are equal only if every digit is."""
    return [(row.ts, row.rate) for row in rows]


def test_rows_are_kept_digit_by_digit_through_late_and_restated_ones(
    funding: Exchange, client: MarketData, table: Path
) -> None:
    done = backfill(BTC, "1h", START, END, table, client=client, **FUNDING)
    series = stored(table, END)
    assert exact(series) == exact(truth(funding, END))
    assert (type(series), series.endpoint, done.rows) == (Series, FUNDING_RATES, 28 * 24 - 1)
    assert sum(row.rate < 0 for row in series) > 400

    rate(funding, GAP, "-0.000000000000000007")
    rate(funding, "2026-05-17T07:00:00Z", "-1.5")
    result = update(table, client=client, **FUNDING)
    assert (result.late, result.restated, result.added) == (1, 1, 2 * 24 + 9)
    assert exact(stored(table, "2026-05-20T09:00:00Z")) == exact(truth(funding, "2026-05-20T09:00:00Z"))
    (change,) = restatements(table)
    assert (change["new_rate"], change["old_rate"] == change["new_rate"]) == (Decimal("-1.5"), False)


def test_status_and_verify_know_the_endpoint(funding: Exchange, client: MarketData, table: Path) -> None:
    backfill(BTC, "1h", START, END, table, client=client, **FUNDING)
    (line,) = status(table, **FUNDING)
    assert (line.key, line.rows, line.missing, line.gaps) == (("1h", BTC), 28 * 24 - 1, 1, ())
    result = verify(table, client=client, windows=30, **FUNDING)
    assert (result.differences, result.rows > 24) == ((), True)
    for at in funding.labels("2026-05-01", "2026-05-15"):
        rate(funding, at.isoformat(), "-2")
    differences = verify(table, client=client, windows=30, **FUNDING).differences
    assert differences
    assert all("rate is " in line and " and -2.000000000000000000 on the server" in line for line in differences)


def test_every_other_command_takes_the_endpoint(funding: Exchange, client: MarketData, table: Path) -> None:
    backfill(BTC, "1h", START, END, table, client=client, **FUNDING)
    rate(funding, GAP, "-3")
    assert recheck_gaps(BTC, "1h", START, END, table, client=client, **FUNDING).late == 1
    forget(table, BTC, "2026-05-01", "2026-05-02", **FUNDING)
    again = backfill(BTC, "1h", START, END, table, client=client, **FUNDING)
    retire(table, BTC, **FUNDING)
    compact(table, **FUNDING)
    assert (again.rows, check_files(table, **FUNDING)) == (24, [])
    assert exact(stored(table, END)) == exact(truth(funding, END))


def watched(client: MarketData, **options: Any) -> Iterator[FundingRate]:
    rows: Iterator[Any] = Watch(client, [BTC], "1h", **options).rows()
    return rows


@pytest.mark.parametrize("with_table", [True, False])
def test_watch_yields_records_of_the_endpoint(
    funding: Exchange, client: MarketData, table: Path, *, with_table: bool
) -> None:
    backfill(BTC, "1h", START, "2026-05-20T08:00:00Z", table, client=client, **FUNDING)
    rows = watched(client, table=Table(table, **FUNDING)) if with_table else watched(client, **FUNDING)
    row = next(rows)
    assert row in truth(funding, "2026-05-20T10:00:00Z")
    assert isinstance(row, FundingRate)
    with pytest.raises(UsageError, match="unknown interval '1m': use one of 1h"):
        Watch(client, [BTC], "1m", **FUNDING)


def test_the_first_row_of_a_long_plan_is_searched(funding: Exchange, client: MarketData, table: Path) -> None:
    done = backfill(BTC, "1h", "2020-01-01", END, table, client=client, **FUNDING)
    assert done.requests < 60
    assert exact(stored(table, END)) == exact(truth(funding, END))


def test_another_interval_is_refused_before_a_table_is_created(funding: Exchange, table: Path) -> None:
    with pytest.raises(UsageError, match="use one of 1h"):
        backfill(BTC, "1m", START, END, table, **FUNDING)
    assert not table.exists()


def test_a_table_of_another_endpoint_is_refused(table: Path, tmp_path: Path) -> None:
    Table(table, create=True, **FUNDING)
    with pytest.raises(StoreError, match="not an open-interest table of allium-md: use another folder"):
        Table(table)
    Table(tmp_path / "interest", create=True)
    with pytest.raises(StoreError, match="not a funding-rates table of allium-md"):
        Table(tmp_path / "interest", **FUNDING)


def test_a_table_with_other_columns_is_refused(table: Path) -> None:
    Table(table, create=True)
    fewer = Endpoint(OPEN_INTEREST.operation, OPEN_INTEREST.record)
    fewer.__dict__["columns"] = ("oi_base", "oi_contracts")
    with pytest.raises(StoreError, match=r"missing: oi_contracts; unknown: oi_quote_usd.*use another folder"):
        Table(table, endpoint=fewer)
