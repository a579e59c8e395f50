"""Derived series say what the server would say, add exactly, and invent nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeAlias

import pyarrow as pa
import pytest
from hypothesis import assume, event, example, given
from hypothesis import strategies as st

from allium_market_data import OpenInterestSeries, align, totals
from allium_market_data.errors import IncompleteError, SpanWarning, UsageError
from allium_market_data.model.intervals import DAY, HOUR, INTERVALS, MINUTE, WIDTHS, Interval, ceil
from allium_market_data.model.rows import Columns
from allium_market_data.model.times import from_micros, micros
from allium_market_data.sandbox.answer import select
from allium_market_data.sandbox.query import Query
from allium_market_data.sandbox.readings import Reading
from support.budget import examples
from support.sample_series import MARKET, columns, instant, provenance, series
from support.strategies import AROUND, ListHistory, histories, plain_decimals

PAIRS: list[tuple[Interval, Interval]] = [
    (fine, coarse) for fine in INTERVALS for coarse in INTERVALS if WIDTHS[fine] < WIDTHS[coarse] <= 60 * WIDTHS[fine]
]
LATER = AROUND + 1000 * DAY
row_readings = st.builds(
    Reading, label=st.sampled_from(["start", "end"]), empty=st.sampled_from(["omitted", "carried"])
)

Case: TypeAlias = tuple[Interval, Interval, ListHistory, tuple[int, int], int]
"""A finer and a coarser interval, a market, a span, and the time of the fetch."""


def fetched(
    history: ListHistory, reading: Reading, interval: Interval, span: tuple[int, int], now: int
) -> OpenInterestSeries:
    """The series that a client fetches in one instant ``now`` from a sandbox that has the samples before it."""
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
def cases(draw: st.DrawFn) -> Case:
    """Aligned and unaligned spans, fetched in the middle of the span, at its end and later."""
    fine, coarse = draw(st.sampled_from(PAIRS))
    width, wide = WIDTHS[fine], WIDTHS[coarse]
    buckets = draw(st.integers(1, 4 * wide // width))
    history = draw(histories(fine, buckets))
    offset = st.sampled_from([0, 0, 1, -1, width, -width, width // 2, wide // 2])
    start = AROUND + draw(offset)
    end = max(start + 1, AROUND + buckets * width + draw(offset))
    if draw(st.booleans()):
        end = max(start + 1, ceil(end, wide) + draw(offset))
    now = draw(st.one_of(st.just(LATER), st.integers(start - wide, end + wide), st.just(end)))
    return fine, coarse, history, (start, end), now


@given(cases(), row_readings)
@examples(100)
@example(("1m", "1h", ListHistory([(AROUND, "1", "1")]), (AROUND, AROUND + HOUR), LATER), Reading())
@example(("1m", "1h", ListHistory([(AROUND, "1", "1")]), (AROUND, AROUND + 59 * MINUTE), LATER), Reading())
@example(("1m", "1h", ListHistory([(AROUND, "1", "1")]), (AROUND, AROUND + 1), AROUND + 1), Reading())
@example(
    ("1m", "1h", ListHistory([(AROUND - 5 * MINUTE, "1", "1")]), (AROUND, AROUND + HOUR), LATER), Reading(label="end")
)
def test_a_resampled_series_is_what_the_server_would_return(case: Case, reading: Reading) -> None:
    fine, coarse, history, span, now = case
    resampled = fetched(history, reading, fine, span, now).resample(coarse, label=reading.label)
    kept = micros(resampled.start), micros(resampled.end)
    assert span[0] <= kept[0] <= kept[1] <= span[1]
    expected = fetched(history, reading, coarse, kept, now)
    rows, expected_rows = resampled.columns, expected.columns
    assert (rows.ts, rows.values) == (expected_rows.ts, expected_rows.values)
    if reading.label == "start":
        assert rows.provisional == expected_rows.provisional
    else:  # a client cannot know that a label names an end, so it regards buckets as open for longer
        ended = [micros(label) < now for label in rows.ts]
        assert all(flag or end for flag, end in zip(rows.provisional, ended, strict=True))
        flags = zip(rows.provisional, expected_rows.provisional, strict=True)
        assert all(expected_flag or not flag for flag, expected_flag in flags)
    assert resampled.gaps() == expected.gaps()
    event(f"{len(rows) > 0} rows, end kept {kept[1] == span[1]}, start kept {kept[0] == span[0]}")


@given(cases(), row_readings)
def test_resampling_keeps_every_bucket_that_the_span_covers(case: Case, reading: Reading) -> None:
    fine, coarse, history, span, now = case
    resampled = fetched(history, reading, fine, span, now).resample(coarse, label=reading.label)
    width, wide = WIDTHS[fine], WIDTHS[coarse]
    lead, shift = (wide, width) if reading.label == "end" else (0, 0)  # from the start of a bucket to its label
    for label in range(ceil(span[0], wide), span[1], wide):
        finer_labels = range(label - lead + shift, label - lead + wide + shift, width)
        covered = all(span[0] <= finer < span[1] for finer in finer_labels)
        assert not covered or micros(resampled.start) <= label < micros(resampled.end)


@given(cases())
@examples(25)
def test_resampling_in_two_steps_changes_nothing(case: Case) -> None:
    fine, coarse, history, (start, end), now = case
    original = fetched(history, Reading(), fine, (start, ceil(end, WIDTHS[coarse])), now)
    for middle in INTERVALS:
        if WIDTHS[fine] <= WIDTHS[middle] <= WIDTHS[coarse]:
            assert original.resample(middle).resample(coarse) == original.resample(coarse)


market_ids = st.sampled_from(["hl:perp:BTC-USDC", "hl:perp:ETH-USDC", "bybit:perp:BTC-USDT", "a:b:c"])


@st.composite
def any_series(draw: st.DrawFn, market_id: str = MARKET) -> OpenInterestSeries:
    buckets = sorted(draw(st.sets(st.integers(0, 30), max_size=12)))
    start = draw(st.integers(-3, buckets[0] if buckets else 3))
    end = draw(st.integers(buckets[-1] + 1 if buckets else start + 1, 40))
    texts = st.lists(plain_decimals(), min_size=len(buckets), max_size=len(buckets))
    provisional = draw(st.sets(st.sampled_from(buckets))) if buckets else set()
    rows = columns(buckets, draw(texts), draw(texts), provisional=sorted(provisional))
    started, finished = map(instant, draw(st.sampled_from([(20, 21), (30, 30), (500, 600)])))
    original = series(rows, start, end, market_id=market_id)
    return replace(original, provenance=replace(original.provenance, started=started, finished=finished))


several_series = st.lists(market_ids, min_size=1, max_size=4, unique=True).flatmap(
    lambda names: st.tuples(*(any_series(name) for name in names))
)


@given(any_series(), st.sampled_from([None, "last"]))
@examples(25)
def test_a_dense_series_is_the_rows_and_the_gaps(original: OpenInterestSeries, fill: Any) -> None:
    dense = original.densify(fill=fill)
    width = timedelta(microseconds=WIDTHS[original.interval])
    missing = [gap.start + k * width for gap in original.gaps() for k in range(gap.buckets)]
    assert [row.ts for row in dense] == sorted([*original.columns.ts, *missing])
    rows = {row.ts: row for row in original}
    last = None
    for row in dense:
        last = rows.get(row.ts, last)
        may_come = row.ts not in rows and row.ts + width >= original.provenance.started
        has_value = last is not None and (row.ts in rows or fill == "last")
        values = (last.oi_base, last.oi_quote_usd) if last is not None and has_value else (None, None)
        assert (row.oi_base, row.oi_quote_usd) == values
        assert row.filled == (has_value and row.ts not in rows)
        assert row.provisional == (may_come or (last is not None and has_value and last.provisional))


of_the_common_span = pytest.mark.filterwarnings("ignore::allium_market_data.errors.SpanWarning")


@of_the_common_span
@given(several_series, st.sampled_from([None, "last"]))
@examples(25)
def test_aligned_markets_have_each_row_of_the_common_span_once(group: Any, fill: Any) -> None:
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
        own = [row for row in one.densify(fill=fill) if start <= row.ts < end]
        rows = list(aligned[one.market_id])
        assert rows[: len(own)] == own
        assert all(row.provisional and (row.filled or row.oi_base is None) for row in rows[len(own) :])
        names = ("oi_base", "oi_quote_usd", "provisional", "filled")
        assert [tuple(row[f"{one.market_id}:{name}"] for name in names) for row in wide] == [row[2:] for row in rows]


@of_the_common_span
@given(several_series)
@examples(25)
def test_totals_are_exact_sums_and_count_their_markets(group: Any) -> None:
    assume(max(one.start for one in group) < min(one.end for one in group))
    sums = totals(*group, missing="skip")
    for total, rows in zip(sums, align(*group).rows(), strict=True):
        parts = [row.oi_quote_usd for row in rows if row.oi_quote_usd is not None]
        assert total.markets == len(parts)
        assert (total.total is None) == (not parts)
        assert total.provisional == any(row.provisional for row in rows)
        if total.total is not None:
            assert Fraction(total.total) == sum(map(Fraction, parts))
    if all(total.markets == len(group) for total in sums):
        assert totals(*group) == sums
    else:
        with pytest.raises(IncompleteError, match="has no row in"):
            totals(*group)


@given(several_series)
@examples(25)
def test_a_shrunk_span_is_said_unless_the_series_were_cut_to_it(group: Any) -> None:
    start, end = max(one.start for one in group), min(one.end for one in group)
    assume(start < end)
    if any((one.start, one.end) != (start, end) for one in group):
        with pytest.warns(SpanWarning, match="it leaves out") as caught:
            aligned = align(*group)
        assert caught[0].filename == __file__
    else:
        aligned = align(*group)
    again = align(*(one[start:end] for one in group))
    # A row beyond the common span shows that the buckets before it had begun; cut off, it does not.
    assert again.to_arrow() == aligned.to_arrow()[: len(again.ts)]
    assert all(row.oi_base is None for rows in list(aligned.rows())[len(again.ts) :] for row in rows)
    assert align({one.market_id: one[start:end] for one in group}).to_arrow() == again.to_arrow()


def test_a_total_of_very_different_amounts_keeps_every_digit() -> None:
    tiny, huge = "0." + "0" * 59 + "7", "9" * 60
    group = [series(columns([0], ["1"], [text]), market_id=name) for text, name in ((tiny, "a:b:c"), (huge, "d:e:f"))]
    assert str(totals(*group)[0].total) == huge + tiny[1:]


@given(any_series(), st.integers(1, 60))
@examples(25)
def test_an_implied_price_is_the_quotient_rounded_once(original: OpenInterestSeries, digits: int) -> None:
    prices = original.implied_price(digits=digits)
    floats = original.implied_price(decimals="float")
    for row, price, nearest in zip(original, prices, floats, strict=True):
        if row.oi_base == 0:
            assert price is None
            assert nearest is None
            continue
        assert price is not None
        exact = Fraction(row.oi_quote_usd) / Fraction(row.oi_base)
        assert nearest == float(exact)
        assert len(price.as_tuple().digits) <= digits
        unit = Fraction(10) ** (price.adjusted() - digits + 1)
        assert abs(Fraction(price) - exact) <= unit / 2


@given(any_series(), st.randoms(use_true_random=False), st.sampled_from(["exact", "text"]))
@examples(25)
def test_the_rows_of_a_table_in_any_order_become_the_series(
    original: OpenInterestSeries, random: Any, decimals: Any
) -> None:
    table = original.to_arrow(decimals=decimals)
    order = list(range(len(table)))
    random.shuffle(order)
    shuffled = table.take(pa.array(order, pa.int64()))
    other = series([0, 1, 2], market_id="other:perp:X").to_arrow(decimals=decimals).cast(table.schema)
    if len(original):
        assert OpenInterestSeries.from_frame(shuffled) == original
    mixed = pa.concat_tables([shuffled, other])
    assert OpenInterestSeries.from_frame(mixed, market_id=original.market_id) == original


@given(any_series(), st.integers(0, 10), st.integers(1, 20))
@examples(25)
def test_a_narrower_span_selects_a_part_of_the_series(original: OpenInterestSeries, skip: int, length: int) -> None:
    start = original.start + timedelta(minutes=skip)
    end = start + timedelta(minutes=length)
    assume(end <= original.end)
    part = OpenInterestSeries.from_frame(original.to_arrow(), market_id=original.market_id, start=start, end=end)
    assert list(part) == [row for row in original if start <= row.ts < end]
    assert all(isinstance(row.oi_base, Decimal) for row in part)
