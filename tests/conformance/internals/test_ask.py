"""The suite's way of asking: counted, remembered, printable without the key, strict about what comes back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import httpx
import pytest

from allium_market_data.model.intervals import DAY, HOUR
from conformance import questions, times
from conformance.account import Account, Tally
from conformance.answers import Answer, Reply, UnreadableError, decimal, unknown_fields
from conformance.ask import BUDGET, WRONG_KEYS, Asker, Door, OverBudgetError, Window

MARKET = "hl:perp:BTC-USDC"
START = times.parse("2026-05-01T00:00:00Z")
WINDOW = Window("1h", START, START + DAY)
ROW = {"market_id": MARKET, "ts": "2026-05-01T00:00:00Z", "oi_base": "1.50", "oi_quote_usd": "2"}


def asker(handler: Callable[[httpx.Request], httpx.Response], slept: list[float] | None = None) -> Asker:
    door = Door("http://server/base", MARKET, "X-API-KEY", "secret")
    client = httpx.Client(transport=httpx.MockTransport(handler))
    return Asker(door, client, (slept if slept is not None else []).append)


def empty(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json={"items": []})


def test_a_question_is_sent_as_it_was_written() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return empty(request)

    question = WINDOW.question().but(start_timestamp=times.text(START, "+05:30"))
    asker(handler).ask(replace(question, colon="%3A", query_colon="%3A"))
    assert seen[0].url.raw_path.decode() == (
        "/base/api/v1/markets/hl%3Aperp%3ABTC-USDC/perps/open_interest?interval=1h"
        "&end_timestamp=2026-05-02T00%3A00%3A00Z&limit=5000&start_timestamp=2026-05-01T05%3A30%3A00%2B05%3A30"
    )
    assert (seen[0].headers["x-api-key"], seen[0].headers["accept-encoding"]) == ("secret", "gzip")


@pytest.mark.parametrize(
    ("key", "sent"),
    [
        ("right", "secret"),
        (None, None),
        ("unrelated", "not-a-key-of-anyone"),
        ("one character less", "secre"),
        ("one character more", "secretx"),
        ("empty", ""),
    ],
)
def test_the_key_is_sent_as_the_question_says(key: str | None, sent: str | None) -> None:
    seen: list[str | None] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("x-api-key"))
        return empty(request)

    asker(handler).ask(replace(WINDOW.question(), key=key))
    assert seen == [sent]


@pytest.mark.parametrize("key", ["right", None, *WRONG_KEYS])
def test_the_curl_line_has_no_key_in_it(key: str | None) -> None:
    curl = asker(empty).ask(replace(WINDOW.question(), key=key)).curl
    assert curl.startswith("curl ")
    assert "interval=1h" in curl
    assert "secre" not in curl
    assert "secre" not in repr(Door("http://server", MARKET, "X-API-KEY", "secret"))
    assert ("$ALLIUM_API_KEY" in curl) == (key == "right")


def test_an_answer_is_remembered_until_it_is_asked_for_again() -> None:
    server = asker(empty)
    assert server.window(WINDOW) is server.window(WINDOW)
    assert server.requests == 1
    server.window(WINDOW, again=True)
    assert server.requests == 2
    assert len(server.answers) == 2


def test_a_run_stops_at_its_budget() -> None:
    server = asker(empty)
    for limit in range(1, BUDGET + 1):
        server.window(WINDOW, limit)
    with pytest.raises(OverBudgetError, match="150 requests"):
        server.window(WINDOW, 4000)
    assert server.requests == BUDGET


def test_a_server_that_is_asked_too_often_is_asked_later() -> None:
    replies = [httpx.Response(429, headers={"retry-after": "3"}), httpx.Response(429), httpx.Response(200, text="{}")]
    slept: list[float] = []
    server = asker(lambda _: replies.pop(0), slept)
    assert server.ask(WINDOW.question()).status == 200
    assert slept == [3.0, 2.0]
    assert server.requests == 3


def test_a_server_that_never_has_time_is_a_failure_and_no_refusal() -> None:
    with pytest.raises(AssertionError, match="too often"):
        asker(lambda _: httpx.Response(429)).refused(WINDOW.question())


def test_no_answer_at_all_is_a_failure_with_a_curl_line() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("nobody there", request=request)

    with pytest.raises(AssertionError, match=r"nobody there[^$]*curl "):
        asker(handler).window(WINDOW)


@pytest.mark.parametrize("status", [204, 206, 302, 404, 422, 500])
def test_only_200_is_an_answer(status: int) -> None:
    with pytest.raises(AssertionError, match=f"expected 200, got {status}"):
        asker(lambda _: httpx.Response(status)).window(WINDOW)


@pytest.mark.parametrize("status", [200, 204, 302, 500, 503])
def test_only_4xx_is_a_refusal(status: int) -> None:
    with pytest.raises(AssertionError, match="expected a refusal"):
        asker(lambda _: httpx.Response(status)).refused(WINDOW.question())


def test_a_refusal_has_no_items_and_for_a_key_only_its_own_statuses() -> None:
    with pytest.raises(AssertionError, match="items in it"):
        asker(lambda _: httpx.Response(422, json={"detail": "no", "items": []})).refused(WINDOW.question())
    assert asker(lambda _: httpx.Response(404, text="items")).refused(WINDOW.question()).status == 404
    with pytest.raises(AssertionError, match="401 or 403"):
        asker(lambda _: httpx.Response(404)).refused(WINDOW.question(), (401, 403))


def answer(body: bytes | str) -> Answer:
    raw = body.encode() if isinstance(body, str) else body
    return Answer(Reply(200, {"content-type": "Application/JSON; charset=utf-8"}, raw, "curl x"), MARKET, HOUR, 0, 1, 5)


def test_rows_are_read_exactly() -> None:
    (row,) = answer(json.dumps({"items": [ROW]})).rows
    assert row.ts == START
    assert (str(row.amounts.base), str(row.amounts.quote)) == ("1.50", "2")
    assert answer("{}").reply.media_type == "application/json"


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
        _ = answer(body).json


@pytest.mark.parametrize("body", ["[]", "{}", '{"items": null}', '{"items": {}}', "null"])
def test_a_body_without_a_list_of_items_is_unreadable(body: str) -> None:
    with pytest.raises(UnreadableError, match="no list of items"):
        _ = answer(body).items


@pytest.mark.parametrize(
    "change",
    [{"ts": "2026-05-01"}, {"ts": 1}, {"ts": None}, {"oi_base": 1.5}, {"oi_base": "1e3"}, {"oi_quote_usd": None}],
)
def test_an_item_that_cannot_be_read_is_unreadable(change: dict[str, object]) -> None:
    with pytest.raises(UnreadableError, match="an item is unreadable"):
        _ = answer(json.dumps({"items": [{**ROW, **change}]})).rows


@pytest.mark.parametrize("text", ["0", "00012.500", "12483.50", "1." + "0" * 30 + "1"])
def test_a_plain_decimal_is_read_exactly(text: str) -> None:
    assert decimal(text) == Decimal(text)


@pytest.mark.parametrize(
    "text", ["", " 1", "1 ", "+1", "-1", "1e3", "1_000", "1,5", ".5", "5.", "NaN", "Infinity", "１", "1\n"]
)
def test_other_text_is_no_plain_decimal(text: str) -> None:
    with pytest.raises(ValueError, match="plain decimal"):
        decimal(text)


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
def test_an_instant_may_be_written_in_many_ways(text: str) -> None:
    assert times.parse(text) == START


@pytest.mark.parametrize("style", times.STYLES)
def test_an_instant_survives_being_written(style: str) -> None:
    text = times.text(START + 1, style)
    assert times.parse(f"{text}Z" if style == "naive" else text) == START + 1


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
def test_other_text_is_no_label(text: str) -> None:
    with pytest.raises(ValueError):
        times.parse(text)


def test_unknown_fields_are_found_beside_and_in_items() -> None:
    known = answer(json.dumps({"items": [ROW]}))
    odd = answer(json.dumps({"items": [ROW, {**ROW, "extra": 1}], "next": None}))
    assert unknown_fields([known]) == (set(), set())
    assert unknown_fields([known, odd]) == ({"next"}, {"extra"})


def test_a_property_that_saw_too_little_is_not_shown() -> None:
    tally = Tally("a law")
    tally.saw(answer('{"items": []}'))
    with pytest.raises(pytest.fail.Exception, match=r"not shown: a law: saw 0 answers with rows \(of 1; 0 rows\)"):
        tally.shown(1)
    tally.saw(answer(json.dumps({"items": [ROW]})))
    tally.shown(1, rows=1)
    with pytest.raises(pytest.fail.Exception, match="needs 1 with 2 rows"):
        tally.shown(1, rows=2)


def test_the_sums_of_workers_add_up() -> None:
    one, other = Account(requests=2, clauses={"a"}), Account(requests=3, refusals=1, clauses={"a", "b"})
    one.count([answer(json.dumps({"items": [ROW]})), answer('{"items": []}'), answer("x")])
    other.add(Account.from_plain(json.loads(json.dumps(one.to_plain()))))
    assert (other.requests, other.answers, other.filled, other.rows, other.refusals) == (5, 3, 1, 1, 1)
    assert other.lines(known=7)[-1] == "1 rows, 2 of 7 clauses exercised"


def test_each_kind_of_refusal_is_a_question_of_its_own() -> None:
    named = questions.named(START, "hl:spot:X-Y")
    assert len({(question, question.key) for question in named.values()}) == len(named) == 12
    assert "not-a-perpetual" not in questions.named(START, None)
