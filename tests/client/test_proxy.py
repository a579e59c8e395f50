"""The proxy of the environment: its address is read, or refused without showing any of it."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from allium_market_data.client.proxy import Proxy, find_proxy, parse_proxy

SERVER = URL("https://api.example")
PASSWORD = "hunter2-of-the-proxy"


@pytest.mark.parametrize(
    ("setting", "url"),
    [
        ("http://proxy.example:3128", "http://proxy.example:3128"),
        (" http://proxy.example:3128/ ", "http://proxy.example:3128"),
        ("HTTP://proxy.example:3128", "http://proxy.example:3128"),
        ("http://proxy.example", "http://proxy.example"),
        ("https://proxy.example", "https://proxy.example"),
        ("http://[::1]:3128", "http://[::1]:3128"),
        ("http://127.0.0.1:1", "http://127.0.0.1:1"),
    ],
)
def test_an_address_is_read(setting: str, url: str) -> None:
    assert parse_proxy(setting) == Proxy(URL(url), {})


@given(
    user=st.text(st.characters(exclude_characters=":", exclude_categories=["Cs"])),
    password=st.text(st.characters(exclude_categories=["Cs"])),
)
def test_user_and_password_are_sent_as_they_are_and_never_shown(user: str, password: str) -> None:
    proxy = parse_proxy(f"http://{quote(user, safe='')}:{quote(password, safe='')}@proxy.example:3128")
    assert isinstance(proxy, Proxy)
    (header,) = proxy.headers.values()
    assert base64.b64decode(header.removeprefix("Basic ")).decode() == f"{user}:{password}"
    assert repr(proxy) == "Proxy(url=URL('http://proxy.example:3128'))"
    assert str(proxy) == "proxy.example:3128"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (f"user:{PASSWORD}@host:3128", "it must be like http://[user:password@]host:port"),
        ("proxy.example:3128", "it must be like http://[user:password@]host:port"),
        ("proxy.example", "it must be like http://[user:password@]host:port"),
        (f"ftp://user:{PASSWORD}@host:3128", "it must be like http://[user:password@]host:port"),
        (f"http://user:{PASSWORD}@ho st:3128", "it must be like http://[user:password@]host:port"),
        (f"http://user:{PASSWORD}@host:99999", "escape special characters of the password"),
        (f"http://user:{PASSWORD}@host:0", "it must have a host and a port"),
        (f"http://user:{PASSWORD}@host:port", "escape special characters of the password"),
        (f"http://user:{PASSWORD}@host:-1", "escape special characters of the password"),
        (f"http://user:{PASSWORD}@[::1", "escape special characters of the password"),
        (f"http://user:{PASSWORD}@", "it must have a host and a port"),
        (f"http://user:{PASSWORD}@:3128", "it must have a host and a port"),
        (f"http://user:{PASSWORD}/@host:3128", "escape special characters of the password"),
        (f"http://user:12/{PASSWORD}@host:3128", "escape special characters of the password"),
        (f"http://user:12?{PASSWORD}@host:3128", "escape special characters of the password"),
        (f"http://user:12#{PASSWORD}@host:3128", "escape special characters of the password"),
        (f"http://us%3Aer:{PASSWORD}@host:3128", "its user has a colon"),
        (f"http://user:{PASSWORD}@host/pac.js", "something follows its port"),
        *(
            (f"{scheme}://user:{PASSWORD}@host:1080", "SOCKS proxies are not supported")
            for scheme in ("socks", "socks4", "socks4a", "socks5", "SOCKS5", "socks5h")
        ),
    ],
)
def test_what_is_no_usable_address_is_refused_without_showing_it(
    setting: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", setting)
    problem = find_proxy(SERVER)
    assert isinstance(problem, str)
    assert problem.startswith("HTTPS_PROXY cannot be used: ")
    assert message in problem
    for part in (PASSWORD, "12", "99999", "pac.js"):
        assert part not in problem


@given(st.text(max_size=30) | st.text("htps:/@[].%#?0123456789u ", max_size=30).map("http://".__add__))
def test_any_setting_is_a_proxy_or_a_message(setting: str) -> None:
    proxy = parse_proxy(setting)
    assert isinstance(proxy, Proxy | str)
    if isinstance(proxy, Proxy):
        assert proxy.url.host
        assert proxy.url.user is proxy.url.password is None
        assert 0 < (proxy.url.port or 0) < 65_536


def test_no_proxy_and_empty_settings_mean_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_proxy(SERVER) is None
    monkeypatch.setenv("HTTPS_PROXY", "")
    assert find_proxy(SERVER) is None
    monkeypatch.setenv("HTTPS_PROXY", "nonsense")
    assert find_proxy(URL("http://api.example")) is None
    monkeypatch.setenv("NO_PROXY", "api.example")
    assert find_proxy(SERVER) is None
