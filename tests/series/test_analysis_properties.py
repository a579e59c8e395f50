"""What is made of a series says what the server would say, adds exactly, and invents nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, assume, event, example, given, settings
from hypothesis import strategies as st

from allium_market_data import OpenInterestSeries, align, totals
from allium_market_data.errors import IncompleteError, UsageError
from allium_market_data.model.intervals import DAY, HOUR, INTERVALS, MINUTE, WIDTHS, Interval, ceil
from allium_market_data.model.rows import Columns
from allium_market_data.model.times import from_micros, micros
from allium_market_data.sandbox.answer import select
from allium_market_data.sandbox.query import Query
from allium_market_data.sandbox.readings import Reading
from support.sample_series import MARKET, columns, instant, provenance, series
from support.strategies import AROUND, ListHistory, histories, plain_decimals

PAIRS: list[tuple[Interval, Interval]] = [
    (fine, coarse) for fine in INTERVALS for coarse in INTERVALS if WIDTHS[fine] < WIDTHS[coarse] <= 60 * WIDTHS[fine]
]
LATER = AROUND + 1000 * DAY
READINGS = st.builds(Reading, label=st.sampled_from(["start", "end"]), empty=st.sampled_from(["omitted", "carried"]))
many = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


def answered(
    history: ListHistory, reading: Reading, interval: Interval, span: tuple[int, int], now: int
) -> OpenInterestSeries:
    """What the client fetches in one instant from a sandbox whose market has no sample from ``now`` on."""
    known = ListHistory([sample for sample in history.samples if sample[0] < now])
    start, end = span
    query = Query(interval, start - 3 * DAY, end + 3 * DAY, 10**9)
    shift = WIDTHS[interval] if reading.label == "end" else 0
    rows = [(at + shift, b, q) for at, b, q in select(query, reading, known) if start <= at + shift < end]
    flags = [label >= now - WIDTHS[interval] for label, _, _ in rows]
    values = [b for _, b, _ in rows], [q for _, _, q in rows]
    return OpenInterestSeries(
        market_id=MARKET,
        interval=interval,
        start=from_micros(start),
        end=from_micros(end),
        columns=Columns([from_micros(label) for label, _, _ in rows], values, flags),
        provenance=replace(provenance(from_micros(now)), started=from_micros(now)),
    )


@st.composite
def cases(draw: st.DrawFn) -> tuple[Interval, Interval, ListHistory, tuple[int, int], int]:
    """A finer and a coarser interval, a market, a span, aligned or not, and the instant of the fetch."""
    fine, coarse = draw(st.sampled_from(PAIRS))
    width, wide = WIDTHS[fine], WIDTHS[coarse]
    buckets = draw(st.integers(1, 4 * wide // width))
    history = draw(histories(fine, buckets))
    odd = st.sampled_from([0, 0, 1, -1, width, -width, width // 2, wide // 2])
    start = AROUND + draw(odd)
    end = max(start + 1, AROUND + buckets * width + draw(odd))
    if draw(st.booleans()):
        end = max(start + 1, ceil(end, wide) + draw(odd))
    near = st.builds(int.__add__, st.integers(start - wide, end + wide), st.just(0))
    return fine, coarse, history, (start, end), draw(st.one_of(st.just(LATER), near, st.just(end)))


@given(cases(), READINGS)
@settings(many, max_examples=300)
@example(("1m", "1h", ListHistory([(AROUND, "1", "1")]), (AROUND, AROUND + HOUR), LATER), Reading())
@example(("1m", "1h", ListHistory([(AROUND, "1", "1")]), (AROUND, AROUND + 59 * MINUTE), LATER), Reading())
@example(("1m", "1h", ListHistory([(AROUND, "1", "1")]), (AROUND, AROUND + 1), AROUND + 1), Reading())
@example(
    ("1m", "1h", ListHistory([(AROUND - 5 * MINUTE, "1", "1")]), (AROUND, AROUND + HOUR), LATER), Reading(label="end")
)
def test_a_coarser_series_is_what_the_server_says_for_that_interval(
    case: tuple[Interval, Interval, ListHistory, tuple[int, int], int], reading: Reading
) -> None:
    fine, coarse, history, span, now = case
    ours = answered(history, reading, fine, span, now).resample(coarse, label=reading.label)
    kept = micros(ours.start), micros(ours.end)
    assert span[0] <= kept[0] <= kept[1] <= span[1]
    theirs = answered(history, reading, coarse, kept, now)
    found, truth = ours.columns, theirs.columns
    assert (found.ts, found.values) == (truth.ts, truth.values)
    if reading.label == "start":
        assert found.provisional == truth.provisional
    else:  # a client does not know that a label names an end, so it must believe buckets open for longer
        closed = [micros(label) < now for label in found.ts]
        assert all(flag or over for flag, over in zip(found.provisional, closed, strict=True))
        assert all(theirs or not mine for mine, theirs in zip(found.provisional, truth.provisional, strict=True))
    assert ours.gaps() == theirs.gaps()
    event(f"{len(found) > 0} rows, tail kept {kept[1] == span[1]}, head kept {kept[0] == span[0]}")


@given(cases(), READINGS)
@settings(many, max_examples=100)
def test_no_coarser_bucket_is_left_out_that_the_span_covers(
    case: tuple[Interval, Interval, ListHistory, tuple[int, int], int], reading: Reading
) -> None:
    fine, coarse, history, span, now = case
    ours = answered(history, reading, fine, span, now).resample(coarse, label=reading.label)
    width, wide = WIDTHS[fine], WIDTHS[coarse]
    lead = wide if reading.label == "end" else 0  # from the start of a bucket to its label
    shift = width if reading.label == "end" else 0
    for label in range(ceil(span[0], wide), span[1], wide):
        finer = range(label - lead + shift, label - lead + wide + shift, width)
        covered = all(span[0] <= one < span[1] for one in finer)
        assert not covered or micros(ours.start) <= label < micros(ours.end)


@given(cases())
@settings(many, max_examples=50)
def test_resampling_by_way_of_another_interval_changes_nothing(
    case: tuple[Interval, Interval, ListHistory, tuple[int, int], int],
) -> None:
    fine, coarse, history, (start, end), now = case
    between = [one for one in INTERVALS if WIDTHS[fine] <= WIDTHS[one] <= WIDTHS[coarse]]
    whole = (start, ceil(end, WIDTHS[coarse]))
    one = answered(history, Reading(), fine, whole, now)
    for middle in between:
        assert one.resample(middle).resample(coarse) == one.resample(coarse)


markets = st.sampled_from(["hl:perp:BTC-USDC", "hl:perp:ETH-USDC", "bybit:perp:BTC-USDT", "a:b:c"])


@st.composite
def one_series(draw: st.DrawFn, market_id: str = MARKET) -> OpenInterestSeries:
    buckets = sorted(draw(st.sets(st.integers(0, 30), max_size=12)))
    start = draw(st.integers(-3, buckets[0] if buckets else 3))
    end = draw(st.integers(buckets[-1] + 1 if buckets else start + 1, 40))
    texts = st.lists(plain_decimals(), min_size=len(buckets), max_size=len(buckets))
    late = draw(st.sets(st.sampled_from(buckets))) if buckets else set()
    made = columns(buckets, draw(texts), draw(texts), provisional=sorted(late))
    fetched = draw(st.sampled_from([(20, 21), (30, 30), (500, 600)]))
    one = series(made, start, end, market_id=market_id)
    started, finished = map(instant, fetched)
    return replace(one, provenance=replace(one.provenance, started=started, finished=finished))


several = st.lists(markets, min_size=1, max_size=4, unique=True).flatmap(
    lambda names: st.tuples(*(one_series(name) for name in names))
)


@given(one_series(), st.sampled_from([None, "last"]))
def test_a_dense_series_is_the_rows_and_the_gaps_and_nothing_else(one: OpenInterestSeries, fill: Any) -> None:
    dense = one.densify(fill=fill)
    width = timedelta(microseconds=WIDTHS[one.interval])
    missing = [gap.start + k * width for gap in one.gaps() for k in range(gap.buckets)]
    assert [row.ts for row in dense] == sorted([*one.columns.ts, *missing])
    rows = {row.ts: row for row in one}
    last = None
    for row in dense:
        last = rows.get(row.ts, last)
        if row.ts in rows:
            assert (row.oi_base, row.oi_quote_usd, row.filled) == (last.oi_base, last.oi_quote_usd, False)  # type: ignore[union-attr]
            assert row.provisional == rows[row.ts].provisional
            continue
        still_open = row.ts + width >= one.provenance.started
        if fill is None or last is None:
            assert (row.oi_base, row.oi_quote_usd, row.filled) == (None, None, False)
            assert row.provisional == still_open
        else:
            assert (row.oi_base, row.oi_quote_usd, row.filled) == (last.oi_base, last.oi_quote_usd, True)
            assert row.provisional == (last.provisional or still_open)


@given(several, st.sampled_from([None, "last"]))
@settings(many, max_examples=30)
def test_aligned_markets_hold_each_row_of_the_common_span_once(group: Any, fill: Any) -> None:
    start, end = max(one.start for one in group), min(one.end for one in group)
    if start >= end:
        with pytest.raises(UsageError, match="no common span"):
            align(*group)
        return
    aligned = align(*group, fill=fill)
    assert list(aligned) == [one.market_id for one in group]
    wide = aligned.to_arrow().to_pylist()
    assert [row["ts"] for row in wide] == aligned.ts == sorted(set(aligned.ts))
    for one in group:
        dense = one.densify(fill=fill)
        mine = [row for row in dense if start <= row.ts < end]
        rows = list(aligned[one.market_id])
        assert rows[: len(mine)] == mine
        assert all(row.provisional and (row.filled or row.oi_base is None) for row in rows[len(mine) :])
        names = ("oi_base", "oi_quote_usd", "provisional", "filled")
        assert [tuple(row[f"{one.market_id}:{name}"] for name in names) for row in wide] == [row[2:] for row in rows]


@given(several)
@settings(many, max_examples=30)
def test_totals_are_exact_sums_and_count_their_parts(group: Any) -> None:
    assume(max(one.start for one in group) < min(one.end for one in group))
    aligned = align(*group)
    found = totals(*group, missing="skip")
    for total, rows in zip(found, aligned.rows(), strict=True):
        parts = [row.oi_quote_usd for row in rows if row.oi_quote_usd is not None]
        assert total.markets == len(parts)
        assert (total.total is None) == (not parts)
        assert total.provisional == any(row.provisional for row in rows)
        if total.total is not None:
            assert Fraction(total.total) == sum(map(Fraction, parts))
    if all(total.markets == len(group) for total in found):
        assert totals(*group) == found
    else:
        with pytest.raises(IncompleteError, match="has no row in"):
            totals(*group)


def test_a_total_keeps_every_digit_of_very_different_amounts() -> None:
    tiny, huge = "0." + "0" * 59 + "7", "9" * 60
    one, other = (
        series(columns([0], ["1"], [text]), market_id=name) for text, name in ((tiny, "a:b:c"), (huge, "d:e:f"))
    )
    assert str(totals(one, other)[0].total) == huge + tiny[1:]


@given(one_series(), st.integers(1, 60))
def test_an_implied_price_is_the_quotient_rounded_once(one: OpenInterestSeries, digits: int) -> None:
    prices = one.implied_price(digits=digits)
    floats = one.implied_price(decimals="float")
    for row, price, near in zip(one, prices, floats, strict=True):
        if row.oi_base == 0:
            assert price is None
            assert near is None
            continue
        assert price is not None
        exact = Fraction(row.oi_quote_usd) / Fraction(row.oi_base)
        assert near == float(exact)
        assert len(price.as_tuple().digits) <= digits
        ulp = Fraction(10) ** (price.adjusted() - digits + 1)
        assert abs(Fraction(price) - exact) <= ulp / 2


@given(one_series(), st.randoms(use_true_random=False), st.sampled_from(["exact", "text"]))
@settings(many, max_examples=30)
def test_rows_of_a_table_become_the_series_again(one: OpenInterestSeries, random: Any, decimals: Any) -> None:
    table = one.to_arrow(decimals=decimals)
    order = list(range(len(table)))
    random.shuffle(order)
    rows = pa.array(order, pa.int64())
    stranger = series([0, 1, 2], market_id="other:perp:X").to_arrow(decimals=decimals).cast(table.schema)
    mixed = pa.concat_tables([table.take(rows), stranger])
    if len(one):
        assert OpenInterestSeries.from_frame(table.take(rows)) == one
    assert OpenInterestSeries.from_frame(mixed, market_id=one.market_id) == one


@given(one_series(), st.integers(0, 10), st.integers(1, 20))
def test_a_narrower_span_restores_a_part_of_the_series(one: OpenInterestSeries, skip: int, length: int) -> None:
    start = one.start + timedelta(minutes=skip)
    end = start + timedelta(minutes=length)
    assume(end <= one.end)
    part = OpenInterestSeries.from_frame(one.to_arrow(), market_id=one.market_id, start=start, end=end)
    assert list(part) == [row for row in one if start <= row.ts < end]
    assert all(isinstance(row.oi_base, Decimal) for row in part)
