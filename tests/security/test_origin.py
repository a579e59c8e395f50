"""The key is sent to the configured origin only, and in its header only."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from allium_market_data import MarketData, RetryPolicy
from allium_market_data.client.api_key import ApiKey
from allium_market_data.client.settings import check_settings
from allium_market_data.codegen.fetch import fetch
from allium_market_data.errors import ConnectionFailedError, FetchError, UnexpectedStatusError, UsageError
from allium_market_data_wire.contract import KEY_HEADER
from support import wire
from support.serving import MARKET, SECRET, http, served

from .servers import rows

SPAN: dict[str, Any] = {"interval": "1h", "start": "2026-05-01", "end": "2026-05-01T04:00Z"}
ONCE = RetryPolicy(attempts=1)


def url(text: str, *, insecure: bool = False) -> str:
    return check_settings(ApiKey("key"), text, 30.0, 8, None, None, insecure).base_url


# --- Base URLs ---


@pytest.mark.parametrize(
    "base_url",
    [
        "http://127.0.0.1",
        "http://127.0.0.1:80/a/b",
        "HTTP://LOCALHOST:8000",
        "http://LocalHost",
        "http://[::1]",
        "http://[0:0:0:0:0:0:0:1]:80",
        "http://127.255.255.254",
    ],
)
def test_plain_http_to_loopback_is_accepted(base_url: str) -> None:
    assert url(base_url) == base_url


@pytest.mark.parametrize(
    "base_url",
    [
        "http://127.0.0.1.evil.example",
        "http://evil.example/127.0.0.1",
        "http://evil.example/@localhost",
        "http://localhost.evil.example",
        "http://localhost.localdomain",
        "http://localhostevil.example",
        "http://127.0.0.1.",
        "http://localhost.",
        "http://0.0.0.0",
        "http://[::]",
        "http://[::ffff:10.0.0.1]",
        "http://[fe80::1]",
        "http://2130706433",
        "http://0x7f000001",
        "http://0177.0.0.1",
        "http://127.1",
        "http://127.0.0.01",
        "http://128.0.0.1",
        "http://\u2460\u2461\u2466.0.0.1",
        "http://\uff11\uff12\uff17.0.0.1",
        "http://127\u30020\u30020\u30021",
        "http://loc\u0430lhost",
        "http://\uff4cocalhost",
        "http://localhost%2eevil.example",
        "http://localhost%00.evil.example",
        "http://127.0.0.1\\.evil.example",
        "http://localhost,evil.example",
    ],
)
def test_plain_http_to_a_lookalike_of_loopback_is_refused(base_url: str) -> None:
    with pytest.raises(UsageError, match=r"would send the API key in the clear|base_url"):
        url(base_url)


@pytest.mark.parametrize(
    "base_url",
    [
        "http://localhost@evil.example",
        "http://localhost:80@evil.example",
        "http://127.0.0.1\\@evil.example",
        "http://localhost#@evil.example",
        "http://localhost?@evil.example",
        "http://@localhost",
        "https://user:pass@api.example",
        "http:\\\\localhost",
        "http:localhost",
        "//localhost",
        "http://local\thost",
        "http://local\nhost",
        "http://localhost\r\nX-Evil: 1",
        "file://localhost/etc/passwd",
        "ws://localhost",
        "javascript://localhost/%0aalert(1)",
    ],
)
def test_base_url_is_an_origin_and_a_path_only(base_url: str) -> None:
    for insecure in (False, True):
        with pytest.raises(UsageError, match="base_url"):
            url(base_url, insecure=insecure)


PIECES = [
    "127.0.0.1",
    "localhost",
    "[::1]",
    "evil.example",
    "@",
    ":",
    "/",
    "\\",
    "#",
    "?",
    "%40",
    "%2f",
    ".",
    "80",
    "\u3002",
]
ODD = st.lists(st.sampled_from(PIECES) | st.text(max_size=2), min_size=1, max_size=5).map("".join)


@given(ODD)
def test_what_counts_as_loopback_resolves_to_loopback(rest: str) -> None:
    """The check, httpx and yarl parse a URL each in its own way. Where they disagree, the key must not be sent."""
    try:
        base = url(f"http://{rest}")
    except UsageError:
        return
    for host in (httpx.URL(base).host, URL(str(httpx.URL(base)), encoded=True).raw_host):
        assert host == "localhost" or ip_address(str(host)).is_loopback


# --- Destinations of the key ---


class Recorder:
    """A server that records requests. It sends ``response``, or correct rows."""

    def __init__(self, response: bytes | None = None) -> None:
        self.response = response
        self.requests: list[bytes] = []

    def __call__(self, connection: socket.socket, request: bytes) -> None:
        self.requests.append(request)
        connection.sendall(http(rows(request)) if self.response is None else self.response)


def fetch_rows(base_url: str, market: str = MARKET, **options: Any) -> int:
    with MarketData(SECRET, base_url, retry=ONCE, **options) as client:
        return len(client.open_interest(market, **SPAN))


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, Recorder]]:
    """Another origin on this machine, which must get no request."""
    recorder = Recorder()
    with served(recorder) as address:
        yield address, recorder
    assert recorder.requests == []


@pytest.mark.parametrize(
    "status", ["301 Moved", "302 Found", "303 See", "307 Temporary", "308 Permanent", "300 Choose"]
)
def test_redirect_is_an_error(elsewhere: tuple[str, Recorder], status: str) -> None:
    answer = http(b"", status, [f"location: {elsewhere[0]}/"])
    with served(Recorder(answer)) as here, pytest.raises(UnexpectedStatusError, match="redirects are not followed"):
        fetch_rows(here)


@pytest.mark.parametrize("to", ["/other", "//127.0.0.1:1/", "?x=1", "https://127.0.0.1:1/"])
def test_redirect_within_the_origin_is_an_error(to: str) -> None:
    recorder = Recorder(http(b"", "302 Found", [f"location: {to}"]))
    with served(recorder) as here, pytest.raises(UnexpectedStatusError):
        fetch_rows(here)
    assert len(recorder.requests) == 1


def test_response_headers_cause_no_further_request(elsewhere: tuple[str, Recorder]) -> None:
    there = elsewhere[0]
    port = there.rpartition(":")[2]
    headers = [
        f"refresh: 0; url={there}/",
        f'alt-svc: h2="127.0.0.1:{port}"; ma=86400, http/1.1="127.0.0.1:{port}"',
        f"content-location: {there}/",
        f'link: <{there}/>; rel="alternate"',
        f"location: {there}/",
        f"proxy: {there}",
    ]

    class Leading(Recorder):
        def __call__(self, connection: socket.socket, request: bytes) -> None:
            self.requests.append(request)
            connection.sendall(http(rows(request), headers=headers))

    leading = Leading()
    with served(leading) as here, MarketData(SECRET, here, retry=ONCE) as client:
        for _ in range(3):
            assert len(client.open_interest(MARKET, **SPAN)) == 4
    assert len(leading.requests) == 3


def test_cookies_are_not_sent_back() -> None:
    recorder = Recorder()

    def respond(connection: socket.socket, request: bytes) -> None:
        recorder.requests.append(request)
        connection.sendall(http(rows(request), headers=["set-cookie: id=1; path=/", "set-cookie: other=2"]))

    with served(respond) as here, MarketData(SECRET, here) as client:
        for _ in range(2):
            client.open_interest(MARKET, **SPAN)
    assert len(recorder.requests) == 2
    assert all(b"cookie" not in request.lower() for request in recorder.requests)


@pytest.mark.parametrize(
    "market",
    [
        "a/b",
        "../../admin",
        "a%2Fb",
        "//evil.example/x",
        "@evil.example",
        "x?y=1",
        "x#y",
        "http://e/",
        "a;b",
        "\\\\x",
        "%2e%2e",
        "a..",
    ],
)
def test_market_is_one_path_segment(market: str) -> None:
    recorder = Recorder()
    with served(recorder) as here:
        assert fetch_rows(here, market) == 4
    line = recorder.requests[0].split(b"\r\n")[0].decode()
    path = line.split(" ")[1].partition("?")[0]
    assert path == wire.path(market)
    assert f"host: {here.removeprefix('http://')}" in recorder.requests[0].decode().lower()


def test_retries_go_to_the_same_origin_with_the_key_header() -> None:
    recorder = Recorder()
    failures = iter([http(b"", "503 No")] * 2)

    def respond(connection: socket.socket, request: bytes) -> None:
        recorder.requests.append(request)
        connection.sendall(next(failures, None) or http(rows(request)))

    quick = RetryPolicy(first_pause=0, longest_pause=0, jitter=0)
    with served(respond) as here, MarketData(SECRET, here, retry=quick) as client:
        client.open_interest(MARKET, interval="1h", start="2026-05-01", end="2026-05-20")
    assert len(recorder.requests) >= 5
    assert all(request.count(SECRET.encode()) == 1 for request in recorder.requests)
    assert all(f"{KEY_HEADER}: {SECRET}".encode() in request for request in recorder.requests)


# --- Proxies and netrc ---


def proxied(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy)
        monkeypatch.setenv(name.lower(), proxy)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_proxy_is_not_used_for_loopback(
    elsewhere: tuple[str, Recorder], monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    proxied(monkeypatch, elsewhere[0])
    with served(Recorder()) as here:
        assert fetch_rows(here.replace("127.0.0.1", host)) == 4


def test_proxy_gets_a_tunnel_without_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = Recorder(http(b"", "502 No"))
    with served(proxy) as address:
        proxied(monkeypatch, address)
        with pytest.raises(FetchError):
            fetch_rows("https://api.example")
    assert [request.split(b"\r\n")[0] for request in proxy.requests] == [b"CONNECT api.example:443 HTTP/1.1"]
    assert all(b"nobody" not in request for request in proxy.requests)


def test_no_proxy_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = Recorder()
    with served(proxy) as address:
        proxied(monkeypatch, address)
        monkeypatch.setenv("NO_PROXY", "localtest.invalid")
        monkeypatch.setattr(socket, "getaddrinfo", _nowhere)
        with pytest.raises(ConnectionFailedError):
            fetch_rows("https://localtest.invalid")
    assert proxy.requests == []


def _nowhere(*_: Any, **__: Any) -> Any:
    raise socket.gaierror("no such host")


def test_netrc_passwords_are_not_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The environment is trusted for proxies only."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password of-another-place\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    recorder = Recorder()
    with served(recorder) as here:
        port = here.rpartition(":")[2]
        monkeypatch.setattr(
            socket,
            "getaddrinfo",
            lambda *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", int(port)))],
        )
        assert fetch_rows(f"http://elsewhere.example:{port}", allow_insecure=True) == 4
    assert all(b"authorization" not in request.lower() for request in recorder.requests)


def test_fetching_a_published_page_sends_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLIUM_API_KEY", SECRET)
    recorder = Recorder(http(b"a page"))
    with served(recorder) as here:
        assert fetch(f"{here}/page.md") == b"a page"
    assert b"nobody" not in recorder.requests[0]
