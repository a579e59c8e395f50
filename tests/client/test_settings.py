"""Every wrong argument is one clear error before anything is asked, and nothing shows the key."""

from __future__ import annotations

import copy
import json
import pickle
import time
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
from allium_market_data.client.settings import SERVER, Settings, check_settings
from allium_market_data.errors import UsageError
from security.leaks import forms
from support.serving import SECRET

HIDDEN = [SECRET]
"""In a list of the module, so that no frame of a test holds the key."""


def told(key: Any = "key", base_url: Any = None, *, insecure: bool = False, **changes: Any) -> Settings:
    given = {"timeout": 30.0, "max_concurrency": 8, "max_rate": None, "retry": None} | changes
    return check_settings(ApiKey(key), base_url, **given, allow_insecure=insecure)


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), "30", None, True, Decimal(30), 10**400, 5e-324])
def test_a_timeout_that_is_no_number_of_seconds_is_refused(timeout: Any) -> None:
    with pytest.raises(UsageError, match="timeout must be a number of seconds above 0"):
        told(timeout=timeout)


@pytest.mark.parametrize("count", [0, -1, 1.5, "8", None, True])
def test_a_concurrency_that_is_no_whole_number_above_zero_is_refused(count: Any) -> None:
    with pytest.raises(UsageError, match="max_concurrency must be a whole number above 0"):
        told(max_concurrency=count)


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf"), "5", True, 5e-324])
def test_a_rate_that_is_no_number_above_zero_is_refused(rate: Any) -> None:
    with pytest.raises(UsageError, match="max_rate must be a number of requests a second above 0, or None"):
        told(max_rate=rate)


@pytest.mark.parametrize("retry", [0, 3, "twice", {}, RetryPolicy])
def test_a_retry_that_is_no_policy_is_refused(retry: Any) -> None:
    with pytest.raises(UsageError, match="retry must be a RetryPolicy"):
        told(retry=retry)


@pytest.mark.parametrize("name", ["first_pause", "longest_pause", "jitter", "longest_retry_after"])
@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), "1", None, True])
def test_a_policy_with_a_pause_that_is_none_is_refused(name: str, seconds: Any) -> None:
    with pytest.raises(UsageError, match=f"{name} must be a number of seconds"):
        RetryPolicy(**{name: seconds})


@pytest.mark.parametrize("attempts", [0, -1, 1.5, "3", None, True])
def test_a_policy_without_an_attempt_is_refused(attempts: Any) -> None:
    with pytest.raises(UsageError, match="attempts must be a whole number above 0"):
        RetryPolicy(attempts=attempts)


