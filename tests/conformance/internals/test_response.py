"""Bodies are parsed strictly, and a test that saw too little is inconclusive."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from allium_market_data.model.intervals import HOUR
from allium_market_data_wire.contract import OPEN_INTEREST
from conformance import times
from conformance.outcomes import NotShownError
from conformance.response import Page, Response, UnreadableError, parse_decimal, unknown_fields
from conformance.run_summary import RunSummary
from conformance.sample_size import SampleSize

MARKET = "hl:perp:BTC-USDC"
START = times.parse("2026-05-01T00:00:00Z")
ROW = {"market_id": MARKET, "ts": "2026-05-01T00:00:00Z", "oi_base": "1.50", "oi_quote_usd": "2"}


def page(body: bytes | str) -> Page:
    raw = body.encode() if isinstance(body, str) else body
    headers = {"content-type": "Application/JSON; charset=utf-8"}
    return Page(Response(200, headers, raw, "curl x"), OPEN_INTEREST, MARKET, HOUR, 0, 1, 5)


def test_rows_are_parsed_exactly() -> None:
    (row,) = page(json.dumps({"items": [ROW]})).rows
    assert row.ts == START
    assert [str(amount) for amount in row.amounts] == ["1.50", "2"]
    assert page("{}").response.media_type == "application/json"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xef\xbb\xbf{}",
        b"\xff",
        '{"items": []} x',
        '{"items": []}{"items": []}',
        '{"items": [NaN]}',
        '{"items": [',
    ],
)
def test_a_body_that_is_not_one_json_value_is_unreadable(body: bytes | str) -> None:
    with pytest.raises(UnreadableError, match="not one JSON value"):
        _ = page(body).json


@pytest.mark.parametrize("body", ["[]", "{}", '{"items": null}', '{"items": {}}', "null"])
def test_a_body_without_a_list_of_items_is_unreadable(body: str) -> None:
    with pytest.raises(UnreadableError, match="no list `items`"):
        _ = page(body).items


@pytest.mark.parametrize(
    "change",
    [{"ts": "2026-05-01"}, {"ts": 1}, {"ts": None}, {"oi_base": 1.5}, {"oi_base": "1e3"}, {"oi_quote_usd": None}],
)
def test_an_invalid_item_is_unreadable(change: dict[str, object]) -> None:
    with pytest.raises(UnreadableError, match="an item is unreadable"):
        _ = page(json.dumps({"items": [{**ROW, **change}]})).rows


@pytest.mark.parametrize("text", ["0", "00012.500", "12483.50", "1." + "0" * 30 + "1"])
def test_a_plain_decimal_is_parsed_exactly(text: str) -> None:
    assert parse_decimal(text) == Decimal(text)


@pytest.mark.parametrize(
    "text", ["", " 1", "1 ", "+1", "-1", "1e3", "1_000", "1,5", ".5", "5.", "NaN", "Infinity", "１", "1\n"]
)
def test_other_text_is_not_a_plain_decimal(text: str) -> None:
    with pytest.raises(ValueError, match="plain decimal"):
        parse_decimal(text)


@pytest.mark.parametrize(
    "text",
    [
        "2026-05-01T00:00:00Z",
        "2026-05-01T00:00:00.000000+00:00",
        "2026-05-01T00:00:00,000Z",
        "2026-05-01T05:30:00+05:30",
        "2026-04-30T16:00:00-0800",
        "2026-04-30T23:00:00-01",
        "2026-05-01T00:00:00.000000000Z",
    ],
)
def test_every_iso_8601_spelling_of_an_instant_is_parsed(text: str) -> None:
    assert times.parse(text) == START


@pytest.mark.parametrize("style", times.STYLES)
def test_an_instant_survives_formatting_and_parsing(style: str) -> None:
    text = times.text(START + 1, style)
    assert times.parse(f"{text}Z" if style.startswith("naive") else text) == START + 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-05-01",
        "2026-05-01T00:00:00",
        "2026-05-01 00:00:00Z",
        "2026-05-01T00:00:00z",
        "2026-05-01t00:00:00Z",
        "20260501T000000Z",
        "1777593600",
        "2026-13-01T00:00:00Z",
        "2026-05-01T25:00:00Z",
        "2026-05-01T00:00:00+24:00",
        "2026-05-01T00:00:00.0000001Z",
        "Fri, 01 May 2026 00:00:00 GMT",
        "２026-05-01T00:00:00Z",
    ],
)
def test_other_text_is_not_a_timestamp(text: str) -> None:
    with pytest.raises(ValueError):
        times.parse(text)


def test_undocumented_fields_are_found_beside_and_in_items() -> None:
    documented = page(json.dumps({"items": [ROW]}))
    extended = page(json.dumps({"items": [ROW, {**ROW, "extra": 1}], "next": None}))
    assert unknown_fields([documented]) == (set(), set())
    assert unknown_fields([documented, extended]) == ({"next"}, {"extra"})


def test_a_test_that_saw_too_few_rows_is_not_shown() -> None:
    sample = SampleSize("test_x")
    sample.add(page('{"items": []}'))
    message = r"test_x needs 1 .* returned 0 with rows \(of 1\) .*What would show it: a busier market"
    with pytest.raises(NotShownError, match=message):
        sample.require(1)
    sample.add(page(json.dumps({"items": [ROW]})))
    sample.require(1, rows=1)
    with pytest.raises(NotShownError, match="needs 1 responses with rows and 2 rows"):
        sample.require(1, rows=2)


def test_the_summaries_of_workers_add_up() -> None:
    first = RunSummary(requests=2, clauses={"a"}, troubles={"502": 1}, retries=1, is_incomplete=True)
    second = RunSummary(requests=3, errors=1, clauses={"a", "b"}, undecided={"not shown test_x": "why"})
    first.count([page(json.dumps({"items": [ROW]})), page('{"items": []}'), page("x")])
    second.add(RunSummary.from_plain(json.loads(json.dumps(first.to_plain()))))
    assert list(second.lines(["a", "b", "c"])) == [
        "5 requests: 3 pages (1 with rows), 1 errors",
        "1 rows, 2 of 3 clauses shown",
        "1 of 5 answers were 502",
        "1 of these requests were sent once more",
        "not shown test_x: why",
        "clauses that no test has shown: c",
    ]
    assert second.is_incomplete
