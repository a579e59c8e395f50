"""The row checks pass under every reading of the specification, and each fails on the fault that it is for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allium_market_data.model.intervals import DAY, HOUR, INTERVALS, MINUTE, WIDTHS, Interval, floor
from allium_market_data.sandbox.readings import Reading
from conformance import row_checks
from conformance.bucket_values import Labelling, best_labelling, compare, compare_all
from conformance.internals.correct_server import PLAIN_ORDER_READINGS, READINGS, SPAN, fetch, labelling_of
from conformance.response import Amounts, Page, Row, Rows
from support import budget
from support.strategies import AROUND

each_reading = pytest.mark.parametrize("reading", PLAIN_ORDER_READINGS, ids=str)
windows = st.tuples(st.integers(0, 2 * DAY), st.integers(2 * HOUR, DAY))


def with_rows(page: Page, edit: Callable[[list[Row]], list[Row]]) -> Page:
    """The same page with other rows."""
    edited = replace(page)
    edited.__dict__["rows"] = tuple(edit(sorted(page.rows)))
    return edited


@each_reading
def test_bucket_values_hold_under_every_reading_and_show_the_labelling(reading: Reading) -> None:
    series = {interval: fetch(reading, interval, *SPAN).by_label for interval in INTERVALS}
    comparisons = compare_all(series, SPAN)
    labelling = labelling_of(reading)
    assert [comparison.differences for comparison in comparisons[labelling].values()] == [()] * (len(INTERVALS) - 1)
    best, differences_of_other = best_labelling(comparisons)
    assert best is labelling
    assert differences_of_other > 0


@budget.examples(150)
@given(
    reading=st.sampled_from(READINGS),
    window=windows,
    interval=st.sampled_from(INTERVALS[1:4]),
    aligned=st.booleans(),
    limit=st.integers(2, 40),
)
def test_windows_and_limits_hold_under_every_reading(
    reading: Reading, window: tuple[int, int], interval: Interval, aligned: bool, limit: int
) -> None:
    width, labelling = WIDTHS[interval], labelling_of(reading)
    start, end = AROUND + window[0], AROUND + window[0] + window[1]
    if aligned:
        start, end = floor(start, width), floor(end, width)
    reference = fetch(reading, interval, AROUND - DAY, AROUND + 3 * DAY).by_label
    page = fetch(reading, interval, start, end)
    for known in (labelling, None):
        assert row_checks.differences_from_wider(page, reference, known) == []
        assert row_checks.labels_outside(page, known) == []
    assert row_checks.order_of([row.ts for row in page.rows])
    limited = fetch(reading, interval, start, end, limit)
    ends = row_checks.kept_ends(row_checks.sorted_rows(limited), row_checks.sorted_rows(page), limit)
    assert f"keep-{reading.keep}" in ends
    if aligned:
        middle = start + (end - start) // width // 2 * width
        first, second = fetch(reading, interval, start, middle), fetch(reading, interval, middle, end)
        assert row_checks.differences_from_halves(first.by_label, second.by_label, page.by_label) == []


PLAIN = fetch(Reading(), "15m", AROUND, AROUND + DAY)
WIDER = fetch(Reading(), "15m", AROUND - DAY, AROUND + 2 * DAY).by_label
FAULTS: dict[str, Callable[[list[Row]], list[Row]]] = {
    "first missing": lambda rows: rows[1:],
    "last missing": lambda rows: rows[:-1],
    "middle missing": lambda rows: rows[:9] + rows[10:],
    "extra row": lambda rows: [*rows[:9], Row(rows[9].ts + 1, rows[9].amounts), *rows[9:]],
    "first changed": lambda rows: [Row(rows[0].ts, rows[1].amounts), *rows[1:]],
    "last changed": lambda rows: [*rows[:-1], Row(rows[-1].ts, rows[0].amounts)],
    "18th decimal changed": lambda rows: [
        Row(rows[0].ts, Amounts((rows[0].amounts[0] + Decimal("1e-18"), *rows[0].amounts[1:]))),
        *rows[1:],
    ],
}
each_fault = pytest.mark.parametrize("edit", FAULTS.values(), ids=list(FAULTS))


@each_fault
def test_a_faulty_window_differs_from_a_wider_one(edit: Callable[[list[Row]], list[Row]]) -> None:
    assert row_checks.differences_from_wider(PLAIN, WIDER, Labelling.START) == []
    assert row_checks.differences_from_wider(with_rows(PLAIN, edit), WIDER, Labelling.START)


def test_a_hole_shows_even_if_it_is_not_known_what_labels_name() -> None:
    assert row_checks.differences_from_wider(with_rows(PLAIN, FAULTS["middle missing"]), WIDER, None)


@each_fault
def test_a_faulty_half_differs_from_the_whole(edit: Callable[[list[Row]], list[Row]]) -> None:
    middle = AROUND + 12 * HOUR
    first, second = fetch(Reading(), "15m", AROUND, middle), fetch(Reading(), "15m", middle, AROUND + DAY)
    compare_halves = row_checks.differences_from_halves
    assert compare_halves(first.by_label, second.by_label, PLAIN.by_label) == []
    assert compare_halves(with_rows(first, edit).by_label, second.by_label, PLAIN.by_label)
    assert compare_halves(first.by_label, with_rows(second, edit).by_label, PLAIN.by_label)


def rows(*labels: int) -> list[Row]:
    return [Row(label, Amounts((Decimal(label), Decimal(1)))) for label in labels]


@pytest.mark.parametrize(
    ("part", "limit", "ends"),
    [
        (rows(1, 2), 2, {"keep-earliest"}),
        (rows(3, 4), 2, {"keep-latest"}),
        (rows(2, 3), 2, set()),
        (rows(1, 4), 2, set()),
        (rows(1), 2, set()),
        (rows(1, 2, 3), 2, set()),
        (rows(1, 2, 3, 4), 4, {"keep-earliest", "keep-latest"}),
        (rows(1, 2, 3, 4), 9, {"keep-earliest", "keep-latest"}),
        (rows(1, 2, 3), 9, set()),
        ([], 2, set()),
    ],
)
def test_a_limit_keeps_its_full_number_of_rows_from_one_end(part: list[Row], limit: int, ends: set[str]) -> None:
    assert row_checks.kept_ends(part, rows(1, 2, 3, 4), limit) == ends


@pytest.mark.parametrize(
    ("labels", "order"),
    [([1, 2, 3], "ascending"), ([3, 2, 1], "descending"), ([1, 1], None), ([1, 3, 2], None), ([1], "ascending")],
)
def test_order_is_strict(labels: list[int], order: str | None) -> None:
    assert row_checks.order_of(labels) == order


@pytest.mark.parametrize(("buckets", "is_outside"), [(-2, True), (-1, True), (96, False), (97, True)])
def test_rows_outside_the_window_are_found(buckets: int, is_outside: bool) -> None:
    label = AROUND + buckets * WIDTHS["15m"]
    extended = with_rows(PLAIN, lambda rows: [*rows, Row(label, rows[0].amounts)])
    assert row_checks.labels_outside(extended, Labelling.START) == ([label] if is_outside else [])


MINUTES: Rows = {
    AROUND + index * MINUTE: Amounts((Decimal(index), Decimal(index) * 2))
    for index in range(60)
    if index not in (10, 27)
}
HOUR_SPAN = (AROUND, AROUND + HOUR)


def five_minutes(aggregate: Callable[[list[Amounts]], Amounts]) -> dict[int, Amounts]:
    """Buckets of five minutes, labelled by their start, each with the aggregate of its minutes."""
    groups: dict[int, list[Amounts]] = {}
    for label, amounts in MINUTES.items():
        groups.setdefault(floor(label, 5 * MINUTE), []).append(amounts)
    return {label: aggregate(minutes) for label, minutes in groups.items()}


WRONG_AGGREGATES: dict[str, Callable[[list[Amounts]], Amounts]] = {
    "first": lambda minutes: minutes[0],
    "mean": lambda minutes: Amounts(sum(values) / len(minutes) for values in zip(*minutes, strict=True)),
    "minimum": min,
    "sum": lambda minutes: Amounts(Decimal(sum(values)) for values in zip(*minutes, strict=True)),
    "last but one": lambda minutes: minutes[-2],
    "base of the last, quote of the first": lambda minutes: Amounts((minutes[-1][0], minutes[0][1])),
}


@pytest.mark.parametrize("aggregate", WRONG_AGGREGATES.values(), ids=list(WRONG_AGGREGATES))
def test_buckets_without_the_last_sample_fit_no_labelling(aggregate: Callable[[list[Amounts]], Amounts]) -> None:
    correct = five_minutes(lambda minutes: minutes[-1])
    assert compare(MINUTES, correct, ("1m", "5m"), Labelling.START, HOUR_SPAN).differences == ()
    for labelling in Labelling:
        assert compare(MINUTES, five_minutes(aggregate), ("1m", "5m"), labelling, HOUR_SPAN).differences


def test_a_coarse_bucket_exists_exactly_if_a_finer_one_in_it_does() -> None:
    coarse = five_minutes(lambda minutes: minutes[-1])
    without_bucket = {label: amounts for label, amounts in coarse.items() if label != AROUND + 15 * MINUTE}
    without_minutes = {
        label: amounts for label, amounts in MINUTES.items() if not 15 <= (label - AROUND) // MINUTE < 20
    }
    name = "the 5m bucket that starts at 2026-05-01T00:15:00Z"
    missing = compare(MINUTES, without_bucket, ("1m", "5m"), Labelling.START, HOUR_SPAN)
    assert missing.differences == (f"{name} is missing, although there are 1m buckets in it",)
    extra = compare(without_minutes, coarse, ("1m", "5m"), Labelling.START, HOUR_SPAN)
    assert extra.differences == (f"{name} exists, although there is no 1m bucket in it",)
