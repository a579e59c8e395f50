"""Amounts that are not those of the last sample in the bucket.

The suite sees no samples, only intervals that contradict one another. So each mutant affects intervals differently.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from decimal import Decimal
from statistics import median_low
from typing import Final

from allium_market_data.model.intervals import HOUR, INTERVALS, MINUTE, WIDTHS
from allium_market_data.sandbox.answer import Row, Span
from allium_market_data.sandbox.source import Sample

from .edits import edit_query, edit_rows
from .histories import Amounts, Delayed, Filled, Pick, Picked
from .mutant import Change, Changes, Mutant, QueryContext, Step

_LAST: Final = ("bucket.last-sample-1", "bucket.last-sample-2", "bucket.last-sample-3")
_STOCK: Final = ("bucket.stock-variable-1", *_LAST)
_INTERVAL: Final = ("interval.bucket-1", "interval.enum-1", "row.ts-boundary-1")
_COARSE: Final = tuple(interval for interval in INTERVALS if WIDTHS[interval] >= HOUR)


def picked(pick: Pick, intervals: Collection[str] = INTERVALS) -> Change[QueryContext, list[Row]]:
    """In ``intervals``, the amounts that ``pick`` computes from the samples of each bucket."""

    def change(context: QueryContext, call_next: Step[QueryContext, list[Row]]) -> list[Row]:
        if context.query.interval not in intervals:
            return call_next(context)
        return call_next(context._replace(history=Picked(context.history, pick)))

    return change


def moved_buckets(interval: str, by: int, *, labelled: bool) -> Change[QueryContext, list[Row]]:
    """In ``interval``, buckets that begin ``by`` microseconds off the boundary. ``labelled`` moves their labels too."""

    def change(context: QueryContext, call_next: Step[QueryContext, list[Row]]) -> list[Row]:
        if context.query.interval != interval:
            return call_next(context)
        rows = call_next(context._replace(history=Delayed(context.history, -by)))
        return [(start + by, base, quote) for start, base, quote in rows] if labelled else rows

    return change


def _mutant(name: str, description: str, clauses: tuple[str, ...], change: Change[QueryContext, list[Row]]) -> Mutant:
    return Mutant(name, description, clauses, Changes(select=change))


def _picked(
    name: str, description: str, pick: Pick, intervals: Collection[str] = INTERVALS, clauses: tuple[str, ...] = _LAST
) -> Mutant:
    return _mutant(name, description, clauses, picked(pick, intervals))


def _of_each(statistic: Callable[[list[Decimal]], Decimal]) -> Pick:
    """``statistic`` of each column."""

    def pick(samples: Sequence[Sample], start: int, width: int) -> Amounts:
        base, quote = (statistic([Decimal(sample[column]) for sample in samples]) for column in (1, 2))
        return f"{base:f}", f"{quote:f}"

    return pick


def _mean(numbers: list[Decimal]) -> Decimal:
    return (sum(numbers, Decimal()) / len(numbers)).quantize(Decimal("0.0001"))


def _first(samples: Sequence[Sample], start: int, width: int) -> Amounts:
    return samples[0][1:]


def _mean_of_quote(samples: Sequence[Sample], start: int, width: int) -> Amounts:
    return samples[-1][1], _of_each(_mean)(samples, start, width)[1]


def _every_seventh(samples: Sequence[Sample], start: int, width: int) -> Amounts:
    return samples[::7][-1][1:]


def _before_last_minute(samples: Sequence[Sample], start: int, width: int) -> Amounts:
    early = [sample for sample in samples if sample[0] < start + width - MINUTE]
    return (early or samples)[-1][1:]


def _stale(buckets: int, columns: Collection[int] = (1, 2)) -> Callable[[QueryContext, list[Row]], list[Row]]:
    """The amounts (of some columns) of the bucket ``buckets`` earlier."""

    def edit(context: QueryContext, rows: list[Row]) -> list[Row]:
        if not rows:
            return rows
        width = context.query.width
        # Ten more buckets than needed, for gaps. A row without an earlier one keeps its amounts.
        span = Span(rows[0][0] - (buckets + 10) * width, rows[-1][0] + width)
        earlier = context.history.last_per_bucket(width, span)
        starts = [start for start, _, _ in earlier]
        edited = []
        for row in rows:
            old = earlier[max(bisect_right(starts, row[0] - buckets * width) - 1, 0)]
            edited.append((row[0], old[1] if 1 in columns else row[1], old[2] if 2 in columns else row[2]))
        return edited

    return edit


def _amounts(edit: Callable[[str], str], intervals: Collection[str]) -> Change[QueryContext, list[Row]]:
    return edit_rows(lambda _, rows: [(start, edit(base), edit(quote)) for start, base, quote in rows], intervals)


def _zero_for_empty(context: QueryContext, call_next: Step[QueryContext, list[Row]]) -> list[Row]:
    omitting = replace(context.reading, empty="omitted")
    return call_next(context._replace(history=Filled(context.history), reading=omitting))


def _other_empty_in(interval: str) -> Change[QueryContext, list[Row]]:
    def change(context: QueryContext, call_next: Step[QueryContext, list[Row]]) -> list[Row]:
        if context.query.interval != interval:
            return call_next(context)
        other = replace(context.reading, empty="carried" if context.reading.empty == "omitted" else "omitted")
        return call_next(context._replace(reading=other))

    return change


def _finer(interval: str, replacement: str) -> Changes:
    return Changes(
        parse=edit_query(lambda query: replace(query, interval=replacement) if query.interval == interval else query)  # type: ignore[arg-type]
    )


MUTANTS: Final = (
    _picked("first-sample", "a bucket has its first sample", _first),
    _picked("mean", "a bucket has the mean of its samples", _of_each(_mean), clauses=_STOCK),
    _picked("median", "a bucket has the median of its samples", _of_each(median_low), clauses=_STOCK),
    _picked("maximum", "a bucket has the largest of its samples", _of_each(max), clauses=_STOCK),
    _picked("minimum", "a bucket has the smallest of its samples", _of_each(min), clauses=_STOCK),
    _picked(
        "sum", "a bucket has the sum of its samples", _of_each(lambda items: sum(items, Decimal())), clauses=_STOCK
    ),
    _picked("mean-of-quote", "the first amount is right, the second the mean", _mean_of_quote, clauses=_STOCK),
    _picked("first-sample-in-1m", "buckets of 1m alone have their first sample", _first, ("1m",)),
    _picked("first-sample-in-5m", "buckets of 5m alone have their first sample", _first, ("5m",)),
    _picked("mean-in-4h", "buckets of 4h alone have the mean", _of_each(_mean), ("4h",), _STOCK),
    _picked("maximum-in-1d", "buckets of 1d alone have the maximum", _of_each(max), ("1d",), _STOCK),
    _picked("coarse-from-a-sample", "from 1h on, every seventh sample counts", _every_seventh, _COARSE),
    _picked(
        "coarse-without-last-minute",
        "from 5m on, the last minute of a bucket does not count",
        _before_last_minute,
        INTERVALS[1:],
    ),
    _mutant("stale-in-15m", "buckets of 15m have the amounts of the one before", _LAST, edit_rows(_stale(1), ("15m",))),
    _mutant("stale-in-1d", "buckets of 1d have the amounts of the one before", _LAST, edit_rows(_stale(1), ("1d",))),
    _mutant("stale-by-two", "buckets have the amounts of the one two before", _LAST, edit_rows(_stale(2))),
    _mutant("stale-quote", "the second amount is that of the bucket before", _LAST, edit_rows(_stale(1, (2,)))),
    _mutant(
        "day-of-local-time",
        "buckets of 1d hold the samples of 22:00 to 22:00 UTC, under the label of the day",
        (*_LAST, "interval.bucket-1"),
        moved_buckets("1d", -2 * HOUR, labelled=False),
    ),
    _mutant(
        "coarse-rounded",
        "from 1h on, amounts are rounded to a whole number",
        _LAST,
        _amounts(lambda text: f"{Decimal(text).to_integral_value():f}", _COARSE),
    ),
    _mutant(
        "coarse-rounded-to-cents",
        "from 15m on, amounts are rounded to 2 decimals",
        _LAST,
        _amounts(lambda text: f"{Decimal(text):.2f}", INTERVALS[2:]),
    ),
    _mutant(
        "coarse-through-float",
        "from 5m on, amounts went through a binary float",
        _LAST,
        _amounts(lambda text: f"{float(text)!r}", INTERVALS[1:]),
    ),
    _mutant(
        "swapped-in-1h",
        "with interval 1h, the amounts have changed places",
        ("row.oi-base-unit-1", "row.oi-quote-usd-unit-1", *_LAST),
        edit_rows(lambda _, rows: [(start, quote, base) for start, base, quote in rows], ("1h",)),
    ),
    _mutant("empty-as-zero", "a bucket without a sample is zero", _LAST, _zero_for_empty),
    _mutant("empty-otherwise-in-1m", "1m alone treats empty buckets the other way", _LAST, _other_empty_in("1m")),
    Mutant("5m-for-15m", "a question for 15m is answered with 5m", _INTERVAL, _finer("15m", "5m")),
    Mutant("1h-for-4h", "a question for 4h is answered with 1h", _INTERVAL, _finer("4h", "1h")),
    Mutant("4h-for-1h", "a question for 1h is answered with 4h", (*_INTERVAL, *_LAST), _finer("1h", "4h")),
)
