"""Series of a second endpoint: everything that works for open interest works with one signed decimal."""

from __future__ import annotations

import pickle
from dataclasses import replace
from decimal import Decimal
from typing import Any

import matplotlib as mpl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from allium_market_data.errors import UsageError
from allium_market_data.series.align import align, totals
from allium_market_data.series.generic import Series
from allium_market_data.series.plot import plot
from allium_market_data.series.series import OpenInterestSeries
from support.funding_rates import FUNDING_RATES, FundingRate, rates
from support.sample_series import MARKET, instant, series

mpl.use("agg")
signed = st.decimals(-100, 100, places=6).map(lambda value: f"{value:f}")


@given(st.lists(signed, min_size=1, max_size=50), st.data())
def test_rows_slices_and_gaps_are_those_of_the_endpoint(texts: list[str], data: st.DataObject) -> None:
    hours = sorted(data.draw(st.sets(st.integers(0, 70), min_size=len(texts), max_size=len(texts))))
    original = rates(texts, hours, 72)
    stamps = [instant(hour, "1h") for hour in hours]
    expected = [FundingRate(MARKET, stamp, Decimal(text)) for stamp, text in zip(stamps, texts, strict=True)]
    assert list(original) == expected
    assert original.values("rate") == [row.rate for row in original]
    cut = data.draw(st.integers(-80, 80))
    assert [*original[:cut], *original[cut:]] == list(original)
    assert sum(gap.buckets for gap in original.gaps()) == 72 - len(hours)
    assert pickle.loads(pickle.dumps(original)) == original  # noqa: S301
    table = original.to_arrow()
    assert (
        Series.from_frame(table.take(pa.array(range(len(table))[::-1], pa.int64())), endpoint=FUNDING_RATES) == original
    )


@given(st.lists(signed, min_size=1, max_size=30))
def test_dense_and_aligned_rows_have_the_columns_of_the_endpoint(texts: list[str]) -> None:
    one, other = rates(texts, range(0, 2 * len(texts), 2), 60), rates(texts, end=60, market_id="a:b:c")
    dense: Any = one.densify(fill="last")
    assert [row.rate for row in dense if not row.filled] == [row.rate for row in one]
    assert dense[0]._fields == ("market_id", "ts", "rate", "provisional", "filled")
    aligned = align({"x": one, "y": other})
    assert aligned.to_arrow().column_names[1:3] == [f"{MARKET}:rate", f"{MARKET}:provisional"]
    sums = totals(one, other, missing="skip")
    assert sums[0].total == 2 * Decimal(texts[0])
    assert sum(total.markets for total in sums) == 2 * len(texts)


def test_a_coarser_bucket_and_a_chart_of_negative_values() -> None:
    original = rates(["-0.5", "0.25", "-0.75", "0"] * 2, provisional=[7])
    assert [row.rate for row in original.resample("4h")] == [0, 0]
    axes = Figure().add_subplot()
    plot(original, axes=axes)
    line: Any = axes.get_lines()[0]
    assert list(line.get_ydata())[:3] == [-0.5, 0.25, -0.75]
    assert "per hour" in axes.get_ylabel()
    assert "<Series 'hl:perp:BTC-USDC' 1h" in repr(original)
    assert "-0.75" in original._repr_html_()


@pytest.mark.parametrize("decimals", ["exact", "text"])
def test_a_negative_value_is_refused_where_decimals_are_not_signed(decimals: Any) -> None:
    table = rates(["1", "-1"]).to_arrow(decimals=decimals)
    columns = {"market_id": table["market_id"], "ts": table["ts"], "provisional": table["provisional"]}
    unsigned = pa.table({**columns, "oi_base": table["rate"], "oi_quote_usd": table["rate"]})
    with pytest.raises(UsageError, match="oi_base in row 1 is '-1', not a plain non-negative decimal"):
        OpenInterestSeries.from_frame(unsigned, interval="1h", start=instant(0, "1h"), end=instant(2, "1h"))
    again: Series[FundingRate] = Series.from_frame(table, endpoint=FUNDING_RATES)
    assert again == rates(["1", "-1"])


def test_series_of_different_endpoints_are_not_mixed() -> None:
    with pytest.raises(UsageError, match="cannot align funding_rates and open_interest"):
        align(rates(["1"]), series([0], interval="1h", market_id="a:b:c"))
    with pytest.raises(UsageError, match="pass endpoint="):
        Series.from_frame(rates(["1"]).to_arrow())
    with pytest.raises(UsageError, match="a series of funding_rates has the columns rate"):
        replace(series([0]), endpoint=FUNDING_RATES)
