"""Which failures are retried, and after how long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allium_market_data.client.retry import RetryPolicy, parse_retry_after, retry_delay
from allium_market_data.errors import (
    AuthenticationError,
    ConnectionFailedError,
    ContractError,
    ErrorContext,
    FetchError,
    IncompleteError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    RefusedError,
    RequestTimeoutError,
    ServerError,
    UnexpectedStatusError,
    UsageError,
)

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
POLICY = RetryPolicy(jitter=0.5, longest_retry_after=120)


def error(kind: type[FetchError], status: int | None = None, later: str | None = None) -> FetchError:
    return kind("no", ErrorContext(status=status, headers={} if later is None else {"retry-after": later}))


@pytest.mark.parametrize(
    "failure",
    [
        error(RequestTimeoutError),
        error(ConnectionFailedError),
        error(RefusedError, 408),
        error(RateLimitedError, 429),
        *(error(ServerError, status) for status in (500, 502, 503, 504, 520, 599)),
    ],
)
def test_a_transient_failure_is_retried(failure: FetchError) -> None:
    assert retry_delay(failure, POLICY, NOW) is True


@pytest.mark.parametrize(
    "failure",
    [
        error(AuthenticationError, 401),
        error(PermissionDeniedError, 403),
        error(NotFoundError, 404),
        *(error(RefusedError, status) for status in (400, 402, 409, 410, 418, 422, 425, 451, 499)),
        *(error(UnexpectedStatusError, status) for status in (201, 204, 301, 302, 307, 308)),
        error(ContractError, 200),
        error(IncompleteError),
        UsageError("wrong"),
        KeyError("a bug"),
        KeyboardInterrupt(),
    ],
)
def test_any_other_failure_is_not_retried(failure: BaseException) -> None:
    assert retry_delay(failure, POLICY, NOW) is False


def test_a_refusal_is_not_retried_in_spite_of_a_retry_after() -> None:
    assert retry_delay(error(AuthenticationError, 401, "1"), POLICY, NOW) is False


@pytest.mark.parametrize("later", ["0", "7", "120"])
def test_jitter_is_added_to_retry_after(later: str) -> None:
    waits = {retry_delay(error(ServerError, 503, later), POLICY, NOW) for _ in range(50)}
    assert all(float(later) <= wait <= float(later) + 0.5 and wait is not True for wait in waits)
    assert len(waits) > 1


def test_a_retry_after_of_zero_is_a_delay_of_zero() -> None:
    wait = retry_delay(error(RateLimitedError, 429, "0"), RetryPolicy(jitter=0), NOW)
    assert (wait, wait is False) == (0.0, False)


@pytest.mark.parametrize("later", ["121", "86400", "999999999999999999999999", "Sat, 02 May 2026 12:00:00 GMT"])
def test_a_retry_after_beyond_the_policy_is_not_retried(later: str) -> None:
    assert retry_delay(error(RateLimitedError, 429, later), POLICY, NOW) is False


@pytest.mark.parametrize(
    "later",
    [
        "soon",
        "",
        "-5",
        "1.5.5",
        "1,5",
        ".",
        "1e3",
        "5s",
        "١",
        "Fri, 31 Feb 2026 00:00:00 GMT",
        "Fri, 01 May 99999999999999999999 00:00:00 GMT",
        "2026-05-01T12:00:05Z",
    ],
)
def test_an_unreadable_retry_after_leaves_the_delay_to_the_policy(later: str) -> None:
    assert retry_delay(error(ServerError, 503, later), POLICY, NOW) is True


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("Fri, 01 May 2026 12:00:30 GMT", 30),
        ("Friday, 01-May-26 12:00:30 GMT", 30),
        ("Fri, 01 May 2026 14:00:30 +0200", 30),
        ("Fri, 01 May 2026 12:00:30 -0000", 30),
        ("Fri, 01 May 2026 11:00:00 GMT", 0),
        (" 30 ", 30),
        ("1.5", 1.5),
        ("0.25", 0.25),
        (".5", 0.5),
        ("2.", 2),
        ("9" * 400 + ".5", 999_999_999_999),
        (None, None),
    ],
)
def test_a_retry_after_is_a_date_or_seconds(header: str | None, seconds: float | None) -> None:
    assert parse_retry_after(header, NOW) == seconds


@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2400, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_a_date_is_read_in_any_time_zone(moment: datetime) -> None:
    clock = NOW.astimezone(timezone(timedelta(hours=5, minutes=45)))
    expected = max(0.0, (moment.replace(microsecond=0) - NOW).total_seconds())
    assert parse_retry_after(format_datetime(moment, usegmt=True), clock) == expected


@given(st.one_of(st.text(), st.from_regex(r"\w{3}, \d{1,25} \w{3} \d{1,25} \d{1,3}:\d{1,3}:\d{1,3} .{0,8}")))
def test_no_header_raises(header: str) -> None:
    wait = parse_retry_after(header, NOW)
    assert wait is None or wait >= 0
