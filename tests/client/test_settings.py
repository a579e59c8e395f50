"""A wrong argument is one clear error before the first request, and nothing shows the key."""

from __future__ import annotations

import copy
import json
import pickle
import traceback
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from rich.console import Console
from rich.traceback import Traceback

from allium_market_data import AsyncMarketData, MarketData
from allium_market_data.client.api_key import ApiKey
from allium_market_data.client.retry import RetryPolicy
from allium_market_data.client.settings import Settings, check_settings
from allium_market_data.errors import UsageError
from allium_market_data_wire.contract import SERVER
from security.leaks import forms
from support.serving import SECRET

HIDDEN = [SECRET]
"""In a list of the module, so that no frame of a test holds the key."""


def make_settings(key: Any = "key", base_url: Any = None, *, insecure: bool = False, **changes: Any) -> Settings:
    arguments = {"timeout": 30.0, "max_concurrency": 8, "max_rate": None, "retry": None} | changes
    return check_settings(ApiKey(key), base_url, **arguments, allow_insecure=insecure)


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), "30", None, True, Decimal(30), 10**400, 5e-324])
def test_a_wrong_timeout_is_refused(timeout: Any) -> None:
    with pytest.raises(UsageError, match="timeout must be a number of seconds above 0"):
        make_settings(timeout=timeout)


@pytest.mark.parametrize("count", [0, -1, 1.5, "8", None, True])
def test_a_wrong_max_concurrency_is_refused(count: Any) -> None:
    with pytest.raises(UsageError, match="max_concurrency must be a whole number above 0"):
        make_settings(max_concurrency=count)


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf"), "5", True, 5e-324])
def test_a_wrong_max_rate_is_refused(rate: Any) -> None:
    with pytest.raises(UsageError, match="max_rate must be a number of requests a second above 0, or None"):
        make_settings(max_rate=rate)


@pytest.mark.parametrize("retry", [0, 3, "twice", {}, RetryPolicy])
def test_a_wrong_retry_is_refused(retry: Any) -> None:
    with pytest.raises(UsageError, match="retry must be a RetryPolicy"):
        make_settings(retry=retry)


@pytest.mark.parametrize("name", ["first_pause", "longest_pause", "jitter", "longest_retry_after"])
@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), "1", None, True])
def test_a_policy_with_a_wrong_pause_is_refused(name: str, seconds: Any) -> None:
    with pytest.raises(UsageError, match=f"{name} must be a number of seconds"):
        RetryPolicy(**{name: seconds})


@pytest.mark.parametrize("attempts", [0, -1, 1.5, "3", None, True])
def test_a_policy_with_wrong_attempts_is_refused(attempts: Any) -> None:
    with pytest.raises(UsageError, match="attempts must be a whole number above 0"):
        RetryPolicy(attempts=attempts)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "must be like"),
        ("api.allium.so", "must be like"),
        ("ftp://api.allium.so", "must be like"),
        ("https://", "must be like"),
        ("https:///path", "must be like"),
        ("https://one two.example", "must be like"),
        ("https://one\x00two.example", "must be like"),
        ("https://one\ntwo.example", "must be like"),
        ("https://[::1", "must be like"),
        ("https://host:port", "must be like"),
        ("https://host:65536", "must be like"),
        (f"https://{'a' * 64}.example", "must be like"),
        ("https://a..example", "must be like"),
        (5, "must be like"),
        (b"https://api.allium.so", "must be like"),
        ("https://user@api.allium.so", "must not have a user"),
        ("https://@api.allium.so", "must not have a user"),
        ("https://:@api.allium.so", "must not have a user"),
        ("https://api.allium.so?key=1", "must not have a user"),
        ("https://api.allium.so#key", "must not have a user"),
        ("http://api.allium.so", "http://api.allium.so would send the API key in the clear"),
        ("http://127.0.0.1.example", "in the clear"),
        ("http://0.0.0.0", "in the clear"),
        ("HTTP://API.ALLIUM.SO", "in the clear"),
    ],
)
def test_an_unsafe_base_url_is_refused(url: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make_settings(base_url=url)


@pytest.mark.parametrize(
    "given", [SECRET, f"https://u:{SECRET}@host", f"ftp://{SECRET}", f"https://host/?key={SECRET}"]
)
def test_a_key_passed_as_the_base_url_is_not_shown(given: str) -> None:
    with pytest.raises(UsageError) as caught:
        make_settings(base_url=given)
    assert SECRET not in str(caught.value)
    assert SECRET.split("/")[0] not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8000",
        "http://127.8.8.8",
        "http://localhost:8000",
        "http://[::1]:8000",
        "https://host",
        "https://host/a/b",
        "https://bücher.example",
    ],
)
def test_https_to_any_host_and_http_to_loopback_are_accepted(url: str) -> None:
    assert make_settings(base_url=f" {url}/ ").base_url == url


def test_plain_http_to_another_host_needs_allow_insecure() -> None:
    assert make_settings(base_url="http://10.0.0.1", insecure=True).base_url == "http://10.0.0.1"


def test_loopback_is_recognized() -> None:
    assert [
        make_settings(base_url=url).is_loopback for url in ("http://[::1]:80", "http://localhost", "https://host")
    ] == [
        True,
        True,
        False,
    ]


