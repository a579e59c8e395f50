"""Each parameter: what it may be, what it may not be, and how it may be written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from allium_market_data.model.intervals import DAY, HOUR, INTERVALS, MINUTE, WIDTHS, Interval
from conformance import questions, times
from conformance.account import Tally
from conformance.ask import Asker, Question, Window
from conformance.chance import Chance, spellings
from conformance.document import PATH, Document
from conformance.history import History
from conformance.target import Target

BOTH = pytest.mark.parametrize("name", ["start_timestamp", "end_timestamp"])
OTHER_STYLES = [style for style in times.STYLES if style != "Z"]


@pytest.fixture
def half_day(history: History) -> Window:
    return questions.half_day(history.start)


@pytest.fixture
def same(asker: Asker, half_day: Window, tally: Tally) -> Callable[[Question], None]:
    """Fails unless a question is answered like `half_day`."""

    def check(question: Question) -> None:
        plain = tally.saw(asker.window(half_day))
        answer = tally.saw(asker.accepted(question, half_day))
        assert answer.rows == plain.rows, f"not the same rows:\n{answer.reply.curl}\n{plain.reply.curl}"
        tally.shown(2, rows=100)

    return check


@pytest.mark.clause(
    "operation.path-1",
    "operation.path-2",
    "operation.method-1",
    "market.example-1",
    "interval.example-1",
    "start.example-1",
    "end.example-1",
)
class TestOperation:
    """GET /api/v1/markets/{market_id}/perps/open_interest

    /api/v1/markets/{market_id}/perps/open_interest: get: with example: hl:perp:BTC-USDC, example: 1h,
    example: '2026-05-01T00:00:00Z', example: '2026-05-02T00:00:00Z'
    """

    def test_the_documents_own_example_is_answered(self, asker: Asker, document: Document) -> None:
        assert document.operation == document.tree["paths"][PATH]["get"]
        values = {name: str(parameter["example"]) for name, parameter in document.parameters.items() if name != "limit"}
        market = values.pop("market_id")
        answer = asker.accepted(replace(Question(tuple(values.items())), market=market))
        assert len(answer.rows) <= DAY // HOUR + 1


@pytest.mark.clause("server.address-1")
def test_the_server_has_an_address_that_keeps_a_key_secret(document: Document, target: Target) -> None:
    """url: https://api.allium.so"""
    assert document.server.startswith("https://")
    assert target.name != "live" or target.base_url.startswith(("https://", "http://127.0.0.1", "http://localhost"))


@pytest.mark.clause("interval.name-1", "interval.place-1", "interval.type-1", "interval.enum-1", "interval.required-1")
class TestInterval:
    """name: interval, in: query, required: true, type: string

    enum: - 1m - 5m - 15m - 1h - 4h - 1d
    """

    @pytest.mark.parametrize("interval", INTERVALS)
    def test_each_interval_works(self, asker: Asker, history: History, tally: Tally, interval: Interval) -> None:
        end = history.end if interval == "1d" else history.start + DAY
        answer = tally.saw(asker.window(Window(interval, history.start, end)))
        labels = sorted(answer.by_label)
        steps = [later - earlier for earlier, later in pairwise(labels)]
        assert min(steps, default=0) == WIDTHS[interval], f"rows are not {interval} apart\n{answer.reply.curl}"
        tally.shown(1, rows=3)

    @pytest.mark.parametrize("text", questions.NO_INTERVALS)
    def test_another_value_is_refused(self, asker: Asker, half_day: Window, text: str) -> None:
        asker.refused(half_day.question().but(interval=text))

    def test_it_may_not_be_left_out(self, asker: Asker, half_day: Window) -> None:
        asker.refused(half_day.question().but(interval=None))


@pytest.mark.clause(
    "start.parameter-1", "start.name-1", "start.place-1", "start.required-1", "start.iso-8601-1",
    "start.naive-is-utc-1", "start.type-1", "start.window-1",
    "end.parameter-1", "end.name-1", "end.place-1", "end.required-1", "end.iso-8601-1", "end.type-1", "end.window-1",
)  # fmt: skip
class TestTimes:
    """$ref: '#/components/parameters/StartTimestamp', name: start_timestamp, in: query, required: true, type: string

    Start of the window (ISO 8601; naive datetimes treated as UTC).

    $ref: '#/components/parameters/EndTimestamp', name: end_timestamp

    End of the window (ISO 8601).
    """

    @BOTH
    @pytest.mark.parametrize("style", OTHER_STYLES)
    def test_an_instant_is_the_same_however_it_is_written(
        self, half_day: Window, same: Callable[[Question], None], name: str, style: str
    ) -> None:
        instant = half_day.start if name.startswith("start") else half_day.end
        same(half_day.question().but(**{name: times.text(instant, style)}))

    def test_both_may_be_naive(self, half_day: Window, same: Callable[[Question], None]) -> None:
        naive = {"start_timestamp": half_day.start, "end_timestamp": half_day.end}
        same(half_day.question().but(**{name: times.text(instant, "naive") for name, instant in naive.items()}))

    def test_spellings_agree(
        self, asker: Asker, half_day: Window, chance: Chance, same: Callable[[Question], None]
    ) -> None:
        def law(example: tuple[str, str, str, str, tuple[int, ...]]) -> None:
            start, end, colon, query_colon, order = example
            question = half_day.question().but(
                start_timestamp=times.text(half_day.start, start), end_timestamp=times.text(half_day.end, end)
            )
            parameters = tuple(question.parameters[place] for place in order)
            same(replace(question, parameters=parameters, colon=colon, query_colon=query_colon))

        chance.each("spellings", 8, spellings, law)

    @BOTH
    def test_it_may_not_be_left_out(self, asker: Asker, half_day: Window, name: str) -> None:
        asker.refused(half_day.question().but(**{name: None}))

    @BOTH
    @pytest.mark.parametrize("text", questions.NO_TIMES)
    def test_what_is_no_time_is_refused(self, asker: Asker, half_day: Window, name: str, text: str) -> None:
        asker.refused(half_day.question().but(**{name: text}))

    @pytest.mark.parametrize("by", [MINUTE, DAY])
    def test_a_window_that_ends_before_it_begins_is_refused(self, asker: Asker, history: History, by: int) -> None:
        asker.refused(questions.backwards(history.start, by))


@pytest.mark.clause(
    "limit.name-1", "limit.place-1", "limit.type-1", "limit.minimum-1", "limit.maximum-1", "limit.range-1"
)
class TestLimit:
    """name: limit, in: query, type: integer, minimum: 1, maximum: 5000, (1–5000)."""

    @pytest.mark.parametrize("text", questions.NO_LIMITS)
    def test_another_limit_is_refused(self, asker: Asker, half_day: Window, text: str) -> None:
        asker.refused(half_day.question().but(limit=text))


@pytest.mark.clause(
    "market.parameter-1", "market.name-1", "market.place-1", "market.required-1", "market.type-1", "market.slug-1"
)
class TestMarket:
    """$ref: '#/components/parameters/MarketIdPath', name: market_id, in: path, required: true, type: string

    Canonical market slug, {venue}:{instrument_type}:{pair}.
    """

    @pytest.mark.parametrize("colon", ["%3A", "%3a"])
    def test_its_colons_may_be_escaped(self, half_day: Window, same: Callable[[Question], None], colon: str) -> None:
        same(replace(half_day.question(), colon=colon))

    def test_it_may_not_be_left_out(self, asker: Asker, half_day: Window) -> None:
        asker.refused(replace(half_day.question(), market=""))
