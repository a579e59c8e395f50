"""What counts as an instant, and that it never becomes another one."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from allium_market_data.client.http_date import sent_at
from allium_market_data.errors import UsageError
from allium_market_data.model.times import from_micros, micros, to_iso
from allium_market_data.validation import to_instant

MAY = datetime(2026, 5, 1, 12, 30, tzinfo=UTC)
ZONES = ["Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "Pacific/Apia", "Africa/Monrovia", "UTC"]


class Pendulum(datetime):
    """A kind of datetime of someone else's."""

    def __sub__(self, other: Any) -> Any:
        raise AssertionError("its own arithmetic is not to be trusted")


@given(
    st.datetimes(
        timezones=st.one_of(
            st.none(), st.timezones(), st.builds(timezone, st.timedeltas(timedelta(hours=-23), timedelta(hours=23)))
        )
    )
)
def test_any_datetime_is_the_same_instant_in_utc(moment: datetime) -> None:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    try:
        expected = aware.astimezone(UTC)
    except OverflowError:
        with pytest.raises(UsageError, match="start is outside the years 1 to 9999"):
            to_instant(moment, "start")
        return
    found = to_instant(moment, "start")
    assert (found, found.tzinfo, type(found)) == (expected, UTC, datetime)


@given(
    st.datetimes(
        timezones=st.one_of(
            st.none(), st.integers(-82_800, 82_800).map(lambda seconds: timezone(timedelta(seconds=seconds)))
        )
    )
)
def test_iso_text_is_the_instant_that_was_written(moment: datetime) -> None:
    try:
        expected = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        return
    assert to_instant(moment.isoformat(), "start") == expected
    assert to_instant(f"  {moment.isoformat(sep=' ')}\n", "start") == expected


@pytest.mark.parametrize("zone", ZONES)
def test_a_time_that_a_zone_has_twice_is_told_apart_by_its_fold(zone: str) -> None:
    for fold in (0, 1):
        moment = datetime(2025, 10, 26, 2, 30, tzinfo=ZoneInfo(zone), fold=fold)
        assert to_instant(moment, "start") == moment.astimezone(UTC)
    early, late = (
        to_instant(datetime(2025, 10, 26, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=fold), "x") for fold in (0, 1)
    )
    assert late - early == timedelta(hours=1)


def test_an_offset_of_seconds_is_kept_to() -> None:
    monrovia = datetime(1900, 1, 1, tzinfo=ZoneInfo("Africa/Monrovia"))
    assert monrovia.utcoffset() == -timedelta(minutes=43, seconds=8)
    assert to_instant(monrovia, "start") == datetime(1900, 1, 1, 0, 43, 8, tzinfo=UTC)
    assert to_instant("1900-01-01T00:00:00-00:43:08", "start") == datetime(1900, 1, 1, 0, 43, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-05-01", datetime(2026, 5, 1, tzinfo=UTC)),
        ("20260501", datetime(2026, 5, 1, tzinfo=UTC)),
        ("2026-W18-5", datetime(2026, 5, 1, tzinfo=UTC)),
        ("2026W185T12", datetime(2026, 5, 1, 12, tzinfo=UTC)),
        ("2026-05-01T12:30", MAY),
        ("2026-05-01 12:30:00", MAY),
        ("20260501T123000Z", MAY),
        ("2026-05-01T12:30:00Z", MAY),
        ("2026-05-01T12:30:00.000000000Z", MAY),
        ("2026-05-01T14:30:00+02:00", MAY),
        ("2026-05-01T18:15:00+0545", MAY),
        ("2026-05-01T12:30:00,5Z", MAY + timedelta(seconds=0.5)),
        ("2026-05-01T12:30:00.123456", MAY + timedelta(microseconds=123_456)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59.999999Z", datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
    ],
)
def test_iso_8601_text_is_read(written: str, meant: datetime) -> None:
    assert to_instant(written, "start") == meant


@pytest.mark.parametrize(
    "written",
    [
        "",
        "now",
        "May 1, 2026",
        "01/05/2026",
        "1777593600",
        "2026-05",
        "2026-13-01",
        "2026-02-29",
        "2026-05-01T25:00",
        "2026-05-01T12:30:00+25:00",
        "2026-05-01T12:30:00 UTC",
        "2026-05-01+02:00",  # fromisoformat takes these three for 2 in the morning, UTC
        "2026-05-01-02:00",
        "2026-05-01Z02:00",
        "٢٠٢٦-05-01",
        "2026-05-01T00:00:00Z; DROP",
        "2026-05-01T00:00:00+00:00:00.000001",  # fromisoformat drops the fraction of an offset
        "2026-05-01T00:00:00-01:00:00.5",
    ],
)
def test_text_that_is_no_iso_8601_time_is_refused_with_the_argument_s_name(written: str) -> None:
    with pytest.raises(UsageError, match=r"end is not an ISO 8601 time: .*write it like 2026-05-01T00:00:00Z"):
        to_instant(written, "end")


