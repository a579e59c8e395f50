"""Windows, limits and spellings that Hypothesis chooses, inside the budget of requests.

The seed is fixed unless one is given, so that two runs ask the same. A replay asks what was asked when it was recorded:
what Hypothesis makes of a seed may differ in its next version, and a cassette has no answer to anything else.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from allium_market_data.model.intervals import INTERVALS, WIDTHS, Interval

from .ask import Window
from .history import LENGTH
from .times import STYLES

T = TypeVar("T", bound="tuple[Any, ...]")

MOST_ROWS: Final = 1500
"""Windows of more rows than that are asked for by name, not by chance."""


class Chance:
    """Tries a law on examples; ``recorded`` are those of an earlier run, to be tried instead of fresh ones."""

    def __init__(self, seed: int = 0, recorded: dict[str, list[list[Any]]] | None = None) -> None:
        self._seed = seed
        self._recorded = recorded
        self.drawn: dict[str, list[list[Any]]] = {}

    def each(self, name: str, examples: int, strategy: st.SearchStrategy[T], law: Callable[[T], None]) -> None:
        """Try ``law`` on so many examples of ``strategy``; ``name`` tells this property from the others.

        A failure is reported as it was found: to make it smaller would take requests.
        """
        if self._recorded is not None:
            for values in self._recorded.get(name, []):
                law(cast("T", tuple(values)))  # as JSON kept it
            return

        @seed(zlib.crc32(f"{self._seed}/{name}".encode()))
        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        )
        @given(example=strategy)
        def tried(example: T) -> None:
            self.drawn.setdefault(name, []).append(list(example))
            law(example)

        tried()


def pieces(start: int, aligned: bool) -> st.SearchStrategy[tuple[Interval, int, int]]:
    """Windows inside the seven days from ``start``, as (interval, start, end); three buckets or more each."""
    return st.sampled_from(INTERVALS).flatmap(lambda interval: _pieces(interval, start, aligned))


def _pieces(interval: Interval, start: int, aligned: bool) -> st.SearchStrategy[tuple[Interval, int, int]]:
    width = WIDTHS[interval]
    buckets = LENGTH // width
    # Something off the boundary at both ends, to the second, or to the microsecond.
    offs = st.just(0) if aligned else st.one_of(st.integers(1, width // 1_000_000 - 1).map(_seconds), _odd(width))

    def window(chosen: tuple[int, int, int, int]) -> tuple[Interval, int, int]:
        count, place, after_start, before_end = chosen
        first = start + place % (buckets - count + 1) * width
        return interval, first + after_start, first + count * width - before_end

    counts = st.integers(4, min(buckets, MOST_ROWS))
    return st.tuples(counts, st.integers(0, buckets), offs, offs).map(window)


def _seconds(count: int) -> int:
    return count * 1_000_000


def _odd(width: int) -> st.SearchStrategy[int]:
    return st.sampled_from([1, width // 2, width - 1])


limits: st.SearchStrategy[tuple[Interval, int]] = st.sampled_from([i for i in INTERVALS if i != "1m"]).flatmap(
    lambda interval: st.tuples(st.just(interval), _limits(LENGTH // WIDTHS[interval]))
)
"""An interval, and a limit of 2 or more around what seven days of it have."""


def _limits(buckets: int) -> st.SearchStrategy[int]:
    return st.one_of(st.integers(2, buckets), st.sampled_from([2, 3, buckets - 1, buckets, buckets + 1]))


spellings: st.SearchStrategy[tuple[str, str, str, str, tuple[int, ...]]] = st.tuples(
    st.sampled_from(STYLES),
    st.sampled_from(STYLES),
    st.sampled_from([":", "%3A", "%3a"]),
    st.sampled_from([":", "%3A"]),
    st.permutations(range(4)).map(tuple),
)
"""How the start and the end are written, a colon in the path and in the query, and the order of the parameters."""


def to_window(example: tuple[Interval, int, int]) -> Window:
    """An example of `pieces` as a window."""
    return Window(*example)
