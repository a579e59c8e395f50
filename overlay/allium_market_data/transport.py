"""HTTP: one question out, one whole answer back, or one error of our tree. The only module that knows HTTP or the wire package.

The API key is handed to the HTTP library one request at a time, and nothing here that has a ``repr`` holds it in clear.
Errors leave this module without the HTTP library's own exceptions behind them: their frames would show the key's header.
"""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from importlib import resources
from typing import Any, TypeVar

import httpx
import stamina
from aiolimiter import AsyncLimiter

from .errors import (
    BODY_KEPT,
    ConnectionFailedError,
    ContractError,
    Evidence,
    FetchError,
    RequestTimeoutError,
    UsageError,
)
from .health import Call, Health, Visit
from .pool import Pool
from .refusal import clean, refusal
from .resource import Resource
from .retry import passing, pause
from .secret import Secret
from .settings import Settings
from .times import text
from .upstream.canonical import digest
from .version import VERSION
from .windows import Window

T = TypeVar("T")
E = TypeVar("E", bound=FetchError)

LARGEST_BODY = 64 * 2**20
"""The most bytes, unpacked, that an answer may have. The largest honest one has about one."""


@dataclass(frozen=True, slots=True)
class Request:
    """A question as it goes out."""

    path: str
    params: dict[str, Any]


def request(resource: Resource, market_id: str, interval: str, window: Window) -> Request:
    """The request for one window, built by the generated package."""
    module = importlib.import_module(resource.call)
    models = importlib.import_module("allium_market_data_wire.models")
    kwargs = module._get_kwargs(
        market_id,
        interval=models.Interval(interval),
        start_timestamp=text(window.start),
        end_timestamp=text(window.end),
        limit=resource.limit,
    )
    return Request(kwargs["url"], kwargs["params"])


@lru_cache
def specification() -> str:
    """The hash of the OpenAPI document that the wire package was generated from, as in ``spec/lock.toml`` (patched)."""
    document = resources.files("allium_market_data_wire").joinpath("openapi.json").read_bytes()
    return digest(json.loads(document))


class _Key(httpx.Auth):
    """Puts the key into its header, at the last moment."""

    def __init__(self, key: Secret) -> None:
        self._key = key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["X-API-KEY"] = self._key.reveal()
        yield request


