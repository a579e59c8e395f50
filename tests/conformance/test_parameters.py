"""Each parameter: valid and invalid values, and the ways to write them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from allium_market_data.model.intervals import DAY, HOUR, INTERVALS, MINUTE, WIDTHS, Interval
from conformance import invalid_requests, times
from conformance.document import Document
from conformance.random_examples import RandomExamples, spellings
from conformance.reference_week import ReferenceWeek
from conformance.request import Request, Window
from conformance.requester import Requester
from conformance.sample_size import SampleSize
from conformance.target import Target

each_time_parameter = pytest.mark.parametrize("name", ["start_timestamp", "end_timestamp"])
OTHER_STYLES = [style for style in times.STYLES if style != "Z"]


@pytest.fixture
def half_day(week: ReferenceWeek) -> Window:
    return invalid_requests.half_day(week.start)


@pytest.fixture
def assert_same_rows(requester: Requester, half_day: Window, sample: SampleSize) -> Callable[[Request], None]:
    """Fails unless a request returns the same rows as the plainest request for `half_day`."""

    def check(request: Request) -> None:
        plain = sample.add(requester.fetch_window(half_day))
        page = sample.add(requester.fetch(request, half_day))
        assert page.rows == plain.rows, f"not the same rows:\n{page.response.curl}\n{plain.response.curl}"
        sample.require(2, rows=100)

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

    def test_the_example_of_the_document_works(self, requester: Requester, document: Document) -> None:
        values = {name: str(parameter["example"]) for name, parameter in document.parameters.items() if name != "limit"}
        market = values.pop("market_id")
        page = requester.fetch(replace(Request(tuple(values.items())), market=market))
        assert len(page.rows) <= DAY // HOUR + 1


@pytest.mark.clause("server.address-1")
def test_the_server_address_uses_https(document: Document, target: Target) -> None:
    """url: https://api.allium.so"""
    assert document.server.startswith("https://")
    assert target.name != "live" or target.base_url.startswith(("https://", "http://127.0.0.1", "http://localhost"))


@pytest.mark.clause("interval.name-1", "interval.place-1", "interval.type-1", "interval.enum-1", "interval.required-1")
class TestInterval:
    """name: interval, in: query, required: true, type: string

    enum: - 1m - 5m - 15m - 1h - 4h - 1d
    """

    @pytest.mark.parametrize("interval", INTERVALS)
    def test_each_interval_works(
        self, requester: Requester, week: ReferenceWeek, sample: SampleSize, interval: Interval
    ) -> None:
        end = week.end if interval == "1d" else week.start + DAY
        page = sample.add(requester.fetch_window(Window(interval, week.start, end)))
        steps = [later - earlier for earlier, later in pairwise(sorted(page.by_label))]
        assert min(steps, default=0) == WIDTHS[interval], f"rows are not {interval} apart\n{page.response.curl}"
        sample.require(1, rows=3)

    @pytest.mark.parametrize("text", invalid_requests.INVALID_INTERVALS)
    def test_another_interval_is_rejected(self, requester: Requester, half_day: Window, text: str) -> None:
        requester.expect_error(half_day.request().with_parameters(interval=text))

    def test_interval_is_required(self, requester: Requester, half_day: Window) -> None:
        requester.expect_error(half_day.request().with_parameters(interval=None))


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

    @each_time_parameter
    @pytest.mark.parametrize("style", OTHER_STYLES)
    def test_every_iso_8601_style_of_one_instant_returns_the_same_rows(
        self, half_day: Window, assert_same_rows: Callable[[Request], None], name: str, style: str
    ) -> None:
        instant = half_day.start if name.startswith("start") else half_day.end
        assert_same_rows(half_day.request().with_parameters(**{name: times.text(instant, style)}))

    def test_both_times_may_be_naive(self, half_day: Window, assert_same_rows: Callable[[Request], None]) -> None:
        naive = {"start_timestamp": half_day.start, "end_timestamp": half_day.end}
        texts = {name: times.text(instant, "naive") for name, instant in naive.items()}
        assert_same_rows(half_day.request().with_parameters(**texts))

    def test_every_spelling_of_one_request_returns_the_same_rows(
        self, half_day: Window, random_examples: RandomExamples, assert_same_rows: Callable[[Request], None]
    ) -> None:
        def check(example: tuple[str, str, str, str, tuple[int, ...]]) -> None:
            start, end, colon, query_colon, order = example
            request = half_day.request().with_parameters(
                start_timestamp=times.text(half_day.start, start), end_timestamp=times.text(half_day.end, end)
            )
            parameters = tuple(request.parameters[index] for index in order)
            assert_same_rows(replace(request, parameters=parameters, colon=colon, query_colon=query_colon))

        random_examples.check_each("spellings", 8, spellings, check)

    @each_time_parameter
    def test_both_times_are_required(self, requester: Requester, half_day: Window, name: str) -> None:
        requester.expect_error(half_day.request().with_parameters(**{name: None}))

    @each_time_parameter
    @pytest.mark.parametrize("text", invalid_requests.INVALID_TIMES)
    def test_an_invalid_time_is_rejected(self, requester: Requester, half_day: Window, name: str, text: str) -> None:
        requester.expect_error(half_day.request().with_parameters(**{name: text}))

    @pytest.mark.parametrize("by", [MINUTE, DAY])
    def test_a_window_that_ends_before_its_start_is_rejected(
        self, requester: Requester, week: ReferenceWeek, by: int
    ) -> None:
        requester.expect_error(invalid_requests.reversed_window(week.start, by))


@pytest.mark.clause(
    "limit.name-1", "limit.place-1", "limit.type-1", "limit.minimum-1", "limit.maximum-1", "limit.range-1"
)
class TestLimit:
    """name: limit, in: query, type: integer, minimum: 1, maximum: 5000, (1–5000)."""

    @pytest.mark.parametrize("text", invalid_requests.INVALID_LIMITS)
    def test_an_invalid_limit_is_rejected(self, requester: Requester, half_day: Window, text: str) -> None:
        requester.expect_error(half_day.request().with_parameters(limit=text))


@pytest.mark.clause(
    "market.parameter-1", "market.name-1", "market.place-1", "market.required-1", "market.type-1", "market.slug-1"
)
class TestMarket:
    """$ref: '#/components/parameters/MarketIdPath', name: market_id, in: path, required: true, type: string

    Canonical market slug, {venue}:{instrument_type}:{pair}.
    """

    @pytest.mark.parametrize("colon", ["%3A", "%3a"])
    def test_the_colons_of_a_market_may_be_percent_encoded(
        self, half_day: Window, assert_same_rows: Callable[[Request], None], colon: str
    ) -> None:
        assert_same_rows(replace(half_day.request(), colon=colon))

    def test_the_market_is_required(self, requester: Requester, half_day: Window) -> None:
        requester.expect_error(replace(half_day.request(), market=""))
