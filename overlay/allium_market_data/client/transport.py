"""HTTP: one question out, one whole answer back, or one error of our tree. The only module that knows HTTP or the wire package.

The API key is handed to the HTTP library one request at a time, and nothing here that has a ``repr`` holds it in clear.
Errors leave this module without the HTTP library's own exceptions behind them: their frames would show the key's header.
"""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from importlib import resources
from typing import Any, TypeVar
from urllib.parse import urlencode

import stamina
from aiolimiter import AsyncLimiter

from ..codegen.canonical import digest
from ..errors import (
    BODY_KEPT,
    CertificateError,
    ConnectionFailedError,
    ErrorContext,
    FetchError,
    RequestTimeoutError,
    UsageError,
)
from ..model.endpoint import Endpoint
from ..model.times import to_iso
from ..model.windows import Window
from ..sanitize import clean
from ..version import VERSION
from .body import ACCEPTED, Body
from .circuit import Call, CircuitBreaker, Ticket
from .error_response import response_error
from .http import BrokenError, Connections, Pool, UntrustedError, normalize_url
from .http_date import sent_at
from .retry import is_transient, retry_delay
from .settings import Settings

T = TypeVar("T")
E = TypeVar("E", bound=FetchError)

LARGEST_SAID = 2**16
"""The most bytes of an answer that is no good which are looked at for what it says."""


@dataclass(frozen=True, slots=True)
class Request:
    """A question as it goes out."""

    path: str
    params: dict[str, Any]


def request(resource: Endpoint, market_id: str, interval: str, window: Window) -> Request:
    """The request for one window, built by the generated package."""
    module = importlib.import_module(resource.call)
    models = importlib.import_module("allium_market_data_wire.models")
    kwargs = module._get_kwargs(
        market_id,
        interval=models.Interval(interval),
        start_timestamp=to_iso(window.start),
        end_timestamp=to_iso(window.end),
        limit=resource.limit,
    )
    return Request(kwargs["url"], kwargs["params"])