@pytest.mark.parametrize(
    ("url", "saying"),
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
def test_a_base_url_that_cannot_be_asked_safely_is_refused(url: Any, saying: str) -> None:
    with pytest.raises(UsageError, match=saying):
        told(base_url=url)


@pytest.mark.parametrize(
    "given", [SECRET, f"https://u:{SECRET}@host", f"ftp://{SECRET}", f"https://host/?key={SECRET}"]
)
def test_a_key_in_the_place_of_the_base_url_is_not_shown(given: str) -> None:
    with pytest.raises(UsageError) as caught:
        told(base_url=given)
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
def test_https_to_anywhere_and_http_to_this_machine_are_taken(url: str) -> None:
    assert told(base_url=f" {url}/ ").base_url == url


def test_plain_http_elsewhere_needs_a_word() -> None:
    assert told(base_url="http://10.0.0.1", insecure=True).base_url == "http://10.0.0.1"


def test_proxies_of_the_environment_are_not_for_this_machine() -> None:
    assert [told(base_url=url).is_loopback for url in ("http://[::1]:80", "http://localhost", "https://host")] == [
        True,
        True,
        False,
    ]


def test_key_and_url_come_from_the_arguments_then_the_environment_then_the_specification(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert told(key=None).base_url == SERVER
    monkeypatch.setenv("ALLIUM_API_KEY", "from the environment\n")
    monkeypatch.setenv("ALLIUM_BASE_URL", "https://from.example")
    assert (told(key=None).key.reveal(), told().base_url) == ("from the environment", "https://from.example")
    assert (told(key="given").key.reveal(), told(base_url="https://given").base_url) == ("given", "https://given")
    monkeypatch.setenv("ALLIUM_BASE_URL", "")
    assert told().base_url == SERVER


def test_an_empty_key_that_was_given_does_not_fall_back_to_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLIUM_API_KEY", "from the environment")
    with pytest.raises(UsageError, match="there is no API key: pass api_key, or set ALLIUM_API_KEY"):
        told(key="").key.reveal()


def test_a_key_may_end_in_a_newline_as_files_do() -> None:
    assert told(key=f" {SECRET}\r\n").key.reveal() == SECRET


@pytest.mark.parametrize("key", [5, b"key", ["key"], "k\u00e9y", "one\ntwo", "one\x00two", "one\ttwo"])
def test_a_key_that_no_header_can_carry_is_refused_without_being_shown(key: Any) -> None:
    with pytest.raises(UsageError, match=r"^the API key must be text of printable ASCII characters$"):
        told(key=key)


@pytest.mark.parametrize("client", [MarketData, AsyncMarketData])
def test_a_missing_key_is_complained_about_by_a_request_and_not_before(client: Any) -> None:
    made = client("")
    assert len(made.plan(interval="1h", start="2026-05-01", end="2026-05-02")) == 1
    assert "None" not in repr(made)


def shown(failure: BaseException) -> str:
    """Everything that tracebacks with local variables show, in the plain way and in rich's."""
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
def test_no_traceback_of_a_wrong_argument_shows_the_key_with_its_local_variables(
    client: Any, wrong: Callable[[Any], Any]
) -> None:
    with pytest.raises(UsageError) as caught:
        wrong(client)
    of_ours = caught.value.with_traceback(caught.value.__traceback__.tb_next.tb_next)  # type: ignore[union-attr]
    text = shown(of_ours)
    assert "UsageError" in text
    assert "base_url" in text
    assert HIDDEN[0] not in text
    assert repr(HIDDEN[0])[1:-1] not in text


@pytest.mark.parametrize("client", [MarketData, AsyncMarketData])
def test_nothing_that_describes_a_client_shows_the_key(client: Any) -> None:
    made = client(SECRET, "http://127.0.0.1:1")
    assert repr(made) == f"{client.__name__}(base_url='http://127.0.0.1:1')"
    said = f"{made}{vars(made)}{ApiKey(SECRET)}{told(SECRET)}{dir(made)}"
    assert SECRET not in said
    with pytest.raises((pickle.PicklingError, TypeError, AttributeError)):
        pickle.dumps(told(SECRET))
    assert copy.deepcopy(told(SECRET)).key.reveal() == SECRET


@pytest.mark.parametrize("key", [SECRET, "a'b\"c\\d e/f<g>h%i&j+k", "short", "sandbox-key", "x" * 200])
def test_the_key_is_wiped_from_text_and_bytes_however_it_is_escaped(key: str) -> None:
    secret = ApiKey(key)
    for name, form in forms(key).items():
        assert secret.redact(f"<{form}>").replace("=", "") == "<***>", name
        assert secret.redact_bytes(f"\xff<{form}>".encode()).replace(b"=", b"") == "\xff<***>".encode(), name
    assert ApiKey("").redact("nothing") == "nothing"


def test_the_beginning_of_a_long_key_is_wiped_too() -> None:
    assert ApiKey(SECRET).redact(f"it says {json.dumps(SECRET)[1:16]}... and more") == "it says ***... and more"
    assert ApiKey(SECRET).redact(f"it says {SECRET[:7]}") == f"it says {SECRET[:7]}"
    assert ApiKey("a short one").redact("a short oak") == "a short oak"


@pytest.mark.parametrize("text", ["\\" * 65_536, "&amp;" * 13_000, "%25" * 20_000, "k" * 65_536, "&#000000" * 8_000])
def test_long_hostile_text_is_wiped_in_no_time(text: str) -> None:
    began = time.process_time()
    for key in (SECRET, "\\" * 9, "&" * 9, "%25" * 9, "k" * 3_000):
        ApiKey(key).redact(text)
    assert time.process_time() - began < 10
