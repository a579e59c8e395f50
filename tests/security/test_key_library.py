"""The key goes into its header and nowhere else: every way to ask, every answer, and all that can be seen of it."""

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
    described,
    everything_logged,
    forms,
    from_outside,
    leaks,
    pretty,
    reachable,
    search,
    shown,
    stacks,
)
from .servers import SERVERS, key_of

SPAN: dict[str, Any] = {"interval": "1h", "start": "2026-05-01", "end": "2026-05-01T04:00Z"}
QUICK = RetryPolicy(attempts=2, first_pause=0, longest_pause=0, jitter=0)
TWO = [MARKET, "hl:perp:ETH-USDC"]


def options(url: str, deadline: bool) -> dict[str, Any]:
    return {"base_url": url, "retry": QUICK, "timeout": 30 if deadline else 0.3, "max_concurrency": 2}


def plainly(url: str, **span: Any) -> Iterator[Any]:
    with MarketData(HIDDEN[0], **options(url, "deadline" in span)) as client:
        yield client
        yield client.open_interest(MARKET, **span)
        yield client


def of_two(url: str, **span: Any) -> Iterator[Any]:
    with MarketData(HIDDEN[0], **options(url, "deadline" in span)) as client:
        yield client.open_interest(TWO, **span)


def streamed(url: str, **span: Any) -> Iterator[Any]:
    with MarketData(HIDDEN[0], **options(url, "deadline" in span)) as client:
        yield from client.iter_open_interest(MARKET, **span)


def paged(url: str, **span: Any) -> Iterator[Any]:
    with MarketData(HIDDEN[0], **options(url, "deadline" in span)) as client:
        yield from client.iter_open_interest(MARKET, by="page", **span)


def asynchronously(url: str, **span: Any) -> Iterator[Any]:
    async def run() -> list[Any]:
        async with AsyncMarketData(HIDDEN[0], **options(url, "deadline" in span)) as client:
            whole = await client.open_interest(MARKET, **span)
            rows = [row async for row in client.iter_open_interest(MARKET, **span)]
            pages = [part async for part in client.iter_open_interest(MARKET, by="page", **span)]
            return [client, whole, client._transport, *rows, *pages, await client.open_interest(TWO, **span)]

    yield from asyncio.run(run(), debug=True)


def asynchronously_streamed(url: str, **span: Any) -> Iterator[Any]:
    async def run() -> list[Any]:
        async with AsyncMarketData(HIDDEN[0], **options(url, "deadline" in span)) as client:
            return [part async for part in client.iter_open_interest(MARKET, by="page", **span)]

    yield from asyncio.run(run(), debug=True)


CALLERS = [plainly, of_two, streamed, paged, asynchronously, asynchronously_streamed]
WIDELY = (
    "good",
    "unknown names",
    "400",
    "503",
    "stalled",
    "past the deadline",
    "a broken header",
    "a long time",
    "one row",
)
DRIVEN = [
    (name, caller)
    for name in SERVERS
    for caller in CALLERS
    if name in WIDELY or caller in (plainly, asynchronously_streamed)
]
"""Every server is asked in two ways, and those that differ in what they do to a caller in all of them."""


def test_every_error_of_a_fetch_is_among_those_that_are_driven() -> None:
    kinds = {kind for _, kind in vars(errors).items() if inspect.isclass(kind) and issubclass(kind, FetchError)}
    undriven = kinds - {kind for _, kind in SERVERS.values()}
    assert undriven == {FetchError, ResponseError, TransportError, errors.CertificateError}  # the last in test_trust.py


@pytest.mark.parametrize(("name", "caller"), DRIVEN, ids=lambda one: getattr(one, "__name__", one))
def test_the_key_is_in_its_header_and_nowhere_else(
    name: str,
    caller: Callable[..., Iterator[Any]],
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONASYNCIODEBUG", "1")
    answer, kind = SERVERS[name]
    heads: list[bytes] = []

    def answered(connection: Any, head: bytes) -> None:
        if head:  # a request that is cancelled may not have been sent
            heads.append(head)
            answer(connection, head)

    found: list[Any] = []
    failure: BaseException | None = None
    with everything_logged() as log, served(answered) as url:
        span = SPAN | ({"deadline": 0.3} if kind is errors.DeadlineExceededError else {})
        try:
            found += caller(url, **span)
        except FetchError as error:
            failure = error
    assert type(failure) is (kind or type(None))
    assert [head for head in heads if not _only_in_its_header(head)] == []
    assert search(seen(found, failure, [*log.said, *capfd.readouterr(), stacks()])) == []
    assert heads
    assert log.said


def _only_in_its_header(head: bytes) -> bool:
    assert key_of(head) == HIDDEN[0]
    return head.count(HIDDEN[0].encode()) == 1 and not leaks(head.replace(HIDDEN[0].encode(), b""))


def seen(found: list[Any], failure: BaseException | None, said: list[str]) -> Iterator[tuple[str, str | bytes]]:
    for thing in found:
        yield from described(type(thing).__name__, thing)
    if failure is not None:
        yield from shown(from_outside(failure))
        yield from reachable(failure)
    for text in said:
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
def test_a_wrong_argument_shows_no_key(client: Any, wrong: dict[str, Any]) -> None:
    with everything_logged() as log, pytest.raises(errors.UsageError) as caught:
        _ask(client, wrong)
    assert search(seen([], caught.value, log.said)) == []


def _ask(client: Any, options: dict[str, Any]) -> None:
    asked = client(HIDDEN[0], **options).open_interest(MARKET, **SPAN)
    if inspect.isawaitable(asked):
        asyncio.run(asked)  # type: ignore[arg-type]


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
def test_a_wrong_question_shows_no_key(span: dict[str, Any]) -> None:
    with MarketData(HIDDEN[0], "http://127.0.0.1:9") as client, pytest.raises(errors.UsageError) as caught:
        client.open_interest(**({"market_id": MARKET} | SPAN | span))
    assert search(seen([client], caught.value, [])) == []


def test_what_rich_makes_of_a_failure_shows_no_key_either() -> None:
    with served(SERVERS["400"][0]) as url, pytest.raises(FetchError) as caught:
        list(plainly(url, **SPAN))
    text = pretty(from_outside(caught.value))
    assert "RefusedError" in text
    assert leaks(text) == []


# --- The search itself must find what is there ---


def test_the_search_finds_the_key_in_every_form_and_place() -> None:
    assert all(leaks(f"<{form}>") for form in forms(HIDDEN[0]).values())
    assert leaks("nothing to see, or may be") == []
    with everything_logged() as log:
        logging.getLogger("some.library").log(1, "sent %s", HIDDEN[0], extra={"more": 5})
    assert search(seen([], None, log.said))
    namespace: dict[str, Any] = {}
    source = "def fail(told):\n    local = [{'deep': (told,)}]\n    raise ValueError('nothing to see')\n"
    exec(compile(source, "a_library.py", "exec"), namespace)  # noqa: S102 - frames that are no test's
    with pytest.raises(ValueError, match="nothing") as caught:
        namespace["fail"](HIDDEN[0])
    assert any(place.startswith("reachable") for place in search(reachable(caught.value)))
