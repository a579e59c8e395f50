"""Random windows, limits and spellings from Hypothesis: reproducible by seed, and replayable from a recording."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from allium_market_data.model.intervals import SECOND, WIDTHS, Interval

from .operation import longest
from .outcomes import not_shown
from .reference_week import ReferenceWeek
from .request import Window
from .times import STYLES

T = TypeVar("T", bound="tuple[Any, ...]")

MOST_ROWS: Final = 1500
"""The longest random window, in rows. Longer ones are tested by name."""
_FEWEST: Final = 4
"""The shortest one."""


class RandomExamples:
    """Runs a check on random examples. With ``recorded``, it replays the examples of an earlier run instead."""

    def __init__(self, seed: int = 0, recorded: dict[str, list[list[Any]]] | None = None) -> None:
        self._seed = seed
        self._recorded = recorded
        self.drawn: dict[str, list[list[Any]]] = {}

    def check_each(self, name: str, count: int, strategy: st.SearchStrategy[T], check: Callable[[T], None]) -> None:
        """Run ``check`` on ``count`` examples of ``strategy``; ``name`` identifies the examples in a recording.

        A failing example is not shrunk, because each attempt would cost a request.
        """
        if self._recorded is not None:
            for values in self._recorded.get(name, []):
                check(cast("T", tuple(values)))
            return

        # The number of examples is a number of requests, so the profile of the other property tests does not apply.
        @seed(zlib.crc32(f"{self._seed}/{name}".encode()))
        @settings(
            max_examples=count,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        )
        @given(example=strategy)
        def run(example: T) -> None:
            self.drawn.setdefault(name, []).append(list(example))
            check(example)

        run()


def windows(week: ReferenceWeek, aligned: bool) -> st.SearchStrategy[tuple[Interval, int, int]]:
    """Windows from one row of the week to another, as (interval, start, end), with three buckets or more.

    They begin and end near rows because a quiet market has nothing between them.
    """
    busy = [interval for interval in week.intervals if len(week.rows(interval)) >= _FEWEST]
    if not busy:
        not_shown(f"fewer than {_FEWEST} rows in the week at every interval")
    return st.sampled_from(busy).flatmap(lambda interval: _windows(interval, week, aligned))


def _windows(interval: Interval, week: ReferenceWeek, aligned: bool) -> st.SearchStrategy[tuple[Interval, int, int]]:
    width, labels = WIDTHS[interval], list(week.rows(interval))
    longest_window = min(MOST_ROWS * width, longest(week.operation, interval))
    # An unaligned window misses the boundary at both ends, by whole seconds or by microseconds.
    unaligned = st.one_of(
        st.integers(1, width // SECOND - 1).map(lambda seconds: seconds * SECOND),
        st.sampled_from([1, width // 2, width - 1]),
    )
    offsets = st.just(0) if aligned else unaligned

    def window(drawn: tuple[int, int, int, int]) -> tuple[Interval, int, int]:
        position, count, after_start, before_end = drawn
        first = labels[position % max(len(labels) - count, 1)]
        last = labels[min(labels.index(first) + count, len(labels) - 1)]
        end = min(first + longest_window, max(last + width, first + _FEWEST * width))
        return interval, first + after_start, end - before_end

    counts = st.integers(_FEWEST - 1, min(len(labels), MOST_ROWS))
    return st.tuples(st.integers(0, len(labels)), counts, offsets, offsets).map(window)


def limits(week: ReferenceWeek) -> st.SearchStrategy[tuple[Interval, int]]:
    """An interval, and a limit of 2 or more, often close to the number of rows in the week."""
    busy = [interval for interval in week.intervals if 2 < len(week.rows(interval)) <= week.operation.limit_maximum]
    if not busy:
        not_shown("fewer than 3 rows in the week at every interval")
    return st.sampled_from(busy).flatmap(
        lambda interval: st.tuples(st.just(interval), _limits(len(week.rows(interval))))
    )


def _limits(row_count: int) -> st.SearchStrategy[int]:
    edges = [2, 3, row_count - 1, row_count, row_count + 1]
    return st.one_of(st.integers(2, row_count), st.sampled_from([edge for edge in edges if edge > 1]))


spellings: st.SearchStrategy[tuple[str, str, str, str, tuple[int, ...]]] = st.tuples(
    st.sampled_from(STYLES),
    st.sampled_from(STYLES),
    st.sampled_from([":", "%3A", "%3a"]),
    st.sampled_from([":", "%3A"]),
    st.permutations(range(4)).map(tuple),
)
"""The style of start and of end, the colon in the path and in the query, and the order of the parameters."""


def to_window(example: tuple[Interval, int, int]) -> Window:
    """An example of `windows` as a `Window`."""
    return Window(*example)
