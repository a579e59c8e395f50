"""Which responses are accepted, and the error of every other one."""

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
REQUEST = PageRequest(OPEN_INTEREST, MARKET, "1h", Window(START, START + HOUR, START + 5 * HOUR), START + 4 * HOUR)


def item(hour: int = 1, **changes: Any) -> dict[str, Any]:
    row = {
        "market_id": MARKET,
        "ts": f"2026-05-01T{hour:02}:00:00.000000+00:00",
        "oi_base": "12483.50",
        "oi_quote_usd": "1308734500.00",
    }
    return {name: value for name, value in (row | changes).items() if value is not ...}


def answer(*items: dict[str, Any], **beside: Any) -> Page:
    return decode(json.dumps({"items": list(items), **beside}).encode(), REQUEST)


def refused(*items: dict[str, Any], row: int | None, field: str | None, message: str) -> None:
    with pytest.raises(ContractError, match=message) as caught:
        answer(*items)
    assert (caught.value.row, caught.value.field) == (row, field)


def test_the_example_of_the_specification_is_decoded_unchanged() -> None:
    rows = answer(item(1)).rows
    assert rows.ts == [START + HOUR]
    assert rows.values == (["12483.50"], ["1308734500.00"])


@pytest.mark.parametrize("text", ["0", "0.0", "12483", "0.000000000000000000", "123456789012345678901234567890.5"])
def test_a_plain_decimal_keeps_its_text(text: str) -> None:
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
def test_any_other_number_is_refused(text: str, field: str) -> None:
    refused(item(1), item(2, **{field: text}), row=1, field=field, message="plain, finite, non-negative decimal")


@pytest.mark.parametrize("value", [1e5, 12483.5, 1, None, True, ["1"], {"value": "1"}])
def test_a_value_that_is_not_text_is_refused(value: Any) -> None:
    refused(item(1), item(2), item(3, oi_base=value), row=2, field="oi_base", message="Expected `str`")


@pytest.mark.parametrize("field", ["market_id", "ts", "oi_base", "oi_quote_usd"])
def test_a_missing_field_is_named(field: str) -> None:
    refused(item(1), item(2, **{field: ...}), row=1, field=field, message="missing required field")


