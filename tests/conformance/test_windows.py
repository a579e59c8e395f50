"""What a window contains: all of its rows, and the same values whatever the window."""

from __future__ import annotations

from itertools import pairwise

import pytest

from allium_market_data.model.intervals import DAY, INTERVALS, SECOND, WIDTHS, Interval
from conformance import laws, questions
from conformance.account import Tally
from conformance.answers import Rows
from conformance.ask import Asker, Window
from conformance.chance import Chance, pieces, to_window
from conformance.history import History
from conformance.times import text


def explained(faults: list[str], curl: str) -> str:
    return f"{len(faults)} faults, such as\n" + "\n".join(faults[:5]) + f"\n{curl}"


@pytest.mark.clause("start.window-1", "end.window-1", "bucket.last-sample-1", "series.open-interest-2")
class TestWindow:
    """Start of the window; End of the window.

    Returns the open interest timeseries for a perpetual market. In it, each bucket reports the last sample within it.
    """

    @pytest.mark.parametrize("aligned", [True, False], ids=["aligned", "unaligned"])
    def test_a_window_has_what_a_wider_one_has(
        self, asker: Asker, history: History, chance: Chance, tally: Tally, aligned: bool
    ) -> None:
        def law(example: tuple[Interval, int, int]) -> None:
            window = to_window(example)
            answer = tally.saw(asker.window(window))
            faults = laws.agrees(answer, history.rows(window.interval), history.labelling)
            assert not faults, explained(faults, answer.reply.curl)

        chance.each(f"wider-{'aligned' if aligned else 'unaligned'}", 10, pieces(history.start, aligned), law)
        tally.shown(6, rows=30)

    @pytest.mark.parametrize("interval", INTERVALS)
    def test_two_halves_give_the_whole(self, asker: Asker, history: History, tally: Tally, interval: Interval) -> None:
        whole = history.parts(interval)[0]
        seam = whole.start + (DAY if interval == "1m" else 3 * DAY)
        first = tally.saw(asker.window(Window(interval, whole.start, seam)))
        second = tally.saw(asker.window(Window(interval, seam, whole.end)))
        both = tally.saw(asker.window(whole))
        faults = laws.halves(first.by_label, second.by_label, both.by_label)
        assert not faults, explained(faults, f"{both.reply.curl}\n{first.reply.curl}\n{second.reply.curl}")
        tally.shown(3)

    @pytest.mark.parametrize("interval", ["15m", "4h"])
    def test_a_value_does_not_depend_on_where_the_window_begins(
        self, asker: Asker, history: History, tally: Tally, interval: Interval
    ) -> None:
        width = WIDTHS[interval]
        begin, end = history.start + DAY, history.start + 3 * DAY
        starts = [begin, begin + SECOND, begin + width - 1, begin + width]
        answers = [tally.saw(asker.window(Window(interval, start, end))) for start in starts]
        # From two buckets on, all of these windows hold whole buckets only, whatever labels name.
        common: list[Rows] = [
            {label: amounts for label, amounts in answer.by_label.items() if begin + 2 * width <= label < end}
            for answer in answers
        ]
        different = [answer for answer, rows in zip(answers, common, strict=True) if rows != common[0]]
        assert not different, f"other rows than from {text(begin)} on:\n{different[0].reply.curl}"
        tally.shown(4)


@pytest.mark.clause("series.open-interest-1", "series.open-interest-2", "series.open-interest-3")
class TestHistory:
    """Historical open interest timeseries for a perpetual market.

    Returns the open interest timeseries for a perpetual market. Open interest timeseries for a perpetual market.
    """

    @pytest.mark.parametrize("interval", ["1m", "1h", "1d"])
    def test_a_closed_window_answers_the_same_each_time(
        self, asker: Asker, history: History, tally: Tally, interval: Interval
    ) -> None:
        end = history.start + (7 * DAY if interval == "1d" else DAY)
        window = Window(interval, history.start, end)
        first = tally.saw(asker.window(window))
        second = tally.saw(asker.window(window, again=True))
        assert first.rows == second.rows, f"asked twice, answered differently\n{second.reply.curl}"
        tally.shown(2)


@pytest.mark.clause("answer.samples-1")
class TestEmptyWindow:
    """Open interest samples."""

    @pytest.mark.parametrize("interval", ["1m", "1d"])
    def test_a_window_before_any_history_has_no_items(self, asker: Asker, interval: Interval) -> None:
        start = 13_149 * DAY  # 2006, years before the first perpetual of today's venues
        answer = asker.window(Window(interval, start, start + 7 * DAY))
        assert answer.items == [], f"items from before any history\n{answer.reply.curl}"

    @pytest.mark.parametrize("interval", ["1m", "5m"])
    def test_a_gap_between_two_rows_has_no_items(self, asker: Asker, history: History, interval: Interval) -> None:
        width = WIDTHS[interval]
        labels = list(history.rows(interval))
        gaps = [(b - a, a, b) for a, b in pairwise(labels) if b - a >= 3 * width]
        if not gaps:
            pytest.skip(f"no gap of three buckets or more in seven days at {interval}")
        _, before, after = max(gaps)
        # Whatever labels name, no sample and no label lies in here, the second before the end included.
        window = Window(interval, before + width, after - width - SECOND)
        answer = asker.window(window)
        assert answer.items == [], f"items in a gap between two rows\n{answer.reply.curl}"


@pytest.mark.clause("window.cap-1", "window.cap-2")
class TestCap:
    """The query window is currently capped at **7 days** per request. Query window capped at 7 days per request."""

    @pytest.mark.parametrize("interval", INTERVALS[1:])
    def test_seven_days_are_accepted_and_answered_in_full(
        self, asker: Asker, history: History, tally: Tally, interval: Interval
    ) -> None:
        week = tally.saw(asker.window(history.window(interval)))
        seam = history.start + 3 * DAY
        first = asker.window(Window(interval, history.start, seam))
        second = asker.window(Window(interval, seam, history.end))
        faults = laws.halves(first.by_label, second.by_label, week.by_label)
        assert not faults, explained(faults, week.reply.curl)
        tally.shown(1)

    def test_seven_days_at_the_finest_interval_are_accepted(self, asker: Asker, history: History, tally: Tally) -> None:
        tally.saw(asker.window(history.window("1m")))
        tally.shown(1, rows=1000)

    @pytest.mark.parametrize(
        ("interval", "over"),
        [("1m", SECOND), ("1h", SECOND), ("1d", SECOND), ("4h", DAY), ("1d", 23 * DAY)],
    )
    def test_a_longer_window_is_refused(self, asker: Asker, history: History, interval: Interval, over: int) -> None:
        asker.refused(questions.too_long(history.start, interval, over))
