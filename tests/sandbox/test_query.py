"""Query strings: what is valid, and what is a 422."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest

from allium_market_data.model.intervals import DAY, HOUR, MINUTE
from allium_market_data.sandbox.instants import parse_instant
from allium_market_data.sandbox.query import HTTPError, Query, parse_query
from allium_market_data_wire.contract import OPEN_INTEREST, Operation
from support.sandbox_requests import parameters_for

MAY = 1_777_593_600_000_000  # 2026-05-01T00:00:00Z
CAP = OPEN_INTEREST.window_cap
START, END, LIMIT = OPEN_INTEREST.start_parameter, OPEN_INTEREST.end_parameter, OPEN_INTEREST.limit_parameter
INTERVAL = str(OPEN_INTEREST.interval_parameter)
VALID = parameters_for("1h", "2026-05-01T00:00:00Z", "2026-05-02T00:00:00Z")
LEAST, MOST = OPEN_INTEREST.limit_minimum, OPEN_INTEREST.limit_maximum


def parse(changes: Mapping[str, str | None] = {}, operation: Operation = OPEN_INTEREST) -> Query:
    parameters = {name: value for name, value in {**VALID, **changes}.items() if value is not None}
    return parse_query(urlencode(parameters).encode(), operation)


def details(changes: Mapping[str, str | None], operation: Operation = OPEN_INTEREST) -> list[dict[str, object]]:
    with pytest.raises(HTTPError) as caught:
        parse(changes, operation)
    assert caught.value.status == 422
    assert isinstance(caught.value.detail, list)
    return caught.value.detail


def problems(changes: Mapping[str, str | None]) -> list[tuple[object, object]]:
    return [(problem["loc"], problem["type"]) for problem in details(changes)]


def test_example_of_the_specification_is_valid() -> None:
    assert parse() == Query("1h", MAY, MAY + DAY, OPEN_INTEREST.limit_default)


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
@pytest.mark.parametrize("name", [START, END])
def test_unreadable_time_is_refused(text: str, name: str) -> None:
    assert problems({name: text}) == [(["query", name], "datetime_parsing")]


@pytest.mark.parametrize("name", sorted(VALID))
def test_missing_parameter_is_refused(name: str) -> None:
    assert problems({name: None}) == [(["query", name], "missing")]


def test_all_problems_are_named_at_once() -> None:
    assert len(problems({INTERVAL: "2h", START: "soon", END: None, LIMIT: "many"})) == 4


@pytest.mark.parametrize("text", ["", "1H", "2h", "60m", "1h ", "None"])
def test_unknown_interval_is_refused(text: str) -> None:
    assert problems({INTERVAL: text}) == [(["query", INTERVAL], "enum")]


def test_every_interval_of_the_contract_is_valid() -> None:
    assert [parse({INTERVAL: interval}).interval for interval in OPEN_INTEREST.intervals] == [*OPEN_INTEREST.intervals]
    choices = ", ".join(map(repr, OPEN_INTEREST.intervals[:-1])) + f" or {OPEN_INTEREST.intervals[-1]!r}"
    assert details({INTERVAL: "x"})[0]["msg"] == f"Input should be {choices}"


@pytest.mark.parametrize("text", [f"{LEAST}", f"{LEAST + 1}", f"{MOST - 1}", f"{MOST}", f"000{LEAST}"])
def test_limit_of_the_range_is_valid(text: str) -> None:
    assert parse({LIMIT: text}).limit == int(text)


@pytest.mark.parametrize(
    ("text", "kind"),
    [(f"{LEAST - 1}", "greater_than_equal"), ("-1", "greater_than_equal"), ("-0", "greater_than_equal"),
     ("-" + "9" * 10_000, "greater_than_equal"), (f"{MOST + 1}", "less_than_equal"), ("9" * 10_000, "less_than_equal"),
     ("abc", "int_parsing"), ("5.0", "int_parsing"), ("", "int_parsing"), ("1e3", "int_parsing"), (" 5", "int_parsing"),
     ("\u0665", "int_parsing"), ("+5", "int_parsing"), ("1_0", "int_parsing"), ("5\n", "int_parsing")],
)  # fmt: skip
def test_other_limits_are_refused(text: str, kind: str) -> None:
    assert problems({LIMIT: text}) == [(["query", LIMIT], kind)]


def text_of(instant: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=instant)).isoformat()


def test_longest_window_is_the_cap() -> None:
    assert parse({END: text_of(MAY + CAP)}).end == MAY + CAP
    assert problems({END: text_of(MAY + CAP + 1)}) == [(["query", END], "value_error")]
    assert problems({START: "0001-01-01", END: "9999-12-31"}) == [(["query", END], "value_error")]


@pytest.mark.parametrize(
    ("cap", "words"),
    [(DAY, "1 day"), (31 * DAY, "31 days"), (36 * HOUR, "36 hours"), (HOUR, "1 hour"), (90 * MINUTE, "90 minutes"),
     (1_500_000, "1500000 microseconds"), (2_000_000, "2 seconds")],
)  # fmt: skip
def test_longer_window_is_refused_with_the_cap_in_words(cap: int, words: str) -> None:
    detail = details({END: "2026-07-01"}, replace(OPEN_INTEREST, window_cap=cap))
    assert [problem["msg"] for problem in detail] == [f"The query window is capped at {words}"]


@pytest.mark.parametrize("end", ["2026-05-01T00:00:00Z", "2026-04-30", "2026-05-01T01:00:00+01:00"])
def test_empty_or_reversed_window_is_refused(end: str) -> None:
    assert details({END: end}) == [
        {"loc": ["query", END], "msg": f"Input should be after {START}", "type": "value_error"}
    ]


def test_first_and_last_day_of_the_calendar_are_valid() -> None:
    assert parse({START: "0001-01-01T00:00:00+23:59", END: "0001-01-01"}).start < -62_135_596_800_000_000
    assert parse({START: "9999-12-31T12:00", END: "9999-12-31T23:59:59.999999-12:00"}).end > 253_402_300_800_000_000


def test_last_of_a_repeated_parameter_counts() -> None:
    assert parse_query((urlencode(VALID) + f"&{LIMIT}=0&{LIMIT}=7&colour=blue").encode()).limit == 7


def test_bare_plus_is_refused_with_a_hint() -> None:
    query = f"{INTERVAL}=1h&{START}=2026-05-01T00:00:00+00:00&{END}=2026-05-02"
    with pytest.raises(HTTPError, match="%2B"):
        parse_query(query.encode())
