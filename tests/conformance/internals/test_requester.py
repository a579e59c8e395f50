"""Requests are counted, cached, sent exactly as written, and printed without the key."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest

from allium_market_data.model.intervals import DAY
from allium_market_data_wire.contract import KEY_HEADER, OPEN_INTEREST
from conformance import times
from conformance.clock import Clock, VirtualClock
from conformance.outcomes import NotAskedError
from conformance.request import INVALID_KEYS, Server, Window
from conformance.requester import REQUEST_BUDGET, Requester, seconds_to_wait
from conformance.response import Response
from support import wire

MARKET = "hl:perp:BTC-USDC"
START = times.parse("2026-05-01T00:00:00Z")
WINDOW = Window("1h", START, START + DAY)


def requester(
    handler: Callable[[httpx.Request], httpx.Response], clock: Clock | None = None, rate: float | None = None
) -> Requester:
    transport = httpx.MockTransport(handler)
    server = Server("http://server/base", MARKET, OPEN_INTEREST, KEY_HEADER, "secret")
    client = httpx.Client(transport=transport)
    return Requester(server, client, clock or VirtualClock(), rate, lambda: httpx.AsyncClient(transport=transport))


def empty(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json={"items": []})


def test_a_request_is_sent_as_it_was_written() -> None:
    sent: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return empty(request)

    request = WINDOW.request().with_parameters(start=times.text(START, "+05:30"))
    requester(handler).send(replace(request, colon="%3A", query_colon="%3A"))
    expected = {wire.INTERVAL: "1h", wire.LIMIT: str(wire.MAXIMUM), wire.START: "2026-05-01T05:30:00+05:30"}
    assert dict(sent[0].url.params) == {**expected, wire.END: "2026-05-02T00:00:00Z"}
    assert "%2B05%3A30" in sent[0].url.raw_path.decode()
    assert sent[0].url.raw_path.decode().startswith(f"/base{wire.path(MARKET)}?")
    assert (sent[0].headers[KEY_HEADER], sent[0].headers["accept-encoding"]) == ("secret", "gzip")


@pytest.mark.parametrize(
    ("key", "header"),
    [
        ("valid", "secret"),
        (None, None),
        ("unrelated", "not-a-key-of-anyone"),
        ("one character less", "secre"),
        ("one character more", "secretx"),
        ("other case", "SECRET"),
        ("empty", ""),
    ],
)
def test_the_key_header_follows_the_request(key: str | None, header: str | None) -> None:
    headers: list[str | None] = []

    def handler(request: httpx.Request) -> httpx.Response:
        headers.append(request.headers.get("x-api-key"))
        return empty(request)

    requester(handler).send(replace(WINDOW.request(), key=key))
    assert headers == [header]


@pytest.mark.parametrize("key", ["valid", None, *INVALID_KEYS])
def test_the_curl_command_holds_no_part_of_the_key(key: str | None) -> None:
    curl = requester(empty).send(replace(WINDOW.request(), key=key)).curl
    assert curl.startswith("curl ")
    assert "interval=1h" in curl
    assert "secre" not in curl
    assert "secre" not in repr(Server("http://server", MARKET, OPEN_INTEREST, KEY_HEADER, "secret"))
    assert ("$ALLIUM_API_KEY" in curl) == (key == "valid")


def test_a_request_is_sent_once_unless_it_is_resent() -> None:
    server = requester(empty)
    assert server.fetch_window(WINDOW) is server.fetch_window(WINDOW)
    assert server.request_count == 1
    server.fetch_window(WINDOW, resend=True)
    assert server.request_count == 2
    assert len(server.pages) == 2


def test_a_run_stops_at_its_request_budget() -> None:
    server = requester(empty)
    for limit in range(1, REQUEST_BUDGET + 1):
        server.fetch_window(WINDOW, limit)
    with pytest.raises(NotAskedError, match="150 requests"):
        server.fetch_window(WINDOW, 4000)
    assert server.request_count == REQUEST_BUDGET


def test_429_and_503_with_retry_after_are_waited_for_and_not_counted() -> None:
    responses = [
        httpx.Response(429, headers={"retry-after": "3"}),
        httpx.Response(429),
        httpx.Response(503, headers={"retry-after": "5"}),
        httpx.Response(200, text="{}"),
    ]
    clock = VirtualClock()
    server = requester(lambda _: responses.pop(0), clock)
    assert server.send(WINDOW.request()).status == 200
    assert clock.now >= 3 + 2 + 5
    assert (server.request_count, server.waits, server.waited) == (1, {429: 2, 503: 1}, 10)
    assert not server.troubles


def test_a_server_that_always_answers_429_is_not_asked() -> None:
    with pytest.raises(NotAskedError, match=r"keeps answering 429 .*lower --rate"):
        requester(lambda _: httpx.Response(429)).expect_error(WINDOW.request())


def test_a_server_that_always_answers_503_fails() -> None:
    with pytest.raises(AssertionError, match=r"expected an error \(4xx\), got 503"):
        requester(lambda _: httpx.Response(503, headers={"retry-after": "1"})).expect_error(WINDOW.request())


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("86400", 120.0),
        ("Thu, 01 Jan 2026 00:00:09 GMT", 9.0),
        ("Wed, 31 Dec 2025 00:00:00 GMT", 0.0),
        ("soon", 2.0),
        ("", 2.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(retry_after: str, seconds: float) -> None:
    headers = {"retry-after": retry_after, "date": "Thu, 01 Jan 2026 00:00:00 GMT"}
    assert seconds_to_wait(Response(429, headers, b"", "curl")) == seconds


@pytest.mark.parametrize("rate", [5, 0.5])
def test_a_rate_spaces_requests(rate: float) -> None:
    clock, sent = VirtualClock(), []

    def handler(request: httpx.Request) -> httpx.Response:
        sent.append(clock.now)
        return empty(request)

    server = requester(handler, clock, rate)
    for limit in (1, 2, 3):
        server.fetch_window(WINDOW, limit)
    assert sent == pytest.approx([0, 1 / rate, 2 / rate])


def test_every_429_makes_the_next_requests_slower() -> None:
    clock, sent = VirtualClock(), []

    def handler(request: httpx.Request) -> httpx.Response:
        sent.append(clock.now)
        return httpx.Response(429, headers={"retry-after": "0"}) if len(sent) in (1, 2) else empty(request)

    server = requester(handler, clock)
    server.fetch_window(WINDOW, 1)
    server.fetch_window(WINDOW, 2)
    assert sent[-1] - sent[-2] >= 0.1


def fails_first(count: int, failure: int | type[httpx.HTTPError]) -> Callable[[httpx.Request], httpx.Response]:
    """A server whose first ``count`` answers fail."""
    left = [count]

    def handler(request: httpx.Request) -> httpx.Response:
        left[0] -= 1
        if left[0] < 0:
            return empty(request)
        if isinstance(failure, int):
            return httpx.Response(failure)
        raise failure("broken")

    return handler


@pytest.mark.parametrize(("failure", "name"), [(502, "502"), (503, "503"), (httpx.ReadError, "ReadError")])
def test_a_failure_that_passes_is_tried_once_more_and_counted_apart(
    failure: int | type[httpx.HTTPError], name: str
) -> None:
    server = requester(fails_first(1, failure))
    assert server.fetch_window(WINDOW).items == []
    assert (server.request_count, server.troubles, server.retries) == (1, {name: 1}, 1)


@pytest.mark.parametrize(("failure", "name"), [(502, "502"), (httpx.ReadError, "ReadError")])
def test_a_failure_that_comes_back_fails(failure: int | type[httpx.HTTPError], name: str) -> None:
    with pytest.raises(AssertionError, match=name):
        requester(fails_first(2, failure)).fetch_window(WINDOW)


def test_failures_without_end_are_not_tried_for_ever() -> None:
    sent: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(500)

    server = requester(handler)
    for limit in range(1, 51):
        server.send(WINDOW.request(limit))
    assert len(sent) == 50 + 30


def test_requests_together_are_sent_at_once_and_counted() -> None:
    at_once, most = [0], [0]

    class Transport(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
            await asyncio.sleep(0)
            at_once[0] -= 1
            limit = int(request.url.params["limit"])
            return httpx.Response(429 if limit == 2 else 200, json={"items": [], "limit": limit})

    def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"items": [], "limit": "alone"})

    server = Server("http://server", MARKET, OPEN_INTEREST, KEY_HEADER, "secret")
    client = httpx.Client(transport=httpx.MockTransport(handler))
    together = Requester(server, client, VirtualClock(), None, lambda: httpx.AsyncClient(transport=Transport()))
    responses = together.send_together([WINDOW.request(limit) for limit in (1, 2, 3)])
    assert [json.loads(response.body)["limit"] for response in responses] == [1, "alone", 3]
    assert (most[0], together.request_count) == (3, 3)


def test_a_body_is_judged_as_it_came_and_a_key_in_it_is_kept() -> None:
    row = {"market_id": MARKET, "ts": "2026-05-01T00:00:00Z", "oi_base": "12483.50", "oi_quote_usd": "1"}
    client = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, json={"items": [row]})))
    server = Server("http://server", MARKET, OPEN_INTEREST, KEY_HEADER, "12483")
    (read,) = Requester(server, client, VirtualClock()).fetch_window(WINDOW).rows
    assert str(read.amounts[0]) == "12483.50"


def test_a_connection_error_fails_with_a_curl_command() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused", request=request)

    with pytest.raises(AssertionError, match=r"no response \(ConnectError: connection refused[^$]*curl "):
        requester(handler).fetch_window(WINDOW)


@pytest.mark.parametrize("status", [204, 206, 302, 404, 422, 500])
def test_a_valid_request_needs_status_200(status: int) -> None:
    with pytest.raises(AssertionError, match=f"expected 200, got {status}"):
        requester(lambda _: httpx.Response(status)).fetch_window(WINDOW)


@pytest.mark.parametrize("status", [200, 204, 302, 500, 503])
def test_an_invalid_request_needs_status_4xx(status: int) -> None:
    with pytest.raises(AssertionError, match=r"expected an error \(4xx\)"):
        requester(lambda _: httpx.Response(status)).expect_error(WINDOW.request())


def test_an_error_response_has_no_items_and_for_a_key_only_401_or_403() -> None:
    with pytest.raises(AssertionError, match="error response with items"):
        requester(lambda _: httpx.Response(422, json={"detail": "no", "items": []})).expect_error(WINDOW.request())
    assert requester(lambda _: httpx.Response(404, text="items")).expect_error(WINDOW.request()).status == 404
    with pytest.raises(AssertionError, match="401 or 403"):
        requester(lambda _: httpx.Response(404)).expect_error(WINDOW.request(), (401, 403))