def test_arguments_precede_environment_and_specification(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert make_settings(key=None).base_url == SERVER
    monkeypatch.setenv("ALLIUM_API_KEY", "from the environment\n")
    monkeypatch.setenv("ALLIUM_BASE_URL", "https://from.example")
    assert (make_settings(key=None).key.reveal(), make_settings().base_url) == (
        "from the environment",
        "https://from.example",
    )
    assert (make_settings(key="given").key.reveal(), make_settings(base_url="https://given").base_url) == (
        "given",
        "https://given",
    )
    monkeypatch.setenv("ALLIUM_BASE_URL", "")
    assert make_settings().base_url == SERVER


def test_an_empty_key_does_not_fall_back_to_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLIUM_API_KEY", "from the environment")
    with pytest.raises(UsageError, match="there is no API key: pass api_key, or set ALLIUM_API_KEY"):
        make_settings(key="").key.reveal()


def test_whitespace_around_a_key_is_ignored() -> None:
    assert make_settings(key=f" {SECRET}\r\n").key.reveal() == SECRET


@pytest.mark.parametrize("key", [5, b"key", ["key"], "k\u00e9y", "one\ntwo", "one\x00two", "one\ttwo"])
def test_a_key_that_cannot_be_a_header_is_refused(key: Any) -> None:
    with pytest.raises(UsageError, match=r"^the API key must be text of printable ASCII characters$"):
        make_settings(key=key)


@pytest.mark.parametrize("client", [MarketData, AsyncMarketData])
def test_a_client_without_a_key_can_be_made(client: Any) -> None:
    market_data = client("")
    assert len(market_data.plan(interval="1h", start="2026-05-01", end="2026-05-02")) == 1
    assert "None" not in repr(market_data)


def shown(failure: BaseException) -> str:
    """Tracebacks with local variables, as Python and rich show them."""
    plain = "".join(traceback.TracebackException.from_exception(failure, capture_locals=True).format())
    console = Console(record=True, width=400, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    console.print(
        Traceback.from_exception(
            type(failure), failure, failure.__traceback__, show_locals=True, locals_max_string=10_000
        )
    )
    console.file.close()
    return plain + console.export_text()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda client: client(HIDDEN[0], "ftp://x"),
        lambda client: client(HIDDEN[0], timeout=0),
        lambda client: client(HIDDEN[0], retry=5),
        lambda client: client(HIDDEN[0], max_rate="5"),
        lambda client: client("\u00e9" + HIDDEN[0]),
    ],
)
@pytest.mark.parametrize("client", [MarketData, AsyncMarketData])
def test_no_traceback_of_a_wrong_argument_shows_the_key(client: Any, wrong: Callable[[Any], Any]) -> None:
    with pytest.raises(UsageError) as caught:
        wrong(client)
    error = caught.value.with_traceback(caught.value.__traceback__.tb_next.tb_next)  # type: ignore[union-attr]
    text = shown(error)
    assert "UsageError" in text
    assert "base_url" in text
    assert HIDDEN[0] not in text
    assert repr(HIDDEN[0])[1:-1] not in text


@pytest.mark.parametrize("client", [MarketData, AsyncMarketData])
def test_no_representation_of_a_client_shows_the_key(client: Any) -> None:
    market_data = client(SECRET, "http://127.0.0.1:1")
    assert repr(market_data) == f"{client.__name__}(base_url='http://127.0.0.1:1')"
    text = f"{market_data}{vars(market_data)}{ApiKey(SECRET)}{make_settings(SECRET)}{dir(market_data)}"
    assert SECRET not in text
    with pytest.raises((pickle.PicklingError, TypeError, AttributeError)):
        pickle.dumps(make_settings(SECRET))
    assert copy.deepcopy(make_settings(SECRET)).key.reveal() == SECRET


@pytest.mark.parametrize("key", [SECRET, "a'b\"c\\d e/f<g>h%i&j+k", "short", "sandbox-key", "x" * 200])
def test_the_key_is_redacted_however_it_is_escaped(key: str) -> None:
    secret = ApiKey(key)
    for name, form in forms(key).items():
        assert secret.redact(f"<{form}>").replace("=", "") == "<***>", name
        assert secret.redact_bytes(f"\xff<{form}>".encode()).replace(b"=", b"") == "\xff<***>".encode(), name
    assert ApiKey("").redact("nothing") == "nothing"


@pytest.mark.parametrize("key", ["k", "5", "an", "test", "1234567"])
def test_a_short_key_is_redacted_where_it_stands_alone(key: str) -> None:
    secret = ApiKey(key)
    for text in (f"x{key}x", f"la{key} {key}ing", f"{key}{key}"):
        assert secret.redact(text) == text
    for name, form in forms(key).items():
        for around in (
            "<{}>",
            "{}",
            "wrong key: {}",
            "wrong key:\\n{}\\n",
            "?key={}&x",
            "key%20{}%20",
            "\\u0020{}",
            '"{}"',
        ):
            redacted = secret.redact(around.format(form)).replace("=", "")
            assert redacted == around.format("***").replace("=", ""), (name, around)
    assert secret.redact_bytes(f'{{"detail": "no key {key}"}}'.encode()) == b'{"detail": "no key ***"}'


def test_a_prefix_of_a_long_key_is_redacted() -> None:
    assert ApiKey(SECRET).redact(f"it says {json.dumps(SECRET)[1:16]}... and more") == "it says ***... and more"
    assert ApiKey(SECRET).redact(f"it says {SECRET[:7]}") == f"it says {SECRET[:7]}"
    assert ApiKey("a short one").redact("a short oak") == "a short oak"


@pytest.mark.parametrize("text", ["\\" * 65_536, "&amp;" * 13_000, "%25" * 20_000, "k" * 65_536, "&#000000" * 8_000])
def test_redacting_hostile_text_takes_linear_time(text: str) -> None:
    """Quadratic time would exceed the processor time that a test may use."""
    for key in (SECRET, "\\" * 9, "&" * 9, "%25" * 9, "k" * 3_000):
        ApiKey(key).redact(text)