@pytest.mark.parametrize(
    ("text", "message"),
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
def test_a_time_that_is_not_a_bucket_of_the_window_is_refused(text: str, message: str) -> None:
    refused(item(1), item(2, ts=text), row=1, field="ts", message=message)


@pytest.mark.parametrize("text", ["2026-05-01T02:00:00Z", "2026-05-01T02:00Z", "2026-05-01T04:00:00.000+02:00"])
def test_a_time_may_have_any_format_of_the_specification(text: str) -> None:
    assert answer(item(ts=text)).rows.ts == [START + 2 * HOUR]


@pytest.mark.parametrize("first", ["2026-05-01T01:00Z", "2026-05-01T01:00:00Z", "2026-05-01T01:00:00.000+00:00"])
@pytest.mark.parametrize("stray", ["2026-05-01T01:00:15Z", "2026-05-01T01:00:15+00:00", "2026-05-01T01:00:00.5Z"])
def test_a_single_label_off_its_boundary_is_found(first: str, stray: str) -> None:
    question = PageRequest(OPEN_INTEREST, MARKET, "1m", REQUEST.window, REQUEST.now)
    with pytest.raises(ContractError, match="boundary") as caught:
        decode(json.dumps({"items": [item(ts=first), item(ts=stray)]}).encode(), question)
    assert caught.value.row == 1


def test_the_bucket_after_the_window_is_accepted_and_the_next_refused() -> None:
    assert len(answer(item(6)).rows) == 1
    refused(item(7), row=0, field="ts", message="outside the window")


def test_a_row_of_another_market_is_refused() -> None:
    refused(
        item(1), item(2, market_id="hl:perp:ETH-USDC"), row=1, field="market_id", message="not the requested market"
    )


def test_rows_are_sorted() -> None:
    for hours in ((1, 2, 3), (3, 2, 1), (2, 3, 1)):
        assert answer(*map(item, hours)).rows.ts == [START + hour * HOUR for hour in (1, 2, 3)]


def test_duplicates_are_merged_if_equal_and_refused_otherwise() -> None:
    assert len(answer(item(1), item(1, oi_base="12483.5"), item(2)).rows) == 2
    refused(item(1), item(2), item(1, oi_base="12483.51"), row=2, field="oi_base", message="occurs twice")


def test_unknown_fields_are_counted_and_not_in_the_rows() -> None:
    seen = answer(item(1, oi_contracts="1"), item(2, oi_contracts="2", venue=None), next_cursor=None)
    assert seen.unknown_fields == {"oi_contracts": 2, "venue": 1, "next_cursor": 1}
    assert len(seen.rows) == 2


def test_known_fields_are_checked_next_to_unknown_ones() -> None:
    refused(item(1, oi_contracts="1"), item(2, oi_base=None), row=1, field="oi_base", message="Expected `str`")


def test_more_rows_than_the_limit_are_refused() -> None:
    with pytest.raises(ContractError, match="more than the limit"):
        answer(*[item(1)] * 5001)


@pytest.mark.parametrize("body", [b"", b'{"items":[', b'{"items":[{"market_id":"hl:pe', b'{"items":[]'])
def test_a_truncated_body_is_a_broken_connection(body: bytes) -> None:
    with pytest.raises(ConnectionFailedError, match="is truncated"):
        decode(body, REQUEST)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>", b"[]", b"null", b"{}", b'{"items":null}', b'{"items":{}}', b'{"items":[]} x', b'{"items":[1]}', b"\xff",
        b'{"items":[],"x":' + b"[" * 10_000 + b"]" * 10_000 + b"}", b'{"detail":"no"}',
    ],
)  # fmt: skip
def test_a_body_of_another_shape_is_refused(body: bytes) -> None:
    with pytest.raises(ContractError):
        decode(body, REQUEST)


def test_a_bucket_is_provisional_until_its_end_is_surely_past() -> None:
    assert answer(item(1), item(2), item(3), item(4)).rows.provisional == [False, False, True, True]


def test_a_message_is_short_and_has_no_control_characters() -> None:
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
def test_a_format_that_only_python_accepts_is_refused(ts: str) -> None:
    body = json.dumps({"items": [item(ts="2026-05-01T00:00:00Z"), item(ts=ts)]}).encode()
    for asked in (REQUEST, replace(REQUEST, interval="1m")):
        with pytest.raises(
            ContractError, match=r"is not written like|is not an ISO 8601 time|is not on a boundary"
        ) as caught:
            decode(body, asked)
        assert (caught.value.row, caught.value.field) == (1, "ts")


def test_number_and_names_of_unknown_fields_are_bounded() -> None:
    row = item(1, **{f"x{number}": 0 for number in range(98)})
    assert len(answer(row, y=0, z=0).unknown_fields) == 100
    refused({**row, "y": 0, "z": 0, "one more": 0}, row=None, field=None, message="101 fields that the specification")
    refused(item(1, **{"x" * 201: 0}), row=None, field=None, message="over 200 characters")


def test_a_missing_market_id_is_named() -> None:
    refused(item(1, market_id=...), row=0, field="market_id", message="missing required field `market_id`$")


def test_unknown_fields_must_be_utf_8() -> None:
    body = json.dumps({"items": [item(1, x="?")]}).encode()
    assert decode(body.replace(b"?", "\u00e9".encode()), REQUEST).unknown_fields == {"x": 1}
    with pytest.raises(ContractError, match="invalid JSON: 'utf-8' codec can't decode"):
        decode(body.replace(b"?", b"\xe9"), REQUEST)
