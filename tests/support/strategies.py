"""Hypothesis strategies for intervals, histories of samples, readings of the specification, and decimal text."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

from hypothesis import strategies as st

from allium_market_data.model.intervals import DAY, INTERVALS, WIDTHS, Interval, floor
from allium_market_data.sandbox.answer import ItemText, Row, Span
from allium_market_data.sandbox.readings import READINGS, Reading, reading_named

AROUND = 20_574 * DAY
"""2026-05-01T00:00:00Z in microseconds; histories lie around it."""


@dataclass(frozen=True)
class ListHistory:
    """The samples of one market in a list: (microseconds, oi_base, oi_quote_usd), ascending."""

    samples: list[tuple[int, str, str]]

    @property
    def first(self) -> int:
        return self.samples[0][0] if self.samples else 2**62

    @property
    def last(self) -> int:
        return self.samples[-1][0] if self.samples else -(2**62)

    def last_per_bucket(self, width: int, span: Span, limit: int | None = None, latest: bool = False) -> list[Row]:
        rows: dict[int, Row] = {}
        for time, *values in self.samples:
            if span.since <= time < span.before:
                rows[floor(time, width)] = (floor(time, width), *values)
        ordered = list(rows.values())
        if limit is None or len(ordered) <= limit:
            return ordered
        return ordered[-limit:] if latest else ordered[:limit]

    def items_text(self, width: int, span: Span, limit: int, item: ItemText) -> str:
        raise NotImplementedError("the tests render rows themselves")

    def last_before(self, instant: int) -> tuple[str, str] | None:
        earlier = [sample for sample in self.samples if sample[0] < instant]
        return earlier[-1][1:] if earlier else None


def plain_decimals() -> st.SearchStrategy[str]:
    """Decimal text that the specification allows: any scale, trailing zeros, integers."""
    return st.from_regex(r"[0-9]{1,12}(\.[0-9]{1,20})?", fullmatch=True)


intervals = st.sampled_from(INTERVALS)


@st.composite
def histories(draw: st.DrawFn, interval: Interval, buckets: int) -> ListHistory:
    """Samples in and around ``buckets`` buckets: runs of samples, gaps between them, samples exactly on boundaries."""
    width = WIDTHS[interval]
    samples: list[tuple[int, str, str]] = []
    time = AROUND + width * draw(st.integers(-3, max(3, buckets // 2))) + draw(st.sampled_from([0, 1, width // 2]))
    for _ in range(draw(st.integers(0, 6))):
        step = draw(st.sampled_from([width // 2, width, width + 1, 3 * width // 2, width // 3 + 1]))
        for _ in range(draw(st.integers(1, max(2, buckets // 3)))):
            samples.append((time, f"{len(samples)}.50", f"{len(samples) * 7}"))
            time += step
        gap = draw(st.one_of(st.integers(0, 3), st.integers(0, max(1, buckets))))
        time += gap * width + draw(st.sampled_from([0, 0, 1, width - 1]))
        if draw(st.booleans()):
            time = floor(time, width)
            if samples and time <= samples[-1][0]:
                time += width
    return ListHistory(samples)


PAIRS = [names for count in (0, 1, 2) for names in combinations(READINGS, count)]


def _is_consistent(names: tuple[str, ...]) -> bool:
    return len({READINGS[name].field for name in names}) == len(names)


readings: st.SearchStrategy[Reading] = st.sampled_from(
    [reading_named(names) for names in PAIRS if _is_consistent(names)]
)
"""The plain reading, every single deviation from it, and every pair of deviations."""

_WITHOUT_ROWS = ("error_body", "compression", "old_windows", "dates")
ROW_READINGS = [name for name, choice in READINGS.items() if choice.field not in _WITHOUT_ROWS]
any_readings: st.SearchStrategy[Reading] = st.lists(
    st.sampled_from(ROW_READINGS), unique_by=lambda name: READINGS[name].field, max_size=8
).map(reading_named)
"""Up to eight deviations together, of those that affect rows."""
