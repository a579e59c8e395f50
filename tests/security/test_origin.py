"""The key is sent to the configured origin, in no other way than that, and to nobody else."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from allium_market_data import MarketData, RetryPolicy
from allium_market_data.client.api_key import ApiKey
from allium_market_data.client.settings import settings
from allium_market_data.codegen.fetch import fetch
from allium_market_data.errors import ConnectionFailedError, FetchError, UnexpectedStatusError, UsageError
from support.serving import MARKET, SECRET, http, served

from .servers import rows

SPAN: dict[str, Any] = {"interval": "1h", "start": "2026-05-01", "end": "2026-05-01T04:00Z"}
ONCE = RetryPolicy(attempts=1)


def url(text: str, *, insecure: bool = False) -> str:
    return settings(ApiKey("key"), text, 30.0, 8, None, None, insecure).base_url


# --- Which addresses may be asked ---


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
def test_plain_http_to_this_machine_is_taken(base_url: str) -> None:
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
def test_plain_http_to_anything_that_only_looks_like_this_machine_is_refused(base_url: str) -> None:
    with pytest.raises(UsageError, match=r"would get the API key in the clear|base_url"):
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
def test_an_address_with_more_in_it_than_an_origin_and_a_path_is_refused(base_url: str) -> None:
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
def test_whatever_is_taken_for_this_machine_is_this_machine_to_those_who_connect(rest: str) -> None:
    """The check, httpx and yarl read an address each in its own way: no disagreement may let the key out."""
    try:
        base = url(f"http://{rest}")
    except UsageError:
        return
    for host in (httpx.URL(base).host, URL(str(httpx.URL(base)), encoded=True).raw_host):
        assert host == "localhost" or ip_address(str(host)).is_loopback


# --- Where the key goes ---


class Recorder:
    """A server that answers every request with the same bytes, and keeps the heads."""

    def __init__(self, answer: bytes | None = None) -> None:
        self.answer = answer
        self.heads: list[bytes] = []

    def __call__(self, connection: socket.socket, head: bytes) -> None:
        self.heads.append(head)
        connection.sendall(http(rows(head)) if self.answer is None else self.answer)


def ask(base_url: str, market: str = MARKET, **options: Any) -> int:
    with MarketData(SECRET, base_url, retry=ONCE, timeout=5, **options) as client:
        return len(client.open_interest(market, **SPAN))


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, Recorder]]:
    """Another origin on this machine, which must stay unasked."""
    recorder = Recorder()
    with served(recorder) as address:
        yield address, recorder
    assert recorder.heads == []


@pytest.mark.parametrize(
    "status", ["301 Moved", "302 Found", "303 See", "307 Temporary", "308 Permanent", "300 Choose"]
)
def test_a_redirect_is_an_error_and_not_followed(elsewhere: tuple[str, Recorder], status: str) -> None:
    answer = http(b"", status, [f"location: {elsewhere[0]}/"])
    with served(Recorder(answer)) as here, pytest.raises(UnexpectedStatusError, match="redirects are not followed"):
        ask(here)


@pytest.mark.parametrize("to", ["/other", "//127.0.0.1:1/", "?x=1", "https://127.0.0.1:1/"])
def test_a_redirect_within_the_origin_is_not_followed_either(to: str) -> None:
    recorder = Recorder(http(b"", "302 Found", [f"location: {to}"]))
    with served(recorder) as here, pytest.raises(UnexpectedStatusError):
        ask(here)
    assert len(recorder.heads) == 1


def test_no_header_of_an_answer_leads_elsewhere(elsewhere: tuple[str, Recorder]) -> None:
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
        def __call__(self, connection: socket.socket, head: bytes) -> None:
            self.heads.append(head)
            connection.sendall(http(rows(head), headers=headers))

    leading = Leading()
    with served(leading) as here, MarketData(SECRET, here, retry=ONCE) as client:
        for _ in range(3):
            assert len(client.open_interest(MARKET, **SPAN)) == 4
    assert len(leading.heads) == 3


def test_a_cookie_of_an_answer_is_not_sent_back() -> None:
    recorder = Recorder()

    def answer(connection: socket.socket, head: bytes) -> None:
        recorder.heads.append(head)
        connection.sendall(http(rows(head), headers=["set-cookie: id=1; path=/", "set-cookie: other=2"]))

    with served(answer) as here, MarketData(SECRET, here) as client:
        for _ in range(2):
            client.open_interest(MARKET, **SPAN)
    assert len(recorder.heads) == 2
    assert all(b"cookie" not in head.lower() for head in recorder.heads)


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
def test_a_market_is_one_piece_of_the_path_whatever_is_in_it(market: str) -> None:
    recorder = Recorder()
    with served(recorder) as here:
        assert ask(here, market) == 4
    line = recorder.heads[0].split(b"\r\n")[0].decode()
    path = line.split(" ")[1].partition("?")[0]
    assert path == f"/api/v1/markets/{quote(market, safe='')}/perps/open_interest"
    assert f"host: {here.removeprefix('http://')}" in recorder.heads[0].decode().lower()


def test_every_request_of_a_fetch_and_its_retries_goes_to_the_origin_with_the_key_in_its_header() -> None:
    recorder = Recorder()
    failures = iter([http(b"", "503 No")] * 2)

    def answer(connection: socket.socket, head: bytes) -> None:
        recorder.heads.append(head)
        connection.sendall(next(failures, None) or http(rows(head)))

    quick = RetryPolicy(first_pause=0, longest_pause=0, jitter=0)
    with served(answer) as here, MarketData(SECRET, here, retry=quick) as client:
        client.open_interest(MARKET, interval="1h", start="2026-05-01", end="2026-05-20")
    assert len(recorder.heads) >= 5
    assert all(head.count(SECRET.encode()) == 1 for head in recorder.heads)
    assert all(f"x-api-key: {SECRET}".encode() in head.replace(b"X-API-KEY", b"x-api-key") for head in recorder.heads)


# --- Proxies, and other people's passwords ---


def proxied(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy)
        monkeypatch.setenv(name.lower(), proxy)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_proxy_of_the_environment_is_not_asked_about_this_machine(
    elsewhere: tuple[str, Recorder], monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    proxied(monkeypatch, elsewhere[0])
    with served(Recorder()) as here:
        assert ask(here.replace("127.0.0.1", host)) == 4


def test_a_proxy_of_the_environment_gets_a_tunnel_and_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = Recorder(http(b"", "502 No"))
    with served(proxy) as address:
        proxied(monkeypatch, address)
        with pytest.raises(FetchError):
            ask("https://api.example")
    assert [head.split(b"\r\n")[0] for head in proxy.heads] == [b"CONNECT api.example:443 HTTP/1.1"]
    assert all(b"nobody" not in head for head in proxy.heads)


def test_without_an_environment_that_says_so_there_is_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = Recorder()
    with served(proxy) as address:
        proxied(monkeypatch, address)
        monkeypatch.setenv("NO_PROXY", "localtest.invalid")
        monkeypatch.setattr(socket, "getaddrinfo", _nowhere)
        with pytest.raises(ConnectionFailedError):
            ask("https://localtest.invalid")
    assert proxy.heads == []


def _nowhere(*_: Any, **__: Any) -> Any:
    raise socket.gaierror("no such host")


def test_passwords_that_lie_in_a_netrc_are_not_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whoever opens a connection to elsewhere trusts the environment for proxies, and for nothing else."""
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
        assert ask(f"http://elsewhere.example:{port}", allow_insecure=True) == 4
    assert all(b"authorization" not in head.lower() for head in recorder.heads)


def test_whoever_reads_a_published_page_sends_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLIUM_API_KEY", SECRET)
    recorder = Recorder(http(b"a page"))
    with served(recorder) as here:
        assert fetch(f"{here}/page.md") == b"a page"
    assert b"nobody" not in recorder.heads[0]
