"""What a limit leaves: as many rows as it says, from one end."""

from __future__ import annotations

import pytest

from allium_market_data.model.intervals import Interval
from conformance import laws
from conformance.account import Tally
from conformance.answers import Answer, Row
from conformance.ask import Asker
from conformance.chance import Chance, limits
from conformance.history import History


def rows_of(history: History, interval: Interval) -> list[Row]:
    """The seven days, in order of time."""
    return [Row(label, amounts) for label, amounts in history.rows(interval).items()]


def ends(answer: Answer, whole: list[Row], limit: int) -> set[str]:
    """The ends from which an answer is a slice; fails if there is none."""
    found = laws.slice_ends(laws.sorted_rows(answer), whole, limit)
    assert found, (
        f"{len(answer.rows)} rows under limit {limit}, of {len(whole)} rows in the window: "
        f"not the earliest and not the latest {min(limit, len(whole))} of them\n{answer.reply.curl}"
    )
    return found


@pytest.mark.clause("limit.most-rows-1")
class TestSlice:
    """Maximum rows to return."""

    def test_a_limit_leaves_a_slice_from_one_end_always_the_same(
        self, asker: Asker, history: History, chance: Chance, tally: Tally
    ) -> None:
        possible = {"keep-earliest", "keep-latest"}

        def law(example: tuple[Interval, int]) -> None:
            interval, limit = example
            answer = tally.saw(asker.window(history.window(interval), limit))
            found = ends(answer, rows_of(history, interval), limit)
            assert found & possible, f"this limit leaves {found}, another one left {possible}\n{answer.reply.curl}"
            possible.intersection_update(found)

        chance.each("limits", 10, limits, law)
        # The week at the finest interval as well, cut short by a limit of every size.
        for limit in (2, None, 4999, 5000):
            answer = tally.saw(asker.window(history.window("1m"), limit))
            found = ends(answer, rows_of(history, "1m"), limit or 500)
            assert found & possible, f"this limit leaves {found}, another one left {possible}\n{answer.reply.curl}"
            possible.intersection_update(found)
        assert len(possible) == 1, "not shown: no limit left less than the whole window"
        tally.shown(10, rows=5000)


class TestBoundaries:
    @pytest.mark.clause("limit.range-1", "limit.minimum-1", "limit.most-rows-1")
    def test_the_smallest_limit(self, asker: Asker, history: History, tally: Tally) -> None:
        """Maximum rows to return (1–5000). minimum: 1"""
        answer = tally.saw(asker.window(history.window("1h"), 1))
        assert len(answer.rows) == 1, f"{len(answer.rows)} rows under limit 1\n{answer.reply.curl}"
        assert answer.rows[0] in rows_of(history, "1h"), f"a row that the window does not have\n{answer.reply.curl}"

    @pytest.mark.clause("limit.range-1", "limit.maximum-1", "limit.most-rows-1", "limit.type-1")
    @pytest.mark.parametrize("limit", [2, 4999, 5000])
    def test_a_limit_is_accepted_and_honoured(self, asker: Asker, history: History, tally: Tally, limit: int) -> None:
        """Maximum rows to return (1–5000). type: integer maximum: 5000"""
        answer = tally.saw(asker.window(history.window("1m"), limit))
        whole = rows_of(history, "1m")
        assert len(whole) > limit, f"not shown: only {len(whole)} rows in seven days"
        ends(answer, whole, limit)

    @pytest.mark.clause("limit.default-1")
    def test_the_default_is_500(self, asker: Asker, history: History, tally: Tally) -> None:
        """default: 500"""
        for interval in ("1m", "5m"):
            whole = rows_of(history, interval)
            assert len(whole) > 500, f"not shown: only {len(whole)} rows in seven days"
            answer = tally.saw(asker.window(history.window(interval), None))
            ends(answer, whole, 500)
        tally.shown(2)
