"""Datetimes to microseconds and text."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from allium_market_data.model.times import from_micros, micros, to_iso


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_datetime_survives_microseconds_and_text(moment: datetime) -> None:
    assert from_micros(micros(moment)) == moment
    assert datetime.fromisoformat(to_iso(moment)) == moment


def test_text_has_z_and_a_four_digit_year() -> None:
    assert to_iso(datetime(33, 4, 3, 15, 0, 0, 1, tzinfo=UTC)) == "0033-04-03T15:00:00.000001Z"
