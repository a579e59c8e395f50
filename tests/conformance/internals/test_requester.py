"""Requests are counted, cached, sent exactly as written, and printed without the key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest

from allium_market_data.model.intervals import DAY
from conformance import invalid_requests, times
from conformance.request import INVALID_KEYS, Server, Window
from conformance.requester import REQUEST_BUDGET, RequestBudgetError, Requester

MARKET = "hl:perp:BTC-USDC"
START = times.parse("2026-05-01T00:00:00Z")
WINDOW = Window("1h", START, START + DAY)


def requester(handler: Callable[[httpx.Request], httpx.Response], waits: list[float] | None = None) -> Requester:
    server = Server("http://server/base", MARKET, "X-API-KEY", "secret")
    client = httpx.Client(transport=httpx.MockTransport(handler))
    return Requester(server, client, (waits if waits is not None else []).append)


def empty(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json={"items": []})


def test_a_request_is_sent_as_it_was_written() -> None:
    sent: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return empty(request)

    request = WINDOW.request().with_parameters(start_timestamp=times.text(START, "+05:30"))
    requester(handler).send(replace(request, colon="%3A", query_colon="%3A"))
    assert sent[0].url.raw_path.decode() == (
        "/base/api/v1/markets/hl%3Aperp%3ABTC-USDC/perps/open_interest?interval=1h"
        "&end_timestamp=2026-05-02T00%3A00%3A00Z&limit=5000&start_timestamp=2026-05-01T05%3A30%3A00%2B05%3A30"
    )
    assert (sent[0].headers["x-api-key"], sent[0].headers["accept-encoding"]) == ("secret", "gzip")


@pytest.mark.parametrize(
    ("key", "header"),
    [
        ("valid", "secret"),
        (None, None),
        ("unrelated", "not-a-key-of-anyone"),
        ("one character less", "secre"),
        ("one character more", "secretx"),
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
    assert "secre" not in repr(Server("http://server", MARKET, "X-API-KEY", "secret"))
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
    with pytest.raises(RequestBudgetError, match="150 requests"):
        server.fetch_window(WINDOW, 4000)
    assert server.request_count == REQUEST_BUDGET


def test_a_request_is_sent_again_after_429() -> None:
    responses = [httpx.Response(429, headers={"retry-after": "3"}), httpx.Response(429), httpx.Response(200, text="{}")]
    waits: list[float] = []
    server = requester(lambda _: responses.pop(0), waits)
    assert server.send(WINDOW.request()).status == 200
    assert waits == [3.0, 2.0]
    assert server.request_count == 3


def test_a_server_that_always_answers_429_is_a_failure() -> None:
    with pytest.raises(AssertionError, match="keeps answering 429"):
        requester(lambda _: httpx.Response(429)).expect_error(WINDOW.request())


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


def test_each_kind_of_invalid_request_differs_from_the_others() -> None:
    requests = invalid_requests.one_of_each(START, "hl:spot:X-Y")
    assert len(set(requests.values())) == len(requests) == 12
    assert "not-a-perpetual" not in invalid_requests.one_of_each(START, None)