@lru_cache
def specification() -> str:
    """The hash of the OpenAPI document that the wire package was generated from, as in ``spec/lock.toml`` (patched)."""
    document = resources.files("allium_market_data_wire").joinpath("openapi.json").read_bytes()
    return digest(json.loads(document))


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer, unpacked."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport:
    """A pool of connections to one server, with its pace, its time limit, its retries, and what is known of its circuit.

    ``before_request`` is awaited before each request is sent; what it raises ends the fetch.
    """

    def __init__(
        self,
        settings: Settings,
        http: Connections | None = None,
        before_request: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        settings.key.reveal()  # a missing key is told before anything is asked
        self._settings = settings
        self._before_request = before_request
        self._circuit = CircuitBreaker()
        self._places = asyncio.Semaphore(settings.max_concurrency)
        self._pace = AsyncLimiter(1, 1 / settings.max_rate) if settings.max_rate else None
        # a proxy cannot reach this machine's own addresses
        pool = Pool(settings.max_concurrency, is_secure=settings.is_secure, trust_env=not settings.is_loopback)
        self._http, self._base = http or pool, normalize_url(settings.base_url)
        self._is_closed = False
        self.server_time: datetime | None = None
        """When the last answer was sent, by the server's clock; None where none says so."""

    async def aclose(self) -> None:
        """Close every connection."""
        self._is_closed = True
        await self._http.close()

    async def ask(
        self,
        question: Request,
        read: Callable[[bytes], T],
        on_attempt: Callable[[], None],
        call: Call | None = None,
    ) -> T:
        """Send a request until an answer comes that ``read`` takes, as often as the retry policy allows.

        What happens to one request counts for all: see `circuit`. ``on_attempt`` is called before each is sent.
        Raises ``FetchError`` of the kind that the last attempt deserves, or that ended ``call`` elsewhere.
        """
        ticket = self._circuit.ticket(call or Call())
        failed: list[FetchError] = []
        try:
            try:
                return await self._send(question, read, on_attempt, ticket)
            except FetchError as error:
                failed.append(error)
            async for attempt in self._attempts(ticket):
                with attempt:
                    if failed:
                        raise failed.pop()  # the first attempt, which most requests never go beyond
                    return await self._send(question, read, on_attempt, ticket)
        except FetchError as error:
            self._circuit.give_up(ticket, error)
            raise
        finally:
            self._circuit.leave(ticket)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _attempts(self, ticket: Ticket) -> AsyncIterator[stamina.Attempt]:
        policy = self._settings.retry
        return stamina.retry_context(
            on=lambda error: self._pause(error, ticket),
            attempts=policy.attempts,
            timeout=None,
            wait_initial=policy.first_pause,
            wait_max=policy.longest_pause,
            wait_jitter=policy.jitter,
        )

    def _pause(self, error: Exception, ticket: Ticket) -> bool | float:
        """As `pause`, but only one window waits by itself; the others wait at the gate for what becomes of it."""
        if ticket.is_told or not isinstance(error, FetchError) or not is_transient(error):
            return False
        wait = retry_delay(error, self._settings.retry, datetime.now(UTC))
        asked = None if isinstance(wait, bool) else wait
        is_prober = self._circuit.trouble(ticket, asked)
        if asked is not None and ticket.call.is_over_in(asked):
            ticket.is_hurried = True
            error.with_message(f"{error.message}; the deadline is sooner")
            return False
        return wait if is_prober or wait is False else 0.0

    async def _send(
        self, question: Request, read: Callable[[bytes], T], on_attempt: Callable[[], None], ticket: Ticket
    ) -> T:
        """Send a request once: when the gate is open, there is a free place, and the pace allows it."""
        circuit = self._circuit
        while True:
            if not circuit.may_send(ticket):
                await circuit.admit(ticket)
            async with self._places:
                if self._pace and circuit.may_send(ticket):
                    await self._pace.acquire()
                if not circuit.may_send(ticket):
                    continue  # something happened while this one waited for its turn
                if self._before_request:
                    await self._before_request()
                if self._is_closed:
                    raise UsageError("the client was closed while a fetch was under way")
                on_attempt()
                reply = await self._exchange(question)
                if isinstance(reply, FetchError):
                    raise reply
            await asyncio.sleep(0)  # the next request goes out before this answer is read
            outcome = self._read(reply, read)
            del reply  # no frame of a traceback holds an answer
            if isinstance(outcome, FetchError):
                raise outcome
            if not circuit.well:
                circuit.succeeded(ticket)
            return outcome

    async def _exchange(self, question: Request) -> Reply | FetchError:
        """One request and its whole answer; a failure is returned, to be raised where no frame holds key or answer."""
        settings = self._settings
        try:
            async with asyncio.timeout(settings.timeout):
                answer = await self._http.get(self._url(question), self._headers)
                try:
                    body = Body(answer.headers.get("content-encoding", ""))
                    async for part in answer.parts():
                        body.add(part)
                finally:
                    await answer.close()
            self.server_time = sent_at(answer.headers)
            reply = Reply(answer.status, answer.headers, body.whole())
        except TimeoutError:
            return RequestTimeoutError(
                f"no whole answer from {settings.base_url} within {settings.timeout:g} s (timeout)"
            )
        except UntrustedError as error:
            why = f"the certificate of {settings.base_url} is not trusted: {clean(str(error))}"
            return CertificateError(f"{why}; nothing was sent (SSL_CERT_FILE may name authorities of your own)")
        except BrokenError as error:
            said = clean(settings.key.redact(str(error)))[:300]
            return ConnectionFailedError(f"no whole answer from {settings.base_url}: {said}")
        except FetchError as error:
            return _bare(error)
        return reply if reply.status == 200 else self._evident(reply)

    def _url(self, question: Request) -> str:
        return f"{self._base}{question.path}?{urlencode(question.params)}"

    def _headers(self) -> dict[str, str]:
        """The headers of a request, the key among them."""
        return {
            "Accept": "application/json",
            "Accept-Encoding": ACCEPTED,
            "User-Agent": f"allium-market-data/{VERSION}",
            "X-API-KEY": self._settings.key.reveal(),
        }

    def _read(self, reply: Reply, read: Callable[[bytes], T]) -> T | FetchError:
        """What ``read`` makes of an answer of 200, or the error that it stands for."""
        try:
            return read(reply.body)
        except FetchError as error:
            return self._evident(reply, _bare(error))

    def _evident(self, reply: Reply, failure: FetchError | None = None) -> FetchError:
        """The failure, or the refusal that the answer is, with what came back, all of it without the key."""
        key = self._settings.key
        headers = {name.lower(): key.redact(value) for name, value in reply.headers.items()}
        said = key.redact_bytes(reply.body[:LARGEST_SAID])
        failure = failure or response_error(reply.status, headers, said)
        failure.with_message(key.redact(failure.message))
        failure.context = ErrorContext(status=reply.status, headers=headers, body=said[:BODY_KEPT])
        return failure


def _bare(error: E) -> E:
    """The error without the frames and errors that it came through: their variables hold the key, or the answer."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)
