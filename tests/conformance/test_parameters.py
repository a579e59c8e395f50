"""Each parameter: valid and invalid values, and the ways to write them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from allium_market_data.model.intervals import DAY, HOUR, MINUTE, WIDTHS, Interval, floor
from allium_market_data_wire.contract import SERVER
from conformance import invalid_requests, times
from conformance.document import Document
from conformance.outcomes import left_out, not_shown
from conformance.random_examples import RandomExamples, spellings
from conformance.reference_week import ReferenceWeek
from conformance.request import Request, Window, wire_names
from conformance.requester import Requester
from conformance.sample_size import SampleSize
from conformance.target import Target

STYLE_PAIRS = list(zip(times.STYLES, (*times.STYLES[1:], times.STYLES[0]), strict=True))
each_time_parameter = pytest.mark.parametrize("role", ["start", "end"])


@pytest.fixture
def half_day(week: ReferenceWeek) -> Window:
    return week.half_day


@pytest.fixture
def assert_same_rows(requester: Requester, half_day: Window, sample: SampleSize) -> Callable[[Request], None]:
    """Fails unless a request returns the same rows as the plainest request for `half_day`."""

    def check(request: Request) -> None:
        plain = sample.add(requester.fetch_window(half_day))
        page = sample.add(requester.fetch(request, half_day))
        assert page.rows == plain.rows, f"not the same rows:\n{page.response.curl}\n{plain.response.curl}"
        sample.require(2)

    return check


@pytest.fixture
def assert_same_times(
    week: ReferenceWeek, half_day: Window, assert_same_rows: Callable[[Request], None]
) -> Callable[[Request], None]:
    """The same, where a time that is read wrongly must show."""

    def check(request: Request) -> None:
        assert_same_rows(request)
        if not week.shows_offsets(half_day):
            not_shown(f"{half_day} has no rows near its edges, so a wrong time would not show")

    return check


@pytest.mark.clause(
    "operation.path-1", "operation.path-2", "operation.method-1", "market.example-1", "interval.example-1",
    "start.example-1", "end.example-1",
)  # fmt: skip
class TestOperation:
    """The operation answers, and so does the example of the document."""

    def test_the_example_of_the_document_works(
        self, requester: Requester, week: ReferenceWeek, target: Target, document: Document
    ) -> None:
        if target.market_is_given:
            left_out("--market was given, so the example of the document is not asked for")
        examples = {name: str(p["example"]) for name, p in document.parameters.items() if "example" in p}
        roles = {role: examples[name] for role, name in wire_names(requester.operation).items() if name in examples}
        interval = next((name for name in week.intervals if name == roles.get("interval")), week.intervals[0])
        window = Window(interval, times.parse(roles["start"]), times.parse(roles["end"]))
        market = examples[requester.operation.market_parameter]
        request = replace(Request(tuple(roles.items())), market=market)
        if week.refused and 400 <= requester.send(request).status < 500:
            not_shown("the server refuses the time of the example, as it refuses other old windows", "a longer history")
        page = requester.fetch(request, window)
        assert len(page.rows) <= (window.end - window.start) // window.width + 1

    def test_a_plain_request_works(self, requester: Requester, half_day: Window, sample: SampleSize) -> None:
        sample.add(requester.fetch_window(half_day))
        sample.require(1)


@pytest.mark.clause("server.address-1")
def test_the_server_address_uses_https(target: Target) -> None:
    """The address of the document, and the one under test."""
    assert SERVER.startswith("https://")
    assert target.name != "live" or target.base_url.startswith(("https://", "http://127.0.0.1", "http://localhost"))


@pytest.mark.clause("interval.name-1", "interval.place-1", "interval.type-1", "interval.enum-1", "interval.required-1")
class TestInterval:
    """Every interval of the document, and no other."""

    @pytest.fixture(autouse=True)
    def _has_an_interval(self, requester: Requester) -> None:
        if requester.operation.interval_parameter is None:
            left_out("the operation has no interval parameter")

    def test_each_interval_works(self, week: ReferenceWeek, interval: Interval) -> None:
        steps = [later - earlier for earlier, later in pairwise(week.rows(interval))]
        width, (page, *_) = WIDTHS[interval], week.pages(interval)
        assert not [step for step in steps if step % width], f"rows are not {interval} apart\n{page.response.curl}"
        if min(steps, default=0) != width:
            not_shown(f"no two rows are {interval} apart in the week")

    def test_another_interval_is_rejected(self, requester: Requester, half_day: Window, invalid_interval: str) -> None:
        requester.expect_error(half_day.request().with_parameters(interval=invalid_interval))

    def test_interval_is_required(self, requester: Requester, half_day: Window) -> None:
        requester.expect_error(half_day.request().with_parameters(interval=None))


@pytest.mark.clause(
    "start.parameter-1", "start.name-1", "start.place-1", "start.required-1", "start.iso-8601-1",
    "start.naive-is-utc-1", "start.type-1", "start.window-1",
    "end.parameter-1", "end.name-1", "end.place-1", "end.required-1", "end.iso-8601-1", "end.type-1", "end.window-1",
)  # fmt: skip
class TestTimes:
    """Every way to write an instant means the same; what is not a time is rejected."""

    @pytest.mark.parametrize(("start", "end"), STYLE_PAIRS)
    def test_every_iso_8601_style_of_one_instant_returns_the_same_rows(
        self, half_day: Window, assert_same_times: Callable[[Request], None], start: str, end: str
    ) -> None:
        texts = {"start": times.text(half_day.start, start), "end": times.text(half_day.end, end)}
        assert_same_times(half_day.request().with_parameters(**texts))

    def test_both_times_may_be_naive(self, half_day: Window, assert_same_times: Callable[[Request], None]) -> None:
        naive = {"start": half_day.start, "end": half_day.end}
        texts = {role: times.text(instant, "naive") for role, instant in naive.items()}
        assert_same_times(half_day.request().with_parameters(**texts))

    def test_every_spelling_of_one_request_returns_the_same_rows(
        self, half_day: Window, random_examples: RandomExamples, assert_same_times: Callable[[Request], None]
    ) -> None:
        def check(example: tuple[str, str, str, str, tuple[int, ...]]) -> None:
            start, end, colon, query_colon, order = example
            request = half_day.request().with_parameters(
                start=times.text(half_day.start, start), end=times.text(half_day.end, end)
            )
            parameters = tuple(request.parameters[index] for index in order)
            assert_same_times(replace(request, parameters=parameters, colon=colon, query_colon=query_colon))

        random_examples.check_each("spellings", 4, spellings, check)

    def test_a_date_alone_is_midnight_in_utc_or_rejected(self, requester: Requester, week: ReferenceWeek) -> None:
        window = date_window(week)
        plain = requester.fetch_window(window)
        page = requester.fetch_or_error(date_request(window), window)
        if page is None:
            return  # the open question `date-alone`
        assert page.rows == plain.rows, f"not the same rows:\n{page.response.curl}\n{plain.response.curl}"
        if not week.shows_offsets(window):
            not_shown(f"{window} has no rows near its edges, so a wrong time would not show")

    @each_time_parameter
    def test_both_times_are_required(self, requester: Requester, half_day: Window, role: str) -> None:
        requester.expect_error(half_day.request().with_parameters(**{role: None}))

    @each_time_parameter
    @pytest.mark.parametrize("name", invalid_requests.INVALID_TIMES)
    def test_an_invalid_time_is_rejected(self, requester: Requester, week: ReferenceWeek, role: str, name: str) -> None:
        requester.expect_error(invalid_requests.invalid_time(name, role, week))

    @pytest.mark.parametrize("by", [MINUTE, DAY])
    def test_a_window_that_ends_before_its_start_is_rejected(
        self, requester: Requester, week: ReferenceWeek, by: int
    ) -> None:
        requester.expect_error(invalid_requests.reversed_window(week, by))


def date_window(week: ReferenceWeek) -> Window:
    """Twelve hours from a midnight."""
    midnight = floor(week.half_day.start, DAY)
    return Window(week.half_day.interval, midnight, midnight + 12 * HOUR)


def date_request(window: Window) -> Request:
    """A request for ``window`` whose start is a date without a time."""
    return window.request().with_parameters(start=times.text(window.start)[:10])


@pytest.mark.clause(
    "limit.name-1", "limit.place-1", "limit.type-1", "limit.minimum-1", "limit.maximum-1", "limit.range-1"
)
class TestLimit:
    """Limits that are out of range, or not whole numbers."""

    def test_an_invalid_limit_is_rejected(self, requester: Requester, half_day: Window, invalid_limit: str) -> None:
        requester.expect_error(half_day.request().with_parameters(limit=invalid_limit))

    def test_a_limit_without_a_value_is_no_server_error(self, requester: Requester, half_day: Window) -> None:
        """It may be rejected, or count as left out."""
        requester.fetch_or_error(half_day.request().with_parameters(limit=""), half_day)


@pytest.mark.clause("answer.status-1")
def test_a_parameter_that_is_sent_twice_is_no_server_error(
    requester: Requester, half_day: Window, assert_same_rows: Callable[[Request], None]
) -> None:
    """It may be rejected; both times it has the same value."""
    request = half_day.request()
    twice = replace(request, parameters=(*request.parameters, request.parameters[-1]))
    if requester.fetch_or_error(twice, half_day) is not None:
        assert_same_rows(twice)


@pytest.mark.clause(
    "market.parameter-1", "market.name-1", "market.place-1", "market.required-1", "market.type-1", "market.slug-1"
)
class TestMarket:
    """The market in the path."""

    def test_the_colons_of_a_market_may_be_percent_encoded(
        self, half_day: Window, assert_same_rows: Callable[[Request], None]
    ) -> None:
        assert_same_rows(replace(half_day.request(), colon="%3A"))

    def test_the_market_is_required(self, requester: Requester, half_day: Window) -> None:
        requester.expect_error(replace(half_day.request(), market=""))
