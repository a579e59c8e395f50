"""Amounts that are not those of the last sample in the bucket.

A black box can see no more than that intervals contradict one another, so what is wrong here is wrong in a way that
intervals do not share.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from decimal import Decimal
from statistics import median_low
from typing import Final

from allium_market_data.model.intervals import HOUR, INTERVALS, MINUTE
from allium_market_data.sandbox.answer import Row, Span
from allium_market_data.sandbox.source import Sample

from .edits import question, rows
from .histories import Amounts, Delayed, Filled, Pick, Picked
from .mutant import Asked, Change, Changes, Mutant, Step

_LAST: Final = ("bucket.last-sample-1", "bucket.last-sample-2", "bucket.last-sample-3")
_STOCK: Final = ("bucket.stock-variable-1", *_LAST)
_INTERVAL: Final = ("interval.bucket-1", "interval.enum-1", "row.ts-boundary-1")
_COARSE: Final = ("1h", "4h", "1d")


def picked(pick: Pick, intervals: Collection[str] = INTERVALS) -> Change[Asked, list[Row]]:
    """In ``intervals``, the amounts that ``pick`` makes of the samples of each bucket."""

    def change(asked: Asked, following: Step[Asked, list[Row]]) -> list[Row]:
        if asked.query.interval not in intervals:
            return following(asked)
        return following(asked._replace(history=Picked(asked.history, pick)))

    return change


def moved_buckets(interval: str, by: int, *, labelled: bool) -> Change[Asked, list[Row]]:
    """In ``interval``, buckets that begin ``by`` microseconds off the boundary, and are ``labelled`` so or not."""

    def change(asked: Asked, following: Step[Asked, list[Row]]) -> list[Row]:
        if asked.query.interval != interval:
            return following(asked)
        found = following(asked._replace(history=Delayed(asked.history, -by)))
        return [(start + by, base, quote) for start, base, quote in found] if labelled else found

    return change


def _mutant(name: str, description: str, clauses: tuple[str, ...], change: Change[Asked, list[Row]]) -> Mutant:
    return Mutant(name, description, clauses, Changes(select=change))


def _picked(
    name: str, description: str, pick: Pick, intervals: Collection[str] = INTERVALS, clauses: tuple[str, ...] = _LAST
) -> Mutant:
    return _mutant(name, description, clauses, picked(pick, intervals))


def _of_each(statistic: Callable[[list[Decimal]], Decimal]) -> Pick:
    """A number made of each column by itself."""

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


def _stale(buckets: int, columns: Collection[int] = (1, 2)) -> Callable[[Asked, list[Row]], list[Row]]:
    """Amounts (of some columns) of the bucket that ended so many buckets earlier."""

    def edit(asked: Asked, found: list[Row]) -> list[Row]:
        if not found:
            return found
        width = asked.query.width
        # Ten buckets more than needed, for gaps; a row before any history keeps its own amounts.
        span = Span(found[0][0] - (buckets + 10) * width, found[-1][0] + width)
        earlier = asked.history.last_per_bucket(width, span)
        starts = [start for start, _, _ in earlier]
        edited = []
        for row in found:
            old = earlier[max(bisect_right(starts, row[0] - buckets * width) - 1, 0)]
            edited.append((row[0], old[1] if 1 in columns else row[1], old[2] if 2 in columns else row[2]))
        return edited

    return edit


def _amounts(edit: Callable[[str], str], intervals: Collection[str]) -> Change[Asked, list[Row]]:
    return rows(lambda _, found: [(start, edit(base), edit(quote)) for start, base, quote in found], intervals)


def _zero_for_empty(asked: Asked, following: Step[Asked, list[Row]]) -> list[Row]:
    omitting = replace(asked.reading, empty="omitted")
    return following(asked._replace(history=Filled(asked.history), reading=omitting))


def _other_empty_in(interval: str) -> Change[Asked, list[Row]]:
    def change(asked: Asked, following: Step[Asked, list[Row]]) -> list[Row]:
        if asked.query.interval != interval:
            return following(asked)
        other = replace(asked.reading, empty="carried" if asked.reading.empty == "omitted" else "omitted")
        return following(asked._replace(reading=other))

    return change


def _finer(interval: str, instead: str) -> Changes:
    return Changes(
        parse=question(lambda query: replace(query, interval=instead) if query.interval == interval else query)  # type: ignore[arg-type]
    )


MUTANTS: Final = (
    _picked("first-sample", "a bucket has its first sample", _first),
    _picked("mean", "a bucket has the mean of its samples", _of_each(_mean), clauses=_STOCK),
    _picked("median", "a bucket has the median of its samples", _of_each(median_low), clauses=_STOCK),
    _picked("maximum", "a bucket has the largest of its samples", _of_each(max), clauses=_STOCK),
    _picked("minimum", "a bucket has the smallest of its samples", _of_each(min), clauses=_STOCK),
    _picked("sum", "a bucket has the sum of its samples", _of_each(lambda some: sum(some, Decimal())), clauses=_STOCK),
    _picked("mean-of-quote", "oi_base is right, oi_quote_usd the mean", _mean_of_quote, clauses=_STOCK),
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
    _mutant("stale-in-15m", "buckets of 15m have the amounts of the one before", _LAST, rows(_stale(1), ("15m",))),
    _mutant("stale-in-1d", "buckets of 1d have the amounts of the one before", _LAST, rows(_stale(1), ("1d",))),
    _mutant("stale-by-two", "buckets have the amounts of the one two before", _LAST, rows(_stale(2))),
    _mutant("stale-quote", "oi_quote_usd is that of the bucket before", _LAST, rows(_stale(1, (2,)))),
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
        "with interval 1h, oi_base and oi_quote_usd have changed places",
        ("row.oi-base-unit-1", "row.oi-quote-usd-unit-1", *_LAST),
        rows(lambda _, found: [(start, quote, base) for start, base, quote in found], ("1h",)),
    ),
    _mutant("empty-as-zero", "a bucket without a sample is zero", _LAST, _zero_for_empty),
    _mutant("empty-otherwise-in-1m", "1m alone treats empty buckets the other way", _LAST, _other_empty_in("1m")),
    Mutant("5m-for-15m", "a question for 15m is answered with 5m", _INTERVAL, _finer("15m", "5m")),
    Mutant("1h-for-4h", "a question for 4h is answered with 1h", _INTERVAL, _finer("4h", "1h")),
    Mutant("4h-for-1h", "a question for 1h is answered with 4h", (*_INTERVAL, *_LAST), _finer("1h", "4h")),
)
