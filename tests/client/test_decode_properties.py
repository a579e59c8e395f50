"""Decoding by columns equals decoding row by row, for any order and any gaps."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allium_market_data.client.decode import PageRequest, decode
from allium_market_data.errors import ContractError
from allium_market_data.model.endpoint import OPEN_INTEREST
from allium_market_data.model.intervals import INTERVALS, WIDTHS, Interval
from allium_market_data.model.rows import PLAIN_DECIMAL, OpenInterest
from allium_market_data.model.windows import Window
from support.serving import MARKET

START = datetime(2026, 5, 1, tzinfo=UTC)
ROWS = 600
"""More rows than are drawn, so that all of their buckets have ended by ``NOW``, those of ``1d`` too."""
NOW = START + timedelta(days=ROWS)
plain = st.from_regex(PLAIN_DECIMAL, fullmatch=True)
tails = st.sampled_from([":00+00:00", ":00Z", "Z", ":00.000000+00:00", ":00.0Z"])
Rows = list[tuple[datetime, str, str]]

WRONG = [
    *(("oi_base", value) for value in (".5", "5.", "1.2.3", "", "1,2", "1\x002")),
    *(("oi_quote_usd", value) for value in ("..", ",", "1..2", "٣")),
    *(("ts", value) for value in ("2026-05-01T00:00:01Z", "2026-05-01 00:00:00Z", "x", "", "2026-05-01T00:00Z,")),
    *(("ts", value) for value in ("1999-01-01T00:00Z", "2026-05-01T00:00:00")),
]


def question(interval: Interval, rows: int) -> PageRequest:
    width = timedelta(microseconds=WIDTHS[interval])
    return PageRequest(OPEN_INTEREST, MARKET, interval, Window(START, START + width, START + rows * width), NOW)


@st.composite
def answers(draw: st.DrawFn) -> tuple[Interval, Rows]:
    """Rows with gaps between runs, ascending."""
    interval, rows = draw(st.sampled_from(INTERVALS)), []
    index = 0
    for gap, count in draw(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 120)), max_size=4)):
        for step in range(count):
            stamp = START + (index + step) * timedelta(microseconds=WIDTHS[interval])
            rows.append((stamp, f"{step}.50", f"{index}"))
        index += count + gap
    for place, base, quote in draw(st.lists(st.tuples(st.integers(0, 400), plain, plain), max_size=3)):
        rows[place : place + 1] = [(ts, base, quote) for ts, *_ in rows[place : place + 1]]
    return interval, rows


def body(rows: Rows, tail: str) -> bytes:
    items = [
        {"market_id": MARKET, "ts": f"{ts:%Y-%m-%dT%H:%M}{tail}", "oi_base": base, "oi_quote_usd": quote}
        for ts, base, quote in rows
    ]
    return json.dumps({"items": items}).encode()


def read(sent: bytes, asked: PageRequest) -> Rows:
    rows = decode(sent, asked).rows
    assert not any(rows.provisional)
    assert [(r.ts, r.oi_base.as_tuple(), r.oi_quote_usd.as_tuple()) for r in rows.records(MARKET, OpenInterest)] == [
        (ts, Decimal(b).as_tuple(), Decimal(q).as_tuple()) for ts, b, q in zip(rows.ts, *rows.values, strict=True)
    ]
    return list(zip(rows.ts, *rows.values, strict=True))


@given(answers(), tails, st.data())
def test_any_order_and_gaps_give_ascending_rows_with_their_text(
    case: tuple[Interval, Rows], tail: str, data: st.DataObject
) -> None:
    interval, rows = case
    asked = question(interval, ROWS)
    sent = [rows, rows[::-1], rows[1:] + rows[:1], rows + rows[:1]][data.draw(st.integers(0, 3))]
    assert read(body(sent, tail), asked) == rows


@given(answers(), tails, st.data())
def test_a_wrong_row_is_found_and_named(case: tuple[Interval, Rows], tail: str, data: st.DataObject) -> None:
    interval, rows = case
    if not rows:
        return
    row = data.draw(st.integers(0, len(rows) - 1))
    field, value = data.draw(st.sampled_from(WRONG))
    sent: dict[str, Any] = json.loads(body(rows, tail))
    sent["items"][row][field] = value
    with pytest.raises(ContractError) as caught:
        decode(json.dumps(sent).encode(), question(interval, ROWS))
    assert (caught.value.row, caught.value.field) == (row, field)
