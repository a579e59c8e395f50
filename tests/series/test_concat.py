"""Series of one market joined over their spans."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allium_market_data import concat
from allium_market_data.errors import UsageError
from allium_market_data.series.series import OpenInterestSeries
from support.budget import examples
from support.sample_series import columns, instant, series

LATE = 10_000


def fetched(original: OpenInterestSeries, started: int) -> OpenInterestSeries:
    """The series as if fetched at the start of this bucket."""
    times = {"started": instant(started), "finished": instant(started) + timedelta(seconds=1)}
    return replace(original, provenance=replace(original.provenance, **times))  # type: ignore[arg-type]


@given(
    st.sets(st.integers(0, 59)), st.lists(st.integers(0, 60), max_size=4), st.integers(0, 9), st.permutations(range(5))
)
@examples(40)
def test_the_parts_of_a_series_in_any_order_are_the_series(
    buckets: set[int], cuts: list[int], overlap: int, order: list[int]
) -> None:
    whole = series(sorted(buckets), 0, 60)
    edges = [0, *sorted(cuts), 60]
    parts = [whole.between(instant(max(a - overlap, 0)), instant(b)) for a, b in pairwise(edges)]
    moved = [fetched(part, LATE + order[number]) for number, part in enumerate(parts)]
    joined = concat(*sorted(moved, key=lambda each: order[moved.index(each) % 5]))
    assert joined == whole
    assert joined.gaps() == whole.gaps()
    assert joined.provenance.requests == len(parts)


def test_the_later_fetch_wins_where_spans_overlap() -> None:
    old = fetched(series(columns([0, 1, 2], ["1", "1", "1"], provisional=[2])), 2)
    new = fetched(series(columns([1, 2, 3], ["2", "2", "2"]), 1, 4), 9)
    for both in ((old, new), (new, old)):
        joined = concat(*both)
        assert [str(value) for value in joined.oi_base] == ["1", "2", "2", "2"]
        assert joined.provisional == ()
        assert joined.provenance.finished == new.provenance.finished
    earlier = fetched(series(columns([-1, 0, 1], ["4", "4", "4"]), -1, 2), 30)
    assert [str(value) for value in concat(old, earlier).oi_base] == ["4", "4", "4", "1"]
    joined = concat(old, new)
    inner = fetched(series(columns([1], ["3"]), 1, 2), 20)
    assert [str(value) for value in concat(joined, inner).oi_base] == ["1", "3", "2", "2"]
    assert concat(joined, inner).provenance.finished == new.provenance.finished


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([], "nothing to join"),
        ([series([0], 0, 2), series([3], 3, 5)], "from 2026-05-01T00:02:00Z to 2026-05-01T00:03:00Z: fetch that span"),
        (
            [fetched(series([0], 0, 9), 4), fetched(series([9], 6, 10), 50)],
            "from 2026-05-01T00:04:00Z to 2026-05-01T00:06",
        ),
        ([series([0]), series([1], 1, market_id="b:perp:X")], "not hl:perp:BTC-USDC and b:perp:X"),
        ([series([0]), series([1], 1, interval="5m")], "not 1m and 5m"),
    ],
)
def test_what_would_leave_something_unknown_is_refused(parts: list[OpenInterestSeries], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        concat(*(fetched(part, LATE) if part.provenance.started == instant(0) else part for part in parts))
