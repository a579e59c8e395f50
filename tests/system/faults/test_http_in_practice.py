"""Proxies and responses as they occur in practice: what can be read is, the rest is refused clearly and not retried."""

from __future__ import annotations

import base64
import gzip
import socket
from collections.abc import Callable

import pytest

from allium_market_data import MarketData, RetryPolicy
from allium_market_data.client import http as http_module
from allium_market_data.errors import (
    AlliumError,
    ConnectionFailedError,
    ContractError,
    ProxyError,
    RefusedError,
    UsageError,
)
from security.leaks import renderings
from security.servers import rows
from support.serving import MARKET, SECRET, http, served

PASSWORD = "hunter2-of-the-proxy"
RETRYING = RetryPolicy(attempts=3, first_pause=0, longest_pause=0, jitter=0)
SERVER = "https://api.example"


def fetch(base_url: str, *, allow_insecure: bool = False) -> int:
    with MarketData(SECRET, base_url, retry=RETRYING, allow_insecure=allow_insecure) as client:
        series = client.open_interest(MARKET, interval="1h", start="2026-05-01", end="2026-05-01T04:00Z")
        return len(series)


class Proxy:
    """Answers every request in the same way, and records the requests."""

    def __init__(self, *responses: bytes) -> None:
        self.responses, self.heads = list(responses), list[bytes]()

    def __call__(self, connection: socket.socket, head: bytes) -> None:
        self.heads.append(head)
        connection.sendall(self.responses[min(len(self.heads), len(self.responses)) - 1])


def through(url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Set a proxy with a password; returns how messages name it."""
    address = url.removeprefix("http://")
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, f"http://user:{PASSWORD}@{address}")
    return address


def assert_hidden(error: AlliumError) -> None:
    """Neither the message nor a traceback with local variables shows the password or the key."""
    login = base64.b64encode(f"user:{PASSWORD}".encode()).decode()
    frames = error.__traceback__.tb_next.tb_next  # type: ignore[union-attr]
    for text in renderings(error.with_traceback(frames)):
        assert PASSWORD not in text
        assert login not in text
        assert SECRET not in text


# --- Proxies ---


@pytest.mark.parametrize(
    "setting", [f"user:{PASSWORD}@host:3128", f"http://user:{PASSWORD}@host:99999", f"socks5://u:{PASSWORD}@host:1080"]
)
def test_an_unusable_proxy_is_refused_at_once(setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", setting)
    monkeypatch.setattr(socket, "getaddrinfo", None)
    with pytest.raises(UsageError, match=r"^HTTPS_PROXY cannot be used: ") as caught:
        fetch(SERVER)
    assert_hidden(caught.value)


@pytest.mark.parametrize(
    ("status", "message"), [("407 Login", "wants a user and a password"), ("403 No", "refused to connect (403)")]
)
def test_a_refusal_by_the_proxy_is_its_own_and_not_retried(
    status: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = Proxy(http(b"", status))
    with served(proxy) as url:
        address = through(url, monkeypatch)
        with pytest.raises(ProxyError) as caught:
            fetch(SERVER)
    assert message in str(caught.value)
    assert f"the proxy {address} " in str(caught.value)
    assert len(proxy.heads) == 1
    login = base64.b64encode(f"user:{PASSWORD}".encode())
    assert b"Proxy-Authorization: Basic " + login in proxy.heads[0]
    assert_hidden(caught.value)


def test_a_failing_proxy_is_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = Proxy(http(b"", "503 Busy"))
    with served(proxy) as url:
        address = through(url, monkeypatch)
        with pytest.raises(ConnectionFailedError, match=f"the proxy {address} answered 503") as caught:
            fetch(SERVER)
    assert not isinstance(caught.value, ProxyError)
    assert len(proxy.heads) == RETRYING.attempts


def test_a_proxy_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = through(f"http://127.0.0.1:{listener.getsockname()[1]}", monkeypatch)
    with pytest.raises(ConnectionFailedError, match=f"the proxy {address}: cannot connect: Connection refused"):
        fetch(SERVER)


@pytest.mark.parametrize("answer", [b"", b"\x05\xff", b"nonsense\r\n\r\n"])
def test_a_proxy_that_speaks_no_http_is_named(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(Proxy(answer)) as url:
        address = through(url, monkeypatch)
        with pytest.raises(ConnectionFailedError, match=rf"\(through the proxy {address}\)"):
            fetch(SERVER)


def test_a_proxy_for_plain_http_gets_the_login(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = Proxy(http(b"", "407 Login"))
    with served(proxy) as url:
        through(url, monkeypatch)
        with pytest.raises(RefusedError, match="407: the proxy wants a user and a password") as caught:
            fetch("http://api.example", allow_insecure=True)
    assert len(proxy.heads) == 1
    assert proxy.heads[0].startswith(b"GET http://api.example/api/v1/")
    assert base64.b64encode(f"user:{PASSWORD}".encode()) in proxy.heads[0]
    assert_hidden(caught.value)


# --- Responses ---


def answering(make: Callable[[bytes], bytes]) -> tuple[list[bytes], Callable[[socket.socket, bytes], None]]:
    heads: list[bytes] = []

    def respond(connection: socket.socket, head: bytes) -> None:
        heads.append(head)
        connection.sendall(make(rows(head)))

    return heads, respond


@pytest.mark.parametrize(
    "headers",
    [
        [f"x: {'a' * 9_000}"],
        [f"content-security-policy: {'a' * 20_000}", f"set-cookie: {'b' * 9_000}"],
        [f"x-{number}: 1" for number in range(140)],
        [f"set-cookie: {number}" for number in range(400)],
    ],
)
def test_large_headers_are_read(headers: list[str]) -> None:
    _, respond = answering(lambda body: http(body, headers=headers))
    with served(respond) as url:
        assert fetch(url) == 4


@pytest.mark.parametrize(
    "headers", [[f"x: {'a' * http_module.MAX_HEADER * 2}"], [f"x-{number}: 1" for number in range(600)]]
)
def test_larger_headers_are_refused_and_not_retried(headers: list[str]) -> None:
    heads, respond = answering(lambda body: http(body, headers=headers))
    with served(respond) as url, pytest.raises(ContractError, match="more than 512 headers, or one longer than 32 KiB"):
        fetch(url)
    assert len(heads) == 1


@pytest.mark.parametrize("tail", [b"\0", bytes(512), b"\r\n", b"trailing garbage"])
def test_what_follows_a_gzip_stream_does_not_fail_the_response(tail: bytes) -> None:
    heads, respond = answering(lambda body: http(gzip.compress(body) + tail, headers=["content-encoding: gzip"]))
    with served(respond) as url:
        assert fetch(url) == 4
    assert len(heads) == 1


def test_fractions_of_a_second_in_retry_after_are_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr("allium_market_data.client.transport.sleep", sleep)
    responses = iter([http(b"", "429 Slow", ["retry-after: 1.5"])])
    _, respond = answering(lambda body: next(responses, http(body)))
    with served(respond) as url:
        assert fetch(url) == 4
    assert pauses == [1.5]


def test_a_key_of_one_letter_leaves_messages_readable() -> None:
    refusal = http(b'{"detail": "no such key: k"}', "401 No")
    with (
        served(lambda connection, _: connection.sendall(refusal)) as url,
        MarketData("k", url, retry=RETRYING) as client,
        pytest.raises(RefusedError) as caught,
    ):
        client.open_interest(MARKET, interval="1h", start="2026-05-01", end="2026-05-02")
    assert "the API key is missing or not accepted" in str(caught.value)
    assert "it says: no such key: ***" in str(caught.value)
