"""Query strings: what is valid, and what is a 422."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from allium_market_data.model.intervals import DAY, HOUR
from allium_market_data.sandbox.instants import parse_instant
from allium_market_data.sandbox.query import MAX_WINDOW, HTTPError, Query, parse_query

MAY = 1_777_593_600_000_000  # 2026-05-01T00:00:00Z
VALID = {"interval": "1h", "start_timestamp": "2026-05-01T00:00:00Z", "end_timestamp": "2026-05-02T00:00:00Z"}


def parse(**changes: str | None) -> Query:
    parameters = {name: value for name, value in {**VALID, **changes}.items() if value is not None}
    return parse_query(urlencode(parameters).encode())


def problems(**changes: str | None) -> list[tuple[object, object]]:
    with pytest.raises(HTTPError) as caught:
        parse(**changes)
    assert caught.value.status == 422
    assert isinstance(caught.value.detail, list)
    return [(problem["loc"], problem["type"]) for problem in caught.value.detail]


def test_example_of_the_specification_is_valid() -> None:
    assert parse() == Query("1h", MAY, MAY + DAY, 500)


@pytest.mark.parametrize(
    ("text", "instant"),
    [("2026-05-01", MAY), ("2026-05-01T00:00", MAY), ("2026-05-01 00:00:00", MAY), ("2026-05-01t00:00:00z", MAY),
     ("2026-05-01T02:00:00+02:00", MAY), ("2026-04-30T22:30:00-0130", MAY), ("2026-05-01T00:00:00.000001Z", MAY + 1),
     ("2026-05-01T00:00:00,5Z", MAY + 500_000), ("2026-05-01T00:00:00.000000000Z", MAY), ("1969-12-31T23:00", -HOUR)],
)  # fmt: skip
def test_times_are_iso_8601_and_utc_if_naive(text: str, instant: int) -> None:
    assert parse_instant(text) == instant


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "2026-13-01", "2026-02-30", "2026-05-01T24:00", "2026-05-01T00:60", "2026-05-01T00:00:60", "20260501",
     "1777593600", "2026-05-01T00:00:00 02:00", "2026-05-01T00:00:00+24:00", "2026-05-01x00:00", "0000-01-01", " 2026-05-01",
     "2026-05-01T00:00:00.0000001", "2026-05-01T00", "\u0662026-05-01", "2026-05-01Z", "2026-05-01\n"],
)  # fmt: skip
@pytest.mark.parametrize("name", ["start_timestamp", "end_timestamp"])
def test_unreadable_time_is_refused(text: str, name: str) -> None:
    assert problems(**{name: text}) == [(["query", name], "datetime_parsing")]


@pytest.mark.parametrize("name", sorted(VALID))
def test_missing_parameter_is_refused(name: str) -> None:
    assert problems(**{name: None}) == [(["query", name], "missing")]


def test_all_problems_are_named_at_once() -> None:
    assert len(problems(interval="2h", start_timestamp="soon", end_timestamp=None, limit="many")) == 4


@pytest.mark.parametrize("text", ["", "1H", "2h", "60m", "1h ", "None"])
def test_unknown_interval_is_refused(text: str) -> None:
    assert problems(interval=text) == [(["query", "interval"], "enum")]


@pytest.mark.parametrize("text", ["1", "2", "4999", "5000", "0005"])
def test_limit_from_1_to_5000_is_valid(text: str) -> None:
    assert parse(limit=text).limit == int(text)


@pytest.mark.parametrize(
    ("text", "kind"),
    [("0", "greater_than_equal"), ("-1", "greater_than_equal"), ("5001", "less_than_equal"), ("9" * 10_000, "less_than_equal"),
     ("abc", "int_parsing"), ("5.0", "int_parsing"), ("", "int_parsing"), ("1e3", "int_parsing"), (" 5", "int_parsing"),
     ("\u0665", "int_parsing"), ("+5", "int_parsing"), ("1_0", "int_parsing"), ("5\n", "int_parsing")],
)  # fmt: skip
def test_other_limits_are_refused(text: str, kind: str) -> None:
    assert problems(limit=text) == [(["query", "limit"], kind)]


def test_longest_window_is_seven_days() -> None:
    assert parse(end_timestamp="2026-05-08T00:00:00Z").end == MAY + MAX_WINDOW
    assert problems(end_timestamp="2026-05-08T00:00:00.000001Z") == [(["query", "end_timestamp"], "value_error")]
    assert problems(start_timestamp="0001-01-01", end_timestamp="9999-12-31") == [
        (["query", "end_timestamp"], "value_error")
    ]


@pytest.mark.parametrize("end", ["2026-05-01T00:00:00Z", "2026-04-30", "2026-05-01T01:00:00+01:00"])
def test_empty_or_reversed_window_is_refused(end: str) -> None:
    assert problems(end_timestamp=end) == [(["query", "end_timestamp"], "value_error")]


def test_first_and_last_day_of_the_calendar_are_valid() -> None:
    assert (
        parse(start_timestamp="0001-01-01T00:00:00+23:59", end_timestamp="0001-01-02").start < -62_135_596_800_000_000
    )
    assert (
        parse(start_timestamp="9999-12-31", end_timestamp="9999-12-31T23:59:59.999999-12:00").end
        > 253_402_300_800_000_000
    )


def test_last_of_a_repeated_parameter_counts() -> None:
    assert parse_query((urlencode(VALID) + "&limit=0&limit=7&colour=blue").encode()).limit == 7


def test_bare_plus_is_refused_with_a_hint() -> None:
    query = "interval=1h&start_timestamp=2026-05-01T00:00:00+00:00&end_timestamp=2026-05-02"
    with pytest.raises(HTTPError, match="%2B"):
        parse_query(query.encode())
