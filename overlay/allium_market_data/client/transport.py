"""From a request to a complete response or a ``FetchError``. The only module that uses the generated package.

The API key is given to the HTTP library with each request, and no object with a ``repr`` holds it in clear. Errors are raised
without the HTTP library's exceptions as their cause or context, whose frames would show the key's header.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote, urlencode

from allium_market_data_wire import contract
from allium_market_data_wire.contract import KEY_HEADER

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
from .circuit import Call, CircuitBreaker, Ticket, monotonic
from .error_response import response_error
from .http import BrokenError, Connections, Pool, UntrustedError, normalize_url
from .http_date import sent_at
from .retry import backoff, is_transient, log_retry, retry_delay, sleep
from .settings import Settings

if TYPE_CHECKING:
    from aiolimiter import AsyncLimiter

T = TypeVar("T")
E = TypeVar("E", bound=FetchError)

PACKAGE = contract.__name__.rpartition(".")[0]
"""The name of the generated package."""

MAX_ERROR_BODY = 2**16
"""How many bytes of an error response are searched for its explanation."""


@dataclass(frozen=True, slots=True)
class Request:
    """The path and query of a request."""

    path: str
    params: dict[str, Any]


def request(endpoint: Endpoint, market_id: str, interval: str, window: Window) -> Request:
    """The request for one window, built by the generated package."""
    operation = endpoint.operation
    values: dict[str, Any] = {
        operation.market_parameter: market_id,
        operation.start_parameter: to_iso(window.start),
        operation.end_parameter: to_iso(window.end),
        operation.limit_parameter: operation.limit_maximum,
    }
    if operation.interval_parameter is not None and operation.interval_model is not None:
        models = importlib.import_module(f"{operation.module.partition('.')[0]}.models")
        values[operation.interval_parameter] = getattr(models, operation.interval_model)(interval)
    module = importlib.import_module(operation.module)
    kwargs = module._get_kwargs(**{operation.arguments[name]: value for name, value in values.items()})
    return Request(kwargs["url"], kwargs["params"])


def specification() -> str:
    """The hash of the OpenAPI document that the wire package was generated from, as in ``spec/lock.toml`` (patched)."""
    sha256: str = importlib.import_module(f"{PACKAGE}.specification").SHA256
    return sha256


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete response, decompressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport:
    """Sends requests to one server, with its rate limit, timeout, retries and circuit breaker.

    ``before_request`` is awaited before each request is sent; an error that it raises ends the fetch.
    """

    def __init__(
        self,
        settings: Settings,
        http: Connections | None = None,
        before_request: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        settings.key.reveal()  # raises if it is missing, before anything is sent
        self._settings = settings
        self._before_request = before_request
        self._circuit = CircuitBreaker()
        self._slots = asyncio.Semaphore(settings.max_concurrency)
        self._limiter = _limiter(settings.max_rate) if settings.max_rate else None
        # no proxy for loopback: it could not reach this machine's own addresses
        pool = Pool(settings.max_concurrency, is_secure=settings.is_secure, trust_env=not settings.is_loopback)
        self._http, self._base = http or pool, normalize_url(settings.base_url)
        self._is_closed = False
        self.server_time: datetime | None = None
        """When the last response was sent, by the server's clock; None if unknown."""

    async def aclose(self) -> None:
        """Close every connection."""
        self._is_closed = True
        await self._http.close()

    async def send(
        self,
        request: Request,
        read: Callable[[bytes], T],
        on_attempt: Callable[[], None],
        call: Call | None = None,
    ) -> T:
        """Send a request, retried as the policy says, until ``read`` accepts the body of a response; returns its result.

        Failures of one request count for all: see `circuit`. ``on_attempt`` is called before each attempt is sent.
        Raises the ``FetchError`` of the last attempt, or the one with which another request ended ``call``.
        """
        ticket = self._circuit.begin(call or Call())
        try:
            for attempt in count(1):
                try:
                    return await self._send_once(request, read, on_attempt, ticket)
                except FetchError as error:
                    failure = error
                pause = self._pause(failure, ticket, attempt)
                if pause is None or attempt >= self._settings.retry.attempts:
                    raise self._after_attempts(failure, ticket, attempt)
                resumes = pause if self._circuit.may_send(ticket) else None
                log_retry(self._shown_url(request), failure.message, attempt, self._settings.retry, resumes)
                await sleep(pause)
        except FetchError as error:
            self._circuit.record_error(ticket, error)
            raise
        finally:
            self._circuit.finish(ticket)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _pause(self, error: FetchError, ticket: Ticket, attempt: int) -> float | None:
        """Seconds until the next attempt; None for none. Only the probe waits: others do at the circuit breaker, for it."""
        if ticket.is_ended_by_other or not is_transient(error):
            return None
        wait = retry_delay(error, self._settings.retry, datetime.now(UTC))
        retry_after = None if isinstance(wait, bool) else wait
        is_probe = self._circuit.record_failure(ticket, retry_after)
        if retry_after is not None and ticket.call.ends_within(retry_after):
            ticket.is_out_of_time = True
            error.with_message(f"{error.message}; the deadline is sooner")
            return None
        if wait is False:
            return None
        if not is_probe:
            return 0.0
        return backoff(self._settings.retry, attempt) if retry_after is None else retry_after

    def _after_attempts(self, error: FetchError, ticket: Ticket, attempts: int) -> FetchError:
        """The error, with the attempts and the seconds that they took, unless another request's error ended this one."""
        if attempts > 1 and not ticket.is_ended_by_other:
            error.with_message(f"{error.message} ({attempts} attempts in {monotonic() - ticket.began:.1f} s)")
        return error

    async def _send_once(
        self, request: Request, read: Callable[[bytes], T], on_attempt: Callable[[], None], ticket: Ticket
    ) -> T:
        """Send a request once, as soon as the circuit breaker, the concurrency and the rate limit allow it."""
        circuit = self._circuit
        while True:
            if not circuit.may_send(ticket):
                await circuit.admit(ticket)
            async with self._slots:
                if self._limiter and circuit.may_send(ticket):
                    await self._limiter.acquire()
                if not circuit.may_send(ticket):
                    continue  # the circuit opened while this request waited
                if self._before_request:
                    await self._before_request()
                if self._is_closed:
                    raise UsageError("the client was closed while a fetch was under way")
                on_attempt()
                reply = await self._exchange(request)
                if isinstance(reply, FetchError):
                    raise reply
            await asyncio.sleep(0)  # the next request is sent before this response is read
            outcome = self._read(reply, read)
            del reply  # no frame of a traceback holds a response
            if isinstance(outcome, FetchError):
                raise outcome
            if not circuit.is_closed:
                circuit.record_success(ticket)
            return outcome

    async def _exchange(self, request: Request) -> Reply | FetchError:
        """One request and its response. A failure is returned, and raised where no frame holds the key or the response."""
        settings = self._settings
        try:
            async with asyncio.timeout(settings.timeout):
                response = await self._http.get(self._url(request), self._headers)
                try:
                    body = Body(response.headers.get("content-encoding", ""))
                    async for part in response.parts():
                        body.add(part)
                finally:
                    await response.close()
            self.server_time = sent_at(response.headers)
            reply = Reply(response.status, response.headers, body.whole())
        except TimeoutError:
            return RequestTimeoutError(
                f"no complete response from {settings.base_url} within {settings.timeout:g} s (timeout)"
            )
        except UntrustedError as error:
            reason = f"the certificate of {settings.base_url} is not trusted: {clean(str(error))}"
            return CertificateError(f"{reason}; nothing was sent (set SSL_CERT_FILE to trust your own authorities)")
        except BrokenError as error:
            reason = clean(settings.key.redact(str(error)))[:300]
            return ConnectionFailedError(f"no complete response from {settings.base_url}: {reason}")
        except FetchError as error:
            return _without_frames(error)
        return reply if reply.status == 200 else self._with_response(reply)

    def _url(self, request: Request) -> str:
        return f"{self._base}{request.path}?{urlencode(request.params)}"

    def _shown_url(self, request: Request) -> str:
        """The URL as a person reads it, in one line and without the key, if that was passed in the wrong place."""
        return clean(self._settings.key.redact(unquote(self._url(request), errors="replace")))

    def _headers(self) -> dict[str, str]:
        """The headers of a request, the key among them."""
        return {
            "Accept": "application/json",
            "Accept-Encoding": ACCEPTED,
            "User-Agent": f"allium-market-data/{VERSION}",
            KEY_HEADER: self._settings.key.reveal(),
        }

    def _read(self, reply: Reply, read: Callable[[bytes], T]) -> T | FetchError:
        """The result of ``read``, or the error that it raised."""
        try:
            return read(reply.body)
        except FetchError as error:
            return self._with_response(reply, _without_frames(error))

    def _with_response(self, reply: Reply, error: FetchError | None = None) -> FetchError:
        """The error, or that of the response's status, with the response as its context. The key is redacted everywhere."""
        key = self._settings.key
        headers = {name.lower(): key.redact(value) for name, value in reply.headers.items()}
        body = key.redact_bytes(reply.body[:MAX_ERROR_BODY])
        error = error or response_error(reply.status, headers, body)
        error.with_message(key.redact(error.message))
        error.context = ErrorContext(status=reply.status, headers=headers, body=body[:BODY_KEPT])
        return error


def _without_frames(error: E) -> E:
    """The error without its traceback and causes, whose frames hold the key or the response."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def _limiter(max_rate: float) -> AsyncLimiter:
    """Spaces requests evenly, ``max_rate`` per second."""
    from aiolimiter import AsyncLimiter

    return AsyncLimiter(1, 1 / max_rate)