class Transport:
    """A pool of connections to one server, with its pace, its time limit, its retries, and what is known of its health.

    ``toll`` is awaited before each request is sent; what it raises ends the fetch.
    """

    def __init__(
        self,
        settings: Settings,
        http: httpx.AsyncBaseTransport | None = None,
        toll: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        settings.key.reveal()  # a missing key is told before anything is asked
        self._settings = settings
        self._toll = toll
        self._health = Health()
        self._places = asyncio.Semaphore(settings.max_concurrency)
        self._pace = AsyncLimiter(1, 1 / settings.max_rate) if settings.max_rate else None
        try:
            url = httpx.URL(settings.base_url)
            _ = url.host  # is decoded as it is looked at, which fails for some
        except (httpx.InvalidURL, ValueError) as error:
            raise UsageError(f"base_url is no URL: {error}") from None
        self._client = httpx.AsyncClient(
            base_url=url,
            auth=_Key(settings.key),
            timeout=settings.timeout,
            headers={"accept": "application/json", "user-agent": f"allium-market-data/{VERSION}"},
            follow_redirects=False,
            # a proxy cannot reach this machine's own addresses
            transport=http or Pool(settings.max_concurrency, trust_env=not settings.is_loopback),
            trust_env=False,  # the pool reads it
        )

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def ask(
        self,
        question: Request,
        read: Callable[[bytes], T],
        on_attempt: Callable[[], None],
        call: Call | None = None,
    ) -> T:
        """Send a request until an answer comes that ``read`` takes, as often as the retry policy allows.

        What happens to one request counts for all: see `health`. ``on_attempt`` is called before each is sent.
        Raises ``FetchError`` of the kind that the last attempt deserves, or that ended ``call`` elsewhere.
        """
        visit = self._health.visit(call or Call())
        failed: list[FetchError] = []
        try:
            try:
                return await self._send(question, read, on_attempt, visit)
            except FetchError as error:
                failed.append(error)
            async for attempt in self._attempts(visit):
                with attempt:
                    if failed:
                        raise failed.pop()  # the first attempt, which most requests never go beyond
                    return await self._send(question, read, on_attempt, visit)
        except FetchError as error:
            self._health.give_up(visit, error)
            raise
        finally:
            self._health.leave(visit)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _attempts(self, visit: Visit) -> AsyncIterator[stamina.Attempt]:
        policy = self._settings.retry
        return stamina.retry_context(
            on=lambda error: self._pause(error, visit),
            attempts=policy.attempts,
            timeout=None,
            wait_initial=policy.first_pause,
            wait_max=policy.longest_pause,
            wait_jitter=policy.jitter,
        )

    def _pause(self, error: Exception, visit: Visit) -> bool | float:
        """As `pause`, but only one window waits by itself; the others wait at the gate for what becomes of it."""
        if visit.is_told or not isinstance(error, FetchError) or not passing(error):
            return False
        wait = pause(error, self._settings.retry, datetime.now(UTC))
        asked = None if isinstance(wait, bool) else wait
        is_prober = self._health.trouble(visit, asked)
        if asked is not None and visit.call.is_over_in(asked):
            visit.is_hurried = True
            error.reword(f"{error.message}; the deadline is sooner")
            return False
        return wait if is_prober or wait is False else 0.0

    async def _send(
        self, question: Request, read: Callable[[bytes], T], on_attempt: Callable[[], None], visit: Visit
    ) -> T:
        """Send a request once: when the gate is open, there is a free place, and the pace allows it."""
        health = self._health
        while True:
            if not health.may_send(visit):
                await health.admit(visit)
            async with self._places:
                if self._pace and health.may_send(visit):
                    await self._pace.acquire()
                if not health.may_send(visit):
                    continue  # something happened while this one waited for its turn
                if self._toll:
                    await self._toll()
                on_attempt()
                answer = await self._once(question, read)
            if not health.well:
                health.succeeded(visit)
            return answer

    async def _once(self, question: Request, read: Callable[[bytes], T]) -> T:
        if self._client.is_closed:
            raise UsageError("the client was closed while a fetch was under way")
        outcome = await self._exchange(question, read)
        if isinstance(outcome, FetchError):
            raise outcome
        return outcome

    async def _exchange(self, question: Request, read: Callable[[bytes], T]) -> T | FetchError:
        """One request and what its answer says; a failure is returned, to be raised where no frame holds key or answer."""
        settings = self._settings
        try:
            async with (
                asyncio.timeout(settings.timeout),
                self._client.stream("GET", question.path, params=question.params) as answer,
            ):
                body = await _body(answer)
        except (TimeoutError, httpx.TimeoutException):
            return RequestTimeoutError(
                f"no whole answer from {settings.base_url} within {settings.timeout:g} s (timeout)"
            )
        except httpx.DecodingError as error:
            return ConnectionFailedError(f"the answer's compression is broken: {self._tell(error)}")
        except httpx.HTTPError as error:
            return ConnectionFailedError(f"no whole answer from {settings.base_url}: {self._tell(error)}")
        except ContractError as error:
            return _bare(error)
        return self._read(answer, body, read)

    def _read(self, answer: httpx.Response, body: bytes, read: Callable[[bytes], T]) -> T | FetchError:
        """What ``read`` makes of a whole answer, or the error that it stands for, without the key."""
        key, status, failure = self._settings.key, answer.status_code, None
        if status == 200:
            try:
                return read(body)
            except FetchError as error:
                failure = _bare(error)
        headers = {name.lower(): key.wipe(value) for name, value in answer.headers.items()}
        said = key.wipe_bytes(body)
        failure = failure or refusal(status, headers, said)
        failure.reword(key.wipe(failure.message))
        failure.evidence = Evidence(status=status, headers=headers, body=said[:BODY_KEPT])
        return failure

    def _tell(self, error: Exception) -> str:
        said = self._settings.key.wipe(str(error))
        return clean(f"{type(error).__name__}: {said}" if said else type(error).__name__)[:300]


def _bare(error: E) -> E:
    """The error without the frames and errors that it came through: their variables hold the key, or the answer."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


async def _body(answer: httpx.Response) -> bytes:
    parts = []
    size = 0
    async for part in answer.aiter_bytes():
        size += len(part)
        if size > LARGEST_BODY:
            raise ContractError(f"the answer breaks the contract: it is longer than {LARGEST_BODY // 2**20} MiB")
        parts.append(part)
    return b"".join(parts)