@pytest.mark.parametrize(
    "written",
    [
        "2026-05-01T12:30:00.0000001Z",
        "2026-05-01T12:30:00.123456789",
        "2026-05-01T12:30:00.12345600000001Z",
        "2026-05-01T12:30:00,1234567Z",
    ],
)
def test_text_finer_than_a_microsecond_is_refused_and_not_cut(written: str) -> None:
    assert isinstance(datetime.fromisoformat(written), datetime)  # Python cuts it without a word
    with pytest.raises(UsageError, match="start is finer than a microsecond"):
        to_instant(written, "start")


def test_a_pandas_timestamp_is_an_instant_unless_it_has_nanoseconds() -> None:
    found = to_instant(pd.Timestamp("2026-05-01T14:30", tz="Europe/Berlin"), "start")
    assert (found, type(found)) == (MAY, datetime)
    assert to_instant(pd.Timestamp("2026-05-01T12:30"), "start") == MAY
    with pytest.raises(UsageError, match="start is finer than a microsecond"):
        to_instant(pd.Timestamp("2026-05-01T12:30:00.000000001"), "start")
    with pytest.raises(UsageError, match="start is not a time: NaT"):
        to_instant(pd.NaT, "start")


def test_another_kind_of_datetime_becomes_a_plain_one() -> None:
    assert type(to_instant(Pendulum(2026, 5, 1, 12, 30), "start")) is datetime
    assert to_instant(Pendulum(2026, 5, 1, 12, 30), "start") == MAY


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone of the process cannot be set here")
def test_a_naive_time_is_utc_wherever_the_program_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as abroad:
        abroad.setenv("TZ", "Asia/Kathmandu")
        time.tzset()
        assert to_instant(datetime(2026, 5, 1, 12, 30), "start") == MAY  # noqa: DTZ001
        assert to_instant("2026-05-01T12:30", "start") == MAY
    time.tzset()


def test_a_zone_that_knows_no_offset_is_none() -> None:
    class Nowhere(tzinfo):
        def utcoffset(self, moment: datetime | None) -> None:
            return None

        dst = utcoffset

        def tzname(self, moment: datetime | None) -> str:
            return "Nowhere"

    assert to_instant(datetime(2026, 5, 1, 12, 30, tzinfo=Nowhere()), "start") == MAY


@pytest.mark.parametrize("value", [None, 0, 1777593600, 1.5, date(2026, 5, 1), b"2026-05-01", ["2026-05-01"], True])
def test_what_is_no_datetime_and_no_text_is_refused(value: Any) -> None:
    with pytest.raises(UsageError, match=f"start must be a datetime or ISO 8601 text, not {type(value).__name__}"):
        to_instant(value, "start")


@pytest.mark.parametrize("written", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_an_instant_outside_of_the_years_of_utc_is_refused(written: str) -> None:
    with pytest.raises(UsageError, match="start is outside the years 1 to 9999 in UTC"):
        to_instant(written, "start")


@given(st.datetimes(timezones=st.just(UTC)))
def test_microseconds_and_text_give_the_instant_back(moment: datetime) -> None:
    assert from_micros(micros(moment)) == moment
    assert to_instant(to_iso(moment), "start") == moment


def test_a_request_carries_z_and_a_year_of_four_digits() -> None:
    assert to_iso(datetime(33, 4, 3, 15, 0, 0, 1, tzinfo=UTC)) == "0033-04-03T15:00:00.000001Z"


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ({"date": "Wed, 20 May 2026 10:20:00 GMT"}, "2026-05-20T10:20:00"),
        ({"date": "Wed, 20 May 2026 10:20:00 GMT", "age": "90"}, "2026-05-20T10:21:30"),
        ({"date": "Wed, 20 May 2026 12:20:00 +0200", "age": "soon"}, "2026-05-20T10:20:00"),
        ({"date": "Wed, 20 May 2026 10:20:00 GMT", "age": "9" * 400}, "2058-01-26T12:06:39"),
        ({"date": "Fri, 31 Dec 9999 23:59:59 -0100"}, None),
        ({"date": "yesterday"}, None),
        ({}, None),
    ],
)
def test_when_an_answer_was_sent_stands_in_its_headers(headers: dict[str, str], wanted: str | None) -> None:
    assert sent_at(headers) == (wanted and to_instant(wanted, "wanted"))
