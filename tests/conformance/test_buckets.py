"""The buckets of every answer of the run."""

from __future__ import annotations

import pytest

from conformance import laws
from conformance.account import Tally
from conformance.answers import Answer
from conformance.history import History
from conformance.times import text


@pytest.mark.clause("row.ts-boundary-1", "interval.bucket-1")
def test_a_label_stands_on_a_boundary(answers: list[Answer], tally: Tally) -> None:
    """at the bucket boundary. Bucket interval."""
    for answer in answers:
        off = [text(row.ts) for row in tally.saw(answer).rows if row.ts % answer.width]
        assert not off, f"{off[:3]} are on no boundary\n{answer.reply.curl}"
    tally.shown(8, rows=1000)


@pytest.mark.clause("series.open-interest-2")
class TestSeries:
    """Returns the open interest timeseries for a perpetual market."""

    def test_labels_are_unique(self, answers: list[Answer], tally: Tally) -> None:
        for answer in answers:
            count = len(tally.saw(answer).rows)
            assert len(answer.by_label) == count, f"a label comes twice\n{answer.reply.curl}"
        tally.shown(8, rows=1000)

    def test_labels_are_in_one_order_the_same_in_all_answers(self, answers: list[Answer], tally: Tally) -> None:
        first: tuple[str, str] | None = None
        for answer in answers:
            order = laws.ordered([row.ts for row in tally.saw(answer).rows])
            assert order, f"rows in no order\n{answer.reply.curl}"
            if len(answer.rows) > 1:
                first = first or (order, answer.reply.curl)
                assert order == first[0], f"rows {order} here, {first[0]} there\n{answer.reply.curl}\n{first[1]}"
        tally.shown(8, rows=1000)


@pytest.mark.clause("start.window-1", "end.window-1")
def test_labels_lie_in_the_window_as_far_as_any_reading_allows(
    answers: list[Answer], history: History, tally: Tally
) -> None:
    """Start of the window. End of the window."""
    for answer in answers:
        outside = laws.outside(tally.saw(answer), history.labelling)
        assert not outside, f"{text(outside[0])} lies in this window under no reading\n{answer.reply.curl}"
    tally.shown(8, rows=1000)


@pytest.mark.clause("market.slug-1", "row.market-id-2")
def test_rows_are_of_the_market_that_was_asked_for(answers: list[Answer], tally: Tally) -> None:
    """Canonical market slug, {venue}:{instrument_type}:{pair}. examples: - hl:perp:BTC-USDC"""
    for answer in answers:
        others = {item.get("market_id") for item in tally.saw(answer).items} - {answer.market_id}
        assert not others, f"rows of {others}\n{answer.reply.curl}"
    tally.shown(8, rows=1000)
