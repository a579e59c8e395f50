"""What an answer may look like, and what every other one is refused with."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from allium_market_data.client.decode import Page, PageRequest, decode
from allium_market_data.errors import ConnectionFailedError, ContractError
from allium_market_data.model.endpoint import OPEN_INTEREST
from allium_market_data.model.windows import Window

MARKET = "hl:perp:BTC-USDC"
START = datetime(2026, 5, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
QUESTION = PageRequest(OPEN_INTEREST, MARKET, "1h", Window(START, START + HOUR, START + 5 * HOUR), START + 4 * HOUR)


def item(hour: int = 1, **changes: Any) -> dict[str, Any]:
    row = {
        "market_id": MARKET,
        "ts": f"2026-05-01T{hour:02}:00:00.000000+00:00",
        "oi_base": "12483.50",
        "oi_quote_usd": "1308734500.00",
    }
    return {name: value for name, value in (row | changes).items() if value is not ...}


def answer(*items: dict[str, Any], **beside: Any) -> Page:
    return decode(json.dumps({"items": list(items), **beside}).encode(), QUESTION)


def refused(*items: dict[str, Any], row: int | None, field: str | None, saying: str) -> None:
    with pytest.raises(ContractError, match=saying) as caught:
        answer(*items)
    assert (caught.value.row, caught.value.field) == (row, field)


def test_the_specification_s_own_example_is_taken_and_its_text_survives() -> None:
    rows = answer(item(1)).rows
    assert rows.ts == [START + HOUR]
    assert rows.values == (["12483.50"], ["1308734500.00"])


@pytest.mark.parametrize("text", ["0", "0.0", "12483", "0.000000000000000000", "123456789012345678901234567890.5"])
def test_any_plain_decimal_is_taken_as_it_is_written(text: str) -> None:
    assert answer(item(oi_base=text)).rows.values[0] == [text]


@pytest.mark.parametrize(
    "text",
    [
        "NaN",
        "Infinity",
        "-Infinity",
        "1e5",
        "1E5",
        "1,000",
        "1_000",
        "",
        " 1",
        "1 ",
        "-1",
        "-0",
        "+1",
        ".5",
        "5.",
        "0x1",
        "١",
        "1\n2",
        "1\n",
    ],
)
@pytest.mark.parametrize("field", ["oi_base", "oi_quote_usd"])
def test_anything_but_a_plain_finite_non_negative_decimal_is_refused(text: str, field: str) -> None:
    refused(item(1), item(2, **{field: text}), row=1, field=field, saying="plain, finite, non-negative decimal")


@pytest.mark.parametrize("value", [1e5, 12483.5, 1, None, True, ["1"], {"value": "1"}])
def test_what_is_not_text_is_refused_where_text_belongs(value: Any) -> None:
    refused(item(1), item(2), item(3, oi_base=value), row=2, field="oi_base", saying="Expected `str`")


@pytest.mark.parametrize("field", ["market_id", "ts", "oi_base", "oi_quote_usd"])
def test_a_missing_field_is_named(field: str) -> None:
    refused(item(1), item(2, **{field: ...}), row=1, field=field, saying="missing required field")


@pytest.mark.parametrize(
    ("text", "saying"),
    [
        ("2026-05-01T01:00:00", "has no offset"),
        ("2026-05-01", "has no offset"),
        ("2026-05-01T01:00:01+00:00", "boundary"),
        ("2026-05-01T01:00:00.000001+00:00", "boundary"),
        ("2026-05-01T01:00:00.0000001+00:00", "boundary"),
        ("2026-05-01T01:30:00+00:00", "boundary"),
        ("2026-05-01T01:00:00+00:30", "boundary"),
        ("yesterday", "not an ISO 8601 time"),
        ("2026-13-01T01:00:00Z", "not an ISO 8601 time"),
        ("", "not an ISO 8601 time"),
        ("1777597200", "not an ISO 8601 time"),
        ("20260501T010000Z", "written like"),
        ("2026-05-01T01:00:00Z\n", "not an ISO 8601 time|written like"),
        ("0001-01-01T00:00:00+14:00", "not an ISO 8601 time"),
        ("2026-05-01T00:00:00-09:00", "outside the window"),
        ("2026-04-30T23:00:00Z", "outside the window"),
        ("2026-05-01T07:00:00Z", "outside the window"),
    ],
)
def test_a_time_that_is_no_bucket_of_the_window_is_refused(text: str, saying: str) -> None:
    refused(item(1), item(2, ts=text), row=1, field="ts", saying=saying)


@pytest.mark.parametrize("text", ["2026-05-01T02:00:00Z", "2026-05-01T02:00Z", "2026-05-01T04:00:00.000+02:00"])
def test_a_time_is_read_in_whatever_way_it_is_written(text: str) -> None:
    assert answer(item(ts=text)).rows.ts == [START + 2 * HOUR]


@pytest.mark.parametrize("first", ["2026-05-01T01:00Z", "2026-05-01T01:00:00Z", "2026-05-01T01:00:00.000+00:00"])
@pytest.mark.parametrize("stray", ["2026-05-01T01:00:15Z", "2026-05-01T01:00:15+00:00", "2026-05-01T01:00:00.5Z"])
def test_a_stray_second_is_found_among_well_behaved_rows(first: str, stray: str) -> None:
    question = PageRequest(OPEN_INTEREST, MARKET, "1m", QUESTION.window, QUESTION.now)
    with pytest.raises(ContractError, match="boundary") as caught:
        decode(json.dumps({"items": [item(ts=first), item(ts=stray)]}).encode(), question)
    assert caught.value.row == 1


def test_the_bucket_behind_the_window_is_legal_under_some_reading_and_the_next_is_not() -> None:
    assert len(answer(item(6)).rows) == 1
    refused(item(7), row=0, field="ts", saying="outside the window")


def test_another_market_s_row_is_refused() -> None:
    refused(item(1), item(2, market_id="hl:perp:ETH-USDC"), row=1, field="market_id", saying="not the requested market")


def test_rows_are_put_in_order_whichever_way_they_come() -> None:
    for hours in ((1, 2, 3), (3, 2, 1), (2, 3, 1)):
        assert answer(*map(item, hours)).rows.ts == [START + hour * HOUR for hour in (1, 2, 3)]


def test_a_bucket_twice_is_one_if_both_agree_and_refused_if_not() -> None:
    assert len(answer(item(1), item(1, oi_base="12483.5"), item(2)).rows) == 2
    refused(item(1), item(2), item(1, oi_base="12483.51"), row=2, field="oi_base", saying="occurs twice")


def test_unknown_fields_stay_out_of_the_rows_and_are_counted() -> None:
    seen = answer(item(1, oi_contracts="1"), item(2, oi_contracts="2", venue=None), next_cursor=None)
    assert seen.unknown_fields == {"oi_contracts": 2, "venue": 1, "next_cursor": 1}
    assert len(seen.rows) == 2


def test_a_known_field_is_still_checked_beside_an_unknown_one() -> None:
    refused(item(1, oi_contracts="1"), item(2, oi_base=None), row=1, field="oi_base", saying="Expected `str`")


def test_more_rows_than_the_limit_are_refused() -> None:
    with pytest.raises(ContractError, match="more than the limit"):
        answer(*[item(1)] * 5001)


@pytest.mark.parametrize("body", [b"", b'{"items":[', b'{"items":[{"market_id":"hl:pe', b'{"items":[]'])
def test_a_body_that_stops_in_the_middle_is_a_broken_connection(body: bytes) -> None:
    with pytest.raises(ConnectionFailedError, match="is truncated"):
        decode(body, QUESTION)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>", b"[]", b"null", b"{}", b'{"items":null}', b'{"items":{}}', b'{"items":[]} x', b'{"items":[1]}', b"\xff",
        b'{"items":[],"x":' + b"[" * 10_000 + b"]" * 10_000 + b"}", b'{"detail":"no"}',
    ],
)  # fmt: skip
def test_a_body_of_another_shape_is_refused(body: bytes) -> None:
    with pytest.raises(ContractError):
        decode(body, QUESTION)


def test_a_bucket_is_provisional_until_its_end_is_in_the_past_whatever_its_label_names() -> None:
    assert answer(item(1), item(2), item(3), item(4)).rows.provisional == [False, False, True, True]


def test_a_message_shows_no_control_characters_and_is_short() -> None:
    with pytest.raises(ContractError) as caught:
        answer(item(1, oi_base="\x1b[31m" + "9" * 10_000 + "x"))
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize(
    "ts",
    [
        "2026-W18-5T00:00:00Z",
        "2026-05-01x00:00:00Z",
        "2026-05-01 00:00:00Z",
        "2026-05-02" + 99 * "2" + "1T00:01:00Z",
        "2026-05-01T24:00:00Z",
        "2026-05-01T01:39:00+00:99",
    ],
)
def test_a_time_that_python_reads_but_the_specification_does_not_write_is_refused(ts: str) -> None:
    body = json.dumps({"items": [item(ts="2026-05-01T00:00:00Z"), item(ts=ts)]}).encode()
    for asked in (QUESTION, replace(QUESTION, interval="1m")):
        with pytest.raises(
            ContractError, match=r"is not written like|is not an ISO 8601 time|is not on a boundary"
        ) as caught:
            decode(body, asked)
        assert (caught.value.row, caught.value.field) == (1, "ts")


def test_fields_that_nobody_knows_are_few_and_have_short_names() -> None:
    row = item(1, **{f"x{number}": 0 for number in range(98)})
    assert len(answer(row, y=0, z=0).unknown_fields) == 100
    refused({**row, "y": 0, "z": 0, "one more": 0}, row=None, field=None, saying="101 fields that the specification")
    refused(item(1, **{"x" * 201: 0}), row=None, field=None, saying="over 200 characters")


def test_a_missing_market_is_said_to_be_missing() -> None:
    refused(item(1, market_id=...), row=0, field="market_id", saying="missing required field `market_id`$")


def test_an_unknown_field_that_is_no_text_is_no_json_either() -> None:
    body = json.dumps({"items": [item(1, x="?")]}).encode()
    assert decode(body.replace(b"?", "\u00e9".encode()), QUESTION).unknown_fields == {"x": 1}
    with pytest.raises(ContractError, match="invalid JSON: 'utf-8' codec can't decode"):
        decode(body.replace(b"?", b"\xe9"), QUESTION)
