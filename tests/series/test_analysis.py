"""Resampling, prices, alignment and totals: examples, and calls that are refused."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from allium_market_data import MarketData, align, totals
from allium_market_data.errors import IncompleteError, PrecisionError, UsageError
from support.sample_series import FIELDS, MARKET, columns, instant, series
from support.serving import Sandbox


@pytest.mark.parametrize("market", ["bitmex:perp:XBTUSD", "hl:perp:BTC-USDC"])
def test_resampled_minutes_equal_the_coarser_rows_of_the_server(sandbox: Sandbox, market: str) -> None:
    start, end = ("2019-12-26", "2019-12-29") if "bitmex" in market else ("2026-03-01", "2026-03-04")
    with MarketData(sandbox.key, sandbox.url) as client:
        minutes = client.open_interest(market, interval="1m", start=start, end=end)
        for interval in ("5m", "1h", "1d"):
            coarse = client.open_interest(market, interval=interval, start=start, end=end)
            assert minutes.resample(interval) == coarse
            assert len(coarse)


def test_the_last_row_of_a_bucket_counts_and_a_partial_bucket_is_omitted() -> None:
    coarse = series([1, 3, 4, 6, 11], 0, 13).resample("5m")
    assert [(row.ts, row.oi_base) for row in coarse] == [
        (instant(0), Decimal("4.5")),
        (instant(5), Decimal("6.5")),
    ]
    assert (coarse.start, coarse.end, coarse.interval, coarse.gaps()) == (instant(0), instant(10), "5m", [])


def test_the_bucket_in_progress_is_kept_as_provisional() -> None:
    fine = series(columns([3, 4, 6], provisional=[6]), 0, 7, finished=instant(7))
    fine = replace(fine, provenance=replace(fine.provenance, started=instant(6)))
    assert [(row.ts, row.provisional) for row in fine.resample("5m")] == [(instant(0), False), (instant(5), True)]


def test_a_span_without_a_whole_bucket_has_no_row_and_no_gap() -> None:
    coarse = series([1], 1, 3).resample("1h")
    assert (len(coarse), coarse.gaps(), coarse.start) == (0, [], coarse.end)


def test_resampling_to_the_same_interval_returns_the_series() -> None:
    original = series([1, 2])
    assert original.resample("1m") is original


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda one: one.resample("1m"), "cannot resample 5m to 1m"),
        (lambda one: one.resample("2h"), "unknown interval '2h'"),
        (lambda one: one.resample("1h", label="middle"), "unknown label 'middle'"),
        (lambda one: one.densify(fill="next"), "unknown fill 'next'"),
        (lambda one: one.implied_price(decimals="text"), "unknown decimals 'text': use one of exact, float"),
        (lambda one: one.implied_price(digits=0), "digits must be a whole number"),
        (lambda one: align(), "at least one series"),
        (lambda one: align(one, one), "occurs twice"),
        (lambda one: align(one, series([1], market_id="a:b:c")), "cannot align intervals 5m and 1m"),
        (lambda one: align(one, series([9], 9, interval="5m", market_id="a:b:c")), "no common span"),
        (lambda one: totals(one, missing="zero"), "unknown missing 'zero': use one of error, skip"),  # type: ignore[arg-type]
        (lambda one: totals(one, amount="price"), "unknown amount 'price'"),
    ],
)
def test_an_invalid_call_is_refused_with_the_reason(call: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        call(series([0, 1], interval="5m"))


def test_a_total_with_a_missing_row_says_where_and_what_to_do() -> None:
    complete, sparse = series([0, 1, 2]), series([0], 0, 3, market_id="a:b:c")
    message = r'a:b:c has no row in 2 of 3 buckets, the first at 2026-05-01T00:01:00Z \(1 of 2 .* missing="skip"'
    with pytest.raises(IncompleteError, match=message):
        totals(complete, sparse)
    assert [(total.total, total.markets) for total in totals(complete, sparse, missing="skip")] == [
        (Decimal("1.00"), 2),
        (Decimal("1.50"), 1),
        (Decimal("2.50"), 1),
    ]


def test_a_price_out_of_range_for_a_float_is_exact_as_a_decimal() -> None:
    extreme = series(columns([0], ["0." + "0" * 200 + "1"], ["9" * 200]))
    with pytest.raises(PrecisionError, match=f"the price of {MARKET} at 2026-05-01T00:00:00Z"):
        extreme.implied_price(decimals="float")
    assert extreme.implied_price(digits=3) == [Decimal("1.00E+401")]


def test_a_price_without_a_base_is_none() -> None:
    two = series(columns([0, 1], ["0.00", "2"], ["0", "3"]))
    assert two.implied_price() == [None, Decimal("1.5")]
    assert two.implied_price(decimals="float") == [None, 1.5]


def test_dense_frames_have_nulls_and_exact_decimals() -> None:
    dense = series([0, 2]).densify(fill="last")
    assert dense.to_polars()["oi_base"].to_list() == [Decimal("0.5"), Decimal("0.5"), Decimal("2.5")]
    assert dense.to_polars()["filled"].to_list() == [False, True, False]
    assert str(dense.to_pandas(decimals="exact")["oi_base"].dtype).startswith("decimal128(38, 18)")
    assert repr(dense).splitlines() == [
        f"<DenseSeries {MARKET!r} 1m: 3 rows, 1 filled, 0 empty>",
        "                    ts  oi_base  oi_quote_usd",
        "  2026-05-01T00:00:00Z     0.50          0.50",
        "  2026-05-01T00:01:00Z     0.50          0.50  provisional  filled",
        "  2026-05-01T00:02:00Z     2.50          2.50",
    ]
    assert dense[1:2] == [dense[1]]


def test_aligned_frames_have_nulls_and_exact_decimals() -> None:
    aligned = align(series([0, 2]), series([1], 0, 3, market_id="a:b:c"))
    title, heading, first, *_ = repr(aligned).splitlines()
    assert title == "<Aligned 2 markets 1m 2026-05-01T00:00:00Z to 2026-05-01T00:03:00Z: 3 buckets>"
    assert heading.split() == ["ts", *(f"{market}:{name}" for market in (MARKET, "a:b:c") for name in FIELDS)]
    assert first.split() == ["2026-05-01T00:00:00Z", "0.50", "0.50", "-", "-"]
    assert aligned.to_polars()["a:b:c:oi_quote_usd"].to_list() == [None, Decimal("1.5"), None]
    assert aligned.to_polars(decimals="float")["a:b:c:oi_quote_usd"].to_list() == [None, 1.5, None]
    assert str(aligned.to_pandas(decimals="exact")[f"{MARKET}:oi_base"].dtype).startswith("decimal128(38, 18)")


def test_a_value_that_fits_no_type_in_a_wide_table_names_its_column() -> None:
    wide = series(columns([0], ["0." + "0" * 76 + "1"]), 0, 2)
    with pytest.raises(PrecisionError, match=f"{MARKET}:oi_base at 2026-05-01T00:00:00Z"):
        align(wide).to_arrow()
