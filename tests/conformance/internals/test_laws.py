"""The suite's laws hold under every reading of the specification, and each is broken by what it is there to catch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from itertools import product
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from allium_market_data.model.intervals import DAY, HOUR, INTERVALS, MINUTE, SECOND, WIDTHS, Interval, floor
from allium_market_data.sandbox.answer import ItemText, Span, respond
from allium_market_data.sandbox.query import Query
from allium_market_data.sandbox.readings import Reading, reading_named
from conformance import findings, laws
from conformance.answers import Amounts, Answer, Reply, Row, Rows
from conformance.meaning import PAIRS, Labelling, best, compare, compare_all
from support.strategies import AROUND, ListHistory

MARKET = "hl:perp:BTC-USDC"
SEMANTIC = ["end-inclusive", "label-end", "cut-samples", "start-bucket", "descending", "keep-latest", "carry-forward"]
READINGS = [
    reading_named(name for name, chosen in zip(SEMANTIC, choice, strict=True) if chosen)
    for choice in product([False, True], repeat=len(SEMANTIC))
]
"""Every combination of what changes rows; texts and bytes are the same number whatever the reading."""
SPAN = (AROUND, AROUND + 2 * DAY)


class Told(ListHistory):
    """A history whose rows are written one by one."""

    def items_text(self, width: int, span: Span, limit: int, item: ItemText) -> str:
        raise NotImplementedError


def samples(seed: int) -> Told:
    """Five days of samples every few minutes, with gaps of all sizes, some samples on the very boundaries."""
    dice = Random(seed)
    steps = [20 * SECOND, MINUTE, 3 * MINUTE, 9 * MINUTE, 90 * MINUTE, 7 * HOUR]
    found: list[tuple[int, str, str]] = []
    time = AROUND - 2 * DAY
    while time < AROUND + 3 * DAY:
        found.append((time, f"{len(found)}.5", f"{len(found) * 7}"))
        (step,) = dice.choices(steps, [150, 300, 300, 250, 6, 1])
        time += step + dice.randrange(SECOND)
        if dice.random() < 0.1:
            time = floor(time, MINUTE) + MINUTE
    return Told(found)


SAMPLES = samples(1)


def ask(reading: Reading, interval: Interval, start: int, end: int, limit: int = 5000) -> Answer:
    """What a correct server with this reading answers."""
    body = respond(MARKET, Query(interval, start, end, limit), replace(reading, decimals="18"), SAMPLES)
    return Answer(Reply(200, {}, body, "curl ..."), MARKET, WIDTHS[interval], start, end, limit)


def labelling_of(reading: Reading) -> Labelling:
    return Labelling(f"label-{reading.label}")


def changed(answer: Answer, edit: Callable[[list[Row]], list[Row]]) -> Answer:
    """The same answer with other rows."""
    spoiled = replace(answer)
    spoiled.__dict__["rows"] = tuple(edit(sorted(answer.rows)))
    return spoiled


each_reading = pytest.mark.parametrize("reading", READINGS, ids=str)
PLAINLY_SENT = [reading for reading in READINGS if (reading.order, reading.keep) == ("ascending", "earliest")]
each_meaning = pytest.mark.parametrize("reading", PLAINLY_SENT, ids=str)
windows = st.tuples(st.integers(0, 2 * DAY), st.integers(2 * HOUR, DAY))


@each_meaning
def test_meaning_holds_under_every_reading_and_tells_the_labelling(reading: Reading) -> None:
    series = {interval: ask(reading, interval, *SPAN).by_label for interval in INTERVALS}
    comparisons = compare_all(series, SPAN)
    labelling = labelling_of(reading)
    assert [comparison.faults for comparison in comparisons[labelling].values()] == [()] * len(PAIRS)
    other, against = best(comparisons)
    assert other is labelling
    assert against > 0


@each_reading
@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
@given(window=windows, interval=st.sampled_from(INTERVALS[1:4]), aligned=st.booleans(), limit=st.integers(2, 40))
def test_windows_and_rows_hold_under_every_reading(
    reading: Reading, window: tuple[int, int], interval: Interval, aligned: bool, limit: int
) -> None:
    width, labelling = WIDTHS[interval], labelling_of(reading)
    start, end = AROUND + window[0], AROUND + window[0] + window[1]
    if aligned:
        start, end = floor(start, width), floor(end, width)
    reference = ask(reading, interval, AROUND - DAY, AROUND + 3 * DAY).by_label
    answer = ask(reading, interval, start, end)
    assert laws.agrees(answer, reference, labelling) == []
    assert laws.outside(answer, labelling) == []
    assert laws.ordered([row.ts for row in answer.rows])
    limited = ask(reading, interval, start, end, limit)
    ends = laws.slice_ends(laws.sorted_rows(limited), laws.sorted_rows(answer), limit)
    assert f"keep-{reading.keep}" in ends
    if aligned:
        seam = start + (end - start) // width // 2 * width
        first, second = ask(reading, interval, start, seam), ask(reading, interval, seam, end)
        assert laws.halves(first.by_label, second.by_label, answer.by_label) == []


PLAIN = ask(Reading(), "15m", AROUND, AROUND + DAY)
REFERENCE = ask(Reading(), "15m", AROUND - DAY, AROUND + 2 * DAY).by_label
SPOILT: dict[str, Callable[[list[Row]], list[Row]]] = {
    "first missing": lambda rows: rows[1:],
    "last missing": lambda rows: rows[:-1],
    "middle missing": lambda rows: rows[:9] + rows[10:],
    "one too many": lambda rows: [*rows[:9], Row(rows[9].ts + 1, rows[9].amounts), *rows[9:]],
    "first changed": lambda rows: [Row(rows[0].ts, rows[1].amounts), *rows[1:]],
    "last changed": lambda rows: [*rows[:-1], Row(rows[-1].ts, rows[0].amounts)],
    "a digit far behind the point": lambda rows: [
        Row(rows[0].ts, rows[0].amounts._replace(base=rows[0].amounts.base + Decimal("1e-18"))),
        *rows[1:],
    ],
}


@pytest.mark.parametrize("edit", SPOILT.values(), ids=list(SPOILT))
def test_a_spoilt_window_disagrees_with_a_wider_one(edit: Callable[[list[Row]], list[Row]]) -> None:
    assert laws.agrees(PLAIN, REFERENCE, Labelling.START) == []
    assert laws.agrees(changed(PLAIN, edit), REFERENCE, Labelling.START)


@pytest.mark.parametrize("edit", SPOILT.values(), ids=list(SPOILT))
def test_a_spoilt_half_does_not_give_the_whole(edit: Callable[[list[Row]], list[Row]]) -> None:
    seam = AROUND + 12 * HOUR
    first, second = ask(Reading(), "15m", AROUND, seam), ask(Reading(), "15m", seam, AROUND + DAY)
    assert laws.halves(first.by_label, second.by_label, PLAIN.by_label) == []
    assert laws.halves(changed(first, edit).by_label, second.by_label, PLAIN.by_label)
    assert laws.halves(first.by_label, changed(second, edit).by_label, PLAIN.by_label)


def rows(*labels: int) -> list[Row]:
    return [Row(label, Amounts(Decimal(label), Decimal(1))) for label in labels]


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
def test_a_slice_has_as_many_rows_as_it_may_from_one_end(part: list[Row], limit: int, ends: set[str]) -> None:
    assert laws.slice_ends(part, rows(1, 2, 3, 4), limit) == ends


@pytest.mark.parametrize(
    ("labels", "order"),
    [([1, 2, 3], "ascending"), ([3, 2, 1], "descending"), ([1, 1], None), ([1, 3, 2], None), ([1], "ascending")],
)
def test_order_is_strict(labels: list[int], order: str | None) -> None:
    assert laws.ordered(labels) == order


@pytest.mark.parametrize("by", [-2, -1, 96, 97])
def test_rows_far_from_the_window_are_outside(by: int) -> None:
    width = WIDTHS["15m"]
    stray = replace(PLAIN)
    stray.__dict__["by_label"] = {**PLAIN.by_label, AROUND + by * width: PLAIN.rows[0].amounts}
    # The bucket at the very end is one that a reading grants.
    assert laws.outside(stray, Labelling.START) == ([] if by == 96 else [AROUND + by * width])


FINE: Rows = {
    AROUND + place * MINUTE: Amounts(Decimal(place), Decimal(place) * 2) for place in range(60) if place not in (10, 27)
}


def coarse(pick: Callable[[list[Amounts]], Amounts]) -> dict[int, Amounts]:
    """Five minutes from one, named by the start, with what ``pick`` makes of the minutes in each."""
    groups: dict[int, list[Amounts]] = {}
    for label, amounts in FINE.items():
        groups.setdefault(floor(label, 5 * MINUTE), []).append(amounts)
    return {label: pick(found) for label, found in groups.items()}


PICKS: dict[str, Callable[[list[Amounts]], Amounts]] = {
    "first": lambda found: found[0],
    "mean": lambda found: Amounts(*(sum(values) / len(found) for values in zip(*found, strict=True))),
    "minimum": min,
    "sum": lambda found: Amounts(*(Decimal(sum(values)) for values in zip(*found, strict=True))),
    "last but one": lambda found: found[-2],
    "half of each": lambda found: Amounts(found[-1].base, found[0].quote),
}


@pytest.mark.parametrize("pick", PICKS.values(), ids=list(PICKS))
def test_no_labelling_fits_what_is_not_the_last_sample(pick: Callable[[list[Amounts]], Amounts]) -> None:
    span = (AROUND, AROUND + HOUR)
    assert compare(FINE, coarse(lambda found: found[-1]), ("1m", "5m"), Labelling.START, span).faults == ()
    for labelling in Labelling:
        assert compare(FINE, coarse(pick), ("1m", "5m"), labelling, span).faults


def test_a_coarse_bucket_is_there_exactly_where_finer_ones_are() -> None:
    span = (AROUND, AROUND + HOUR)
    right = coarse(lambda found: found[-1])
    missing = {label: amounts for label, amounts in right.items() if label != AROUND + 15 * MINUTE}
    gap = {label: amounts for label, amounts in FINE.items() if not 15 <= (label - AROUND) // MINUTE < 20}
    assert compare(FINE, missing, ("1m", "5m"), Labelling.START, span).faults == (
        "the 5m bucket that begins at 2026-05-01T00:15:00Z is missing, and there are 1m buckets in it",
    )
    assert compare(gap, right, ("1m", "5m"), Labelling.START, span).faults == (
        "the 5m bucket that begins at 2026-05-01T00:15:00Z is there, and no 1m bucket in it is",
    )


@each_meaning
def test_the_findings_name_the_reading_or_nothing(reading: Reading) -> None:
    labelling = labelling_of(reading)
    days, hours = ask(reading, "1d", *SPAN).by_label, ask(reading, "1h", *SPAN).by_label
    noon = AROUND + 12 * HOUR
    part = [value for label, value in hours.items() if labelling.bucket(label, HOUR) < noon]
    whole = days[labelling.label(AROUND, DAY)]
    cut = findings.cut(ask(reading, "1d", AROUND - DAY, noon), AROUND, whole, max(part), labelling)
    assert cut == f"cut-{reading.cut}"
    minutes = ask(reading, "1m", *SPAN).by_label
    carried = findings.empty_bucket(minutes, MINUTE)
    assert carried == ("carry-forward" if reading.empty == "carried" else "omit-empty")
    edges = [ask(reading, "5m", AROUND, label) for label in list(ask(reading, "5m", *SPAN).by_label)[50:56]]
    end = findings.end_of_window(edges, ask(reading, "5m", *SPAN).by_label, labelling, cut, carried == "carry-forward")
    assert end in {f"end-{'inclusive' if reading.end_inclusive else 'exclusive'}", "not-shown"}
    first = findings.first_bucket(ask(reading, "1d", noon, SPAN[1]), AROUND, labelling)
    returned = reading.start_bucket or reading.cut == "samples"
    expected = "start-bucket" if returned else "first-boundary"
    assert first == (expected if reading.label == "start" else "not-shown")


def test_the_order_is_found() -> None:
    assert findings.order([PLAIN]) == "ascending"
    assert findings.order([ask(Reading(order="descending"), "15m", *SPAN)]) == "descending"
    assert findings.order([PLAIN, ask(Reading(order="descending"), "15m", *SPAN)]) == "ascending and descending"
    assert findings.order([]) == "not-shown"
