"""The sandbox answers any request, with rows or with an error; it never fails."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from allium_market_data.model.intervals import DAY
from allium_market_data.sandbox import Reading, Samples, create_app, reading_named
from allium_market_data.sandbox.instants import label_text, parse_instant
from allium_market_data.sandbox.query import HTTPError, Query, parse_query
from allium_market_data_wire.contract import KEY_HEADER, OPEN_INTEREST
from support.sandbox_requests import parameters_for, path_of

ERROR_BODIES = ["error-plain-text", "error-problem-json", "error-empty"]


@pytest.fixture(scope="module")
def apps(samples: Samples) -> list[Any]:
    """An application for each format of errors."""
    readings = [Reading(), *(reading_named([name, "gzip"]) for name in ERROR_BODIES)]
    return [create_app(samples, reading=reading) for reading in readings]


def status_of(app: Any, path: str, query: bytes = b"", key: bytes = b"sandbox-key", method: str = "GET") -> int:
    """The status of the response to a request made through ASGI, which carries any bytes."""
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": quote(path, errors="replace").encode(), "query_string": query, "root_path": "",
        "headers": [(KEY_HEADER.lower().encode(), key)], "client": None, "server": None,
    }  # fmt: skip
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    asyncio.run(app(scope, receive, send))
    (status,) = statuses
    return status


valid = parameters_for("1h", "2026-05-01", "2026-05-02", 10)
LIMIT, MOST = OPEN_INTEREST.limit_parameter, OPEN_INTEREST.limit_maximum
CAP = OPEN_INTEREST.window_cap
hard = st.sampled_from(
    ["", "\x00", "0", "-0", f"{MOST + 1}", "5.0", "1e3", "\u0663", "9" * 5000, "\ud800", "2026-13-01", "0001-01-01", "9999-12-31",
     "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999999-23:59", "2026-05-01T24:00", "yesterday", "nan", "1m", "1M"]
)  # fmt: skip
values = hard | st.text(max_size=30) | st.datetimes().map(datetime.isoformat) | st.integers().map(str)
pairs = st.lists(st.tuples(st.sampled_from(sorted(valid)) | st.text(max_size=8), values), max_size=6)
query_strings = st.binary(max_size=80) | pairs.map(
    lambda added: urlencode([*valid.items(), *added], errors="surrogatepass").encode()
)


@given(query_strings, st.integers(0, 3))
@example(urlencode(parameters_for("1h", "\udcff", "\x00", "9" * 100_000), errors="surrogateescape").encode(), 0)
@example(b"&".join([f"{LIMIT}=1".encode()] * 5000), 0)
def test_any_query_string_is_answered(apps: list[Any], query: bytes, which: int) -> None:
    assert status_of(apps[which], path_of("hl:perp:SOL-USDC"), query) in {200, 422}


@given(st.text(max_size=20) | hard, st.integers(0, 3))
def test_any_market_is_answered(apps: list[Any], market: str, which: int) -> None:
    assert status_of(apps[which], path_of(market), urlencode(valid).encode()) == 404


@given(st.text(max_size=30), st.binary(max_size=20), st.sampled_from(["GET", "POST", "HEAD", "BREW"]))
def test_any_path_key_or_method_is_answered(apps: list[Any], path: str, key: bytes, method: str) -> None:
    assert 400 <= status_of(apps[0], f"/{path}", b"", key, method) < 500
    assert status_of(apps[0], path_of("x"), b"", key, method) in ({401, 403} if method in ("GET", "HEAD") else {405})


@given(query_strings)
def test_query_string_is_valid_or_an_error(query_string: bytes) -> None:
    try:
        query = parse_query(query_string)
    except HTTPError as error:
        assert error.status == 422  # noqa: PT017 - either outcome is correct
    else:
        assert query.start < query.end <= query.start + CAP
        assert OPEN_INTEREST.limit_minimum <= query.limit <= MOST
        assert query.interval in OPEN_INTEREST.intervals


offsets = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(), st.none() | offsets)
def test_instant_equals_that_of_datetime(moment: datetime, zone: timezone | None) -> None:
    text = moment.replace(tzinfo=zone).isoformat()
    ahead = timedelta() if zone is None else zone.utcoffset(None)
    since = moment.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    assert parse_instant(text) == (since - ahead) // timedelta(microseconds=1)


@given(st.text(max_size=40) | st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2})?\Z"))
def test_other_text_raises_value_error(text: str) -> None:
    try:
        parse_instant(text)
    except ValueError as error:
        assert str(error)  # noqa: PT017 - either outcome is correct


@given(st.integers(0, 4_000_000_000 // 60))
def test_label_is_parsed_back(minute: int) -> None:
    label = minute * 60_000_000
    micros, zulu = label_text(label, "micros"), label_text(label, "z")
    assert parse_instant(micros) == parse_instant(zulu) == label
    assert micros.endswith(".000000+00:00")
    assert zulu.endswith("Z")
    assert int(label_text(label, "milliseconds")) * 1000 == label


@given(
    st.integers(0, 40 * DAY),
    st.integers(1, CAP),
    st.sampled_from(OPEN_INTEREST.intervals),
    st.integers(OPEN_INTEREST.limit_minimum, MOST),
)
def test_query_survives_its_query_string(start: int, length: int, interval: Any, limit: int) -> None:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    first, last = (epoch + timedelta(microseconds=moment) for moment in (start, start + length))
    query = urlencode(parameters_for(interval, first.isoformat(), last.isoformat(), limit))
    assert parse_query(query.encode()) == Query(interval, start, start + length, limit)
