"""The endpoint as a FastAPI application: paths, methods and headers here, everything else in `endpoint`."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import SandboxError
from .endpoint import SandboxEndpoint, SandboxRequest, SandboxResponse
from .readings import Reading
from .samples import Samples

DEFAULT_API_KEY: Final = "sandbox-key"
PATH: Final = "/api/v1/markets/{market_id}/perps/open_interest"
MAX_LOGGED: Final = 100_000
"""How many requests ``app.state.requests`` keeps; the oldest are dropped first."""


class LoggedRequest(NamedTuple):
    """A request that the application received. Headers are not kept, so the log holds no key."""

    method: str
    path: str
    """Decoded: %3A has become a colon."""
    query: str
    """As it was sent."""
    status: int
    """Of the response; 0 if there was none."""
    at: float
    """When the request arrived, in seconds of `time.monotonic`."""


class RequestLog:
    """ASGI middleware that appends a `LoggedRequest` to ``log`` for every HTTP request, when its response starts."""

    def __init__(self, app: ASGIApp, log: deque[LoggedRequest]) -> None:
        self._app = app
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        at = time.monotonic()
        query = scope["query_string"].decode("latin-1")
        has_started = False

        def log(status: int) -> None:
            self._log.append(LoggedRequest(scope["method"], scope["path"], query, status, at))

        async def logging_send(message: Message) -> None:
            # Logged before it is sent, so that a client with the response finds its request in the log.
            nonlocal has_started
            if message["type"] == "http.response.start":
                has_started = True
                log(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, logging_send)
        finally:
            if not has_started:
                log(0)


def create_app(
    samples: Samples,
    reading: Reading | None = None,
    api_key: str = DEFAULT_API_KEY,
    endpoint: Callable[[Samples, Reading, str], SandboxEndpoint] = SandboxEndpoint,
) -> FastAPI:
    """The application over ``samples``; ``app.state.requests`` is the log of its requests.

    Raises `SandboxError` for an ``api_key`` that cannot be sent in a header.
    """
    if not api_key or not (api_key.isascii() and api_key.isprintable()) or api_key != api_key.strip():
        raise SandboxError("the API key must be printable ASCII text, not empty, without spaces around it")
    respond = endpoint(samples, reading or Reading(), api_key)
    # Only what the specification names exists: no documentation pages, no redirects to paths with a slash.
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.requests = deque[LoggedRequest](maxlen=MAX_LOGGED)
    app.add_middleware(RequestLog, log=app.state.requests)

    # Not in a thread: a response takes milliseconds, and handing it over costs a good part of one.
    @app.get(PATH)
    async def open_interest(request: Request) -> Response:
        return _to_fastapi(respond(_from_fastapi(request)))

    @app.exception_handler(HTTPException)
    async def handle_error(request: Request, error: HTTPException) -> Response:
        response = respond.error_response(error.status_code, error.detail, dict(error.headers or {}))
        return _to_fastapi(respond.compress(response, request.headers.get("accept-encoding", "")))

    return app


def _from_fastapi(request: Request) -> SandboxRequest:
    key = request.headers.get("x-api-key")
    return SandboxRequest(
        request.path_params["market_id"],
        request.scope["query_string"],
        None if key is None else key.encode("latin-1"),
        request.headers.get("accept-encoding", ""),
        request.scope.get("raw_path") or b"",
    )


def _to_fastapi(response: SandboxResponse) -> Response:
    return Response(response.body, response.status, response.headers)
