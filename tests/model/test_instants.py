"""What callers may pass as an instant, and that it never changes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from allium_market_data.errors import UsageError
from allium_market_data.validation import to_instant, to_span

NOON = datetime(2026, 5, 1, 12, 30, tzinfo=UTC)
fixed_offsets = st.integers(-82_800, 82_800).map(lambda seconds: timezone(timedelta(seconds=seconds)))


class OtherDatetime(datetime):
    """A subclass of datetime from another library, with arithmetic of its own."""

    def __sub__(self, other: Any) -> Any:
        raise AssertionError("the arithmetic of a subclass must not be used")


@given(st.datetimes(timezones=st.one_of(st.none(), st.timezones(), fixed_offsets)))
def test_any_datetime_becomes_the_same_instant_in_utc(moment: datetime) -> None:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    try:
        expected = aware.astimezone(UTC)
    except OverflowError:
        with pytest.raises(UsageError, match="start is outside the years 1 to 9999"):
            to_instant(moment, "start")
        return
    instant = to_instant(moment, "start")
    assert (instant, instant.tzinfo, type(instant)) == (expected, UTC, datetime)


@given(st.datetimes(timezones=st.one_of(st.none(), fixed_offsets)))
def test_iso_text_becomes_the_same_instant(moment: datetime) -> None:
    try:
        expected = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        return
    assert to_instant(moment.isoformat(), "start") == expected
    assert to_instant(f"  {moment.isoformat(sep=' ')}\n", "start") == expected


def test_fold_distinguishes_the_two_hours_when_clocks_go_back() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    early, late = (to_instant(datetime(2025, 10, 26, 2, 30, tzinfo=berlin, fold=fold), "x") for fold in (0, 1))
    assert late - early == timedelta(hours=1)


def test_offsets_with_seconds_are_exact() -> None:
    monrovia = datetime(1900, 1, 1, tzinfo=ZoneInfo("Africa/Monrovia"))
    assert monrovia.utcoffset() == -timedelta(minutes=43, seconds=8)
    assert to_instant(monrovia, "start") == datetime(1900, 1, 1, 0, 43, 8, tzinfo=UTC)
    assert to_instant("1900-01-01T00:00:00-00:43:08", "start") == datetime(1900, 1, 1, 0, 43, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-05-01", datetime(2026, 5, 1, tzinfo=UTC)),
        ("20260501", datetime(2026, 5, 1, tzinfo=UTC)),
        ("2026-W18-5", datetime(2026, 5, 1, tzinfo=UTC)),
        ("2026W185T12", datetime(2026, 5, 1, 12, tzinfo=UTC)),
        ("2026-05-01T12:30", NOON),
        ("2026-05-01 12:30:00", NOON),
        ("20260501T123000Z", NOON),
        ("2026-05-01T12:30:00Z", NOON),
        ("2026-05-01T12:30:00.000000000Z", NOON),
        ("2026-05-01T14:30:00+02:00", NOON),
        ("2026-05-01T18:15:00+0545", NOON),
        ("2026-05-01T12:30:00,5Z", NOON + timedelta(seconds=0.5)),
        ("2026-05-01T12:30:00.123456", NOON + timedelta(microseconds=123_456)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59.999999Z", datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
    ],
)
def test_forms_of_iso_8601_text(text: str, expected: datetime) -> None:
    assert to_instant(text, "start") == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomorrow",
        "7d",
        "-7",
        "-7 d",
        "-7M",
        "-1.5h",
        "--7d",
        "-٧d",
        "May 1, 2026",
        "01/05/2026",
        "1777593600",
        "2026-05",
        "2026-13-01",
        "2026-02-29",
        "2026-05-01T25:00",
        "2026-05-01T12:30:00+25:00",
        "2026-05-01T12:30:00 UTC",
        "2026-05-01+02:00",  # fromisoformat parses these three as 02:00 UTC
        "2026-05-01-02:00",
        "2026-05-01Z02:00",
        "٢٠٢٦-05-01",
        "2026-05-01T00:00:00Z; DROP",
        "2026-05-01T00:00:00+00:00:00.000001",  # fromisoformat drops the fraction of an offset
        "2026-05-01T00:00:00-01:00:00.5",
    ],
)
def test_other_text_is_refused_with_the_name_of_the_argument(text: str) -> None:
    with pytest.raises(UsageError, match=r"end is not an ISO 8601 time: .*write it like 2026-05-01T00:00:00Z"):
        to_instant(text, "end")


@pytest.mark.parametrize(
    "text",
    [
        "2026-05-01T12:30:00.0000001Z",
        "2026-05-01T12:30:00.123456789",
        "2026-05-01T12:30:00.12345600000001Z",
        "2026-05-01T12:30:00,1234567Z",
    ],
)
def test_nanoseconds_in_text_are_refused_not_truncated(text: str) -> None:
    assert isinstance(datetime.fromisoformat(text), datetime)  # Python truncates them silently
    with pytest.raises(UsageError, match="start is finer than a microsecond"):
        to_instant(text, "start")


def test_a_pandas_timestamp_is_an_instant_unless_it_has_nanoseconds() -> None:
    instant = to_instant(pd.Timestamp("2026-05-01T14:30", tz="Europe/Berlin"), "start")
    assert (instant, type(instant)) == (NOON, datetime)
    assert to_instant(pd.Timestamp("2026-05-01T12:30"), "start") == NOON
    with pytest.raises(UsageError, match="start is finer than a microsecond"):
        to_instant(pd.Timestamp("2026-05-01T12:30:00.000000001"), "start")
    with pytest.raises(UsageError, match="start is not a time: NaT"):
        to_instant(pd.NaT, "start")


def test_a_subclass_of_datetime_becomes_a_plain_datetime() -> None:
    assert type(to_instant(OtherDatetime(2026, 5, 1, 12, 30), "start")) is datetime
    assert to_instant(OtherDatetime(2026, 5, 1, 12, 30), "start") == NOON


@pytest.fixture
def _kathmandu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The time zone of the process."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Kathmandu")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the time zone of the process cannot be set on this system")
@pytest.mark.usefixtures("_kathmandu")
def test_a_naive_time_is_utc_in_every_time_zone() -> None:
    assert to_instant(datetime(2026, 5, 1, 12, 30), "start") == NOON  # noqa: DTZ001
    assert to_instant("2026-05-01T12:30", "start") == NOON


def test_a_time_zone_without_an_offset_counts_as_naive() -> None:
    class NoOffset(tzinfo):
        def utcoffset(self, moment: datetime | None) -> None:
            return None

        dst = utcoffset

        def tzname(self, moment: datetime | None) -> str:
            return "Nowhere"

    assert to_instant(datetime(2026, 5, 1, 12, 30, tzinfo=NoOffset()), "start") == NOON


@pytest.mark.parametrize("value", [None, 1777593600, 1.5, np.int64(1777593600), b"2026-05-01", ["2026-05-01"], True])
def test_other_types_are_refused(value: Any) -> None:
    with pytest.raises(
        UsageError, match=f"start must be a datetime, a date or ISO 8601 text, not {type(value).__name__}"
    ):
        to_instant(value, "start")


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_an_instant_outside_the_years_of_utc_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="start is outside the years 1 to 9999 in UTC"):
        to_instant(text, "start")


@given(st.dates())
def test_a_date_is_its_midnight_in_utc(day: date) -> None:
    assert to_instant(day, "start") == datetime(day.year, day.month, day.day, tzinfo=UTC)


@given(st.integers(0, 10_000), st.sampled_from("smhdw"))
def test_a_relative_time_lies_before_now(count: int, unit: str) -> None:
    seconds = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}[unit]
    assert NOON - to_instant(f" -{count}{unit} ", "start", NOON) == count * timedelta(seconds=seconds)


def test_a_span_without_an_end_ends_now_and_has_one_now() -> None:
    before = datetime.now(UTC)
    start, end = to_span("-7d", None)
    assert end - start == timedelta(days=7)
    assert before <= end <= datetime.now(UTC)
    start, end = to_span("-1h", "now")
    assert end - start == timedelta(hours=1)
    assert to_span("2026-05-01T12:30", date(2026, 5, 2)) == (NOON, datetime(2026, 5, 2, tzinfo=UTC))


@given(st.integers(-(8 * 10**15), 8 * 10**15), st.sampled_from(["D", "h", "m", "s", "ms", "us", "ns"]))
def test_a_numpy_datetime_is_the_same_instant(moment: int, unit: str) -> None:
    value = np.datetime64(moment, "us").astype(f"datetime64[{unit}]")
    assert to_instant(value, "start") == value.astype("datetime64[us]").item().replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.datetime64("NaT", "s"), "start is not a time"),
        (np.datetime64("NaT", "ns"), "start is not a time"),
        (np.datetime64(1, "ns"), "start is finer than a microsecond"),
        (np.datetime64(-1_500, "ns"), "start is finer than a microsecond"),
        (np.datetime64(10**15, "Y"), "start is outside the years 1 to 9999"),
        (np.datetime64(2**58 + 1_777_593_600, "s"), "start is outside the years 1 to 9999"),  # modulo 2**64 it is 2026
        (np.datetime64(10**6, "M"), "start is outside the years 1 to 9999"),
        ("-999999999w", "start is outside the years 1 to 9999"),
        ("-999999w", "start is outside the years 1 to 9999"),
        (np.timedelta64(1, "D"), "start must be a datetime"),
    ],
)
def test_an_instant_that_python_cannot_hold_is_refused(value: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        to_instant(value, "start")
