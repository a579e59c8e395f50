"""The key is in its requester and nowhere else, for every way to fetch and every kind of response."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from allium_market_data import AsyncMarketData, MarketData, RetryPolicy, errors
from allium_market_data.errors import FetchError, ResponseError, TransportError
from support.serving import MARKET, served

from .leaks import (
    HIDDEN,
    descriptions,
    everything_logged,
    forms,
    from_outside,
    leaks,
    pretty,
    reachable,
    renderings,
    search,
    stacks,
)
from .servers import SERVERS, key_of

SPAN: dict[str, Any] = {"interval": "1h", "start": "2026-05-01", "end": "2026-05-01T04:00Z"}
QUICK = RetryPolicy(attempts=2, first_pause=0, longest_pause=0, jitter=0)
TWO = [MARKET, "hl:perp:ETH-USDC"]


def options(url: str, *, is_stalled: bool) -> dict[str, Any]:
    timeout = 0.3 if is_stalled else 30  # the stalled server never responds, so this test does not depend on speed
    return {"base_url": url, "retry": QUICK, "timeout": timeout, "max_concurrency": 2}


def one_market(url: str, *, is_stalled: bool, **span: Any) -> Iterator[Any]:
    with MarketData(HIDDEN[0], **options(url, is_stalled=is_stalled)) as client:
        yield client
        yield client.open_interest(MARKET, **span)
        yield client


def two_markets(url: str, *, is_stalled: bool, **span: Any) -> Iterator[Any]:
    with MarketData(HIDDEN[0], **options(url, is_stalled=is_stalled)) as client:
        yield client.open_interest(TWO, **span)


def stream_of_rows(url: str, *, is_stalled: bool, **span: Any) -> Iterator[Any]:
    with MarketData(HIDDEN[0], **options(url, is_stalled=is_stalled)) as client:
        yield from client.iter_open_interest(MARKET, **span)


def stream_of_pages(url: str, *, is_stalled: bool, **span: Any) -> Iterator[Any]:
    with MarketData(HIDDEN[0], **options(url, is_stalled=is_stalled)) as client:
        yield from client.iter_open_interest(MARKET, by="page", **span)


def async_client(url: str, *, is_stalled: bool, **span: Any) -> Iterator[Any]:
    async def run() -> list[Any]:
        async with AsyncMarketData(HIDDEN[0], **options(url, is_stalled=is_stalled)) as client:
            whole = await client.open_interest(MARKET, **span)
            rows = [row async for row in client.iter_open_interest(MARKET, **span)]
            pages = [part async for part in client.iter_open_interest(MARKET, by="page", **span)]
            return [client, whole, client._transport, *rows, *pages, await client.open_interest(TWO, **span)]

    yield from asyncio.run(run(), debug=True)


def async_stream_of_pages(url: str, *, is_stalled: bool, **span: Any) -> Iterator[Any]:
    async def run() -> list[Any]:
        async with AsyncMarketData(HIDDEN[0], **options(url, is_stalled=is_stalled)) as client:
            return [part async for part in client.iter_open_interest(MARKET, by="page", **span)]

    yield from asyncio.run(run(), debug=True)


CALLERS = [one_market, two_markets, stream_of_rows, stream_of_pages, async_client, async_stream_of_pages]
WIDELY = (
    "good",
    "unknown names",
    "400",
    "503",
    "stalled",
    "past the deadline",
    "a broken requester",
    "a long time",
    "one row",
)
DRIVEN = [
    (name, caller)
    for name in SERVERS
    for caller in CALLERS
    if name in WIDELY or caller in (one_market, async_stream_of_pages)
]
"""Every server with two ways to fetch, and those of ``WIDELY`` with all of them."""


def test_every_fetch_error_is_provoked() -> None:
    kinds = {kind for _, kind in vars(errors).items() if inspect.isclass(kind) and issubclass(kind, FetchError)}
    missing = kinds - {kind for _, kind in SERVERS.values()}
    elsewhere = {
        errors.CertificateError,
        errors.ProxyError,
    }  # in test_trust.py and in tests/system/faults/test_http_in_practice.py
    assert missing == {FetchError, ResponseError, TransportError, *elsewhere}


@pytest.mark.parametrize(("name", "caller"), DRIVEN, ids=lambda one: getattr(one, "__name__", one))
def test_key_is_in_its_header_only(
    name: str,
    caller: Callable[..., Iterator[Any]],
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONASYNCIODEBUG", "1")
    answer, kind = SERVERS[name]
    requests: list[bytes] = []

    def respond(connection: Any, request: bytes) -> None:
        if request:  # a request that is cancelled may not have been sent
            requests.append(request)
            answer(connection, request)

    found: list[Any] = []
    failure: BaseException | None = None
    with everything_logged() as log, served(respond) as url:
        span = SPAN | ({"deadline": 0.3} if kind is errors.DeadlineExceededError else {})
        try:
            found += caller(url, is_stalled=kind is errors.RequestTimeoutError, **span)
        except FetchError as error:
            failure = error
    assert type(failure) is (kind or type(None))
    assert [request for request in requests if not _only_in_its_header(request)] == []
    assert search(everything(found, failure, [*log.texts, *capfd.readouterr(), stacks()])) == []
    assert requests
    assert log.texts


def _only_in_its_header(request: bytes) -> bool:
    assert key_of(request) == HIDDEN[0]
    return request.count(HIDDEN[0].encode()) == 1 and not leaks(request.replace(HIDDEN[0].encode(), b""))


def everything(found: list[Any], failure: BaseException | None, output: list[str]) -> Iterator[tuple[str, str | bytes]]:
    for thing in found:
        yield from descriptions(type(thing).__name__, thing)
    if failure is not None:
        yield from renderings(from_outside(failure))
        yield from reachable(failure)
    for text in output:
        yield "log, output or stacks", text


@pytest.mark.parametrize("client", [MarketData, AsyncMarketData])
@pytest.mark.parametrize(
    "wrong",
    [
        {"base_url": "ftp://x"},
        {"base_url": "http://api.example"},
        {"timeout": 0},
        {"max_rate": "5"},
        {"max_concurrency": 0},
        {"retry": 5},
    ],
)
def test_wrong_client_argument_does_not_show_the_key(client: Any, wrong: dict[str, Any]) -> None:
    with everything_logged() as log, pytest.raises(errors.UsageError) as caught:
        _fetch(client, wrong)
    assert search(everything([], caught.value, log.texts)) == []


def _fetch(client: Any, options: dict[str, Any]) -> None:
    fetched = client(HIDDEN[0], **options).open_interest(MARKET, **SPAN)
    if inspect.isawaitable(fetched):
        asyncio.run(fetched)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "span",
    [
        {"interval": "2h"},
        {"start": "soon"},
        {"end": "2026-04-01"},
        {"deadline": 0},
        {"market_id": 5},
        {"market_id": ".."},
    ],
)
def test_wrong_fetch_argument_does_not_show_the_key(span: dict[str, Any]) -> None:
    with MarketData(HIDDEN[0], "http://127.0.0.1:9") as client, pytest.raises(errors.UsageError) as caught:
        client.open_interest(**({"market_id": MARKET} | SPAN | span))
    assert search(everything([client], caught.value, [])) == []


def test_rich_traceback_does_not_show_the_key() -> None:
    with served(SERVERS["400"][0]) as url, pytest.raises(FetchError) as caught:
        list(one_market(url, is_stalled=False, **SPAN))
    text = pretty(from_outside(caught.value))
    assert "RefusedError" in text
    assert leaks(text) == []


# --- The search itself must find what is there ---


def test_search_finds_the_key_in_every_form_and_place() -> None:
    assert all(leaks(f"<{form}>") for form in forms(HIDDEN[0]).values())
    assert leaks("nothing to see, or may be") == []
    with everything_logged() as log:
        logging.getLogger("some.library").log(1, "sent %s", HIDDEN[0], extra={"more": 5})
    assert search(everything([], None, log.texts))
    namespace: dict[str, Any] = {}
    source = "def fail(key):\n    local = [{'deep': (key,)}]\n    raise ValueError('nothing to see')\n"
    exec(compile(source, "a_library.py", "exec"), namespace)  # noqa: S102 - frames that are no test's
    with pytest.raises(ValueError, match="nothing") as caught:
        namespace["fail"](HIDDEN[0])
    assert any(place.startswith("reachable") for place in search(reachable(caught.value)))
