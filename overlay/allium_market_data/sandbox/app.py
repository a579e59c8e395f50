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
from .endpoint import Answer, Call, SandboxEndpoint
from .readings import Reading
from .samples import Samples

DEFAULT_API_KEY: Final = "sandbox-key"
PATH: Final = "/api/v1/markets/{market_id}/perps/open_interest"
MAX_LOGGED: Final = 100_000
"""How many requests ``app.state.requests`` remembers; the oldest are forgotten first."""


class Requested(NamedTuple):
    """A request that the application saw. Headers are not kept, so no key is."""

    method: str
    path: str
    """Decoded: %3A has become a colon."""
    query: str
    """As it was sent."""
    status: int
    """Of the answer; 0 if there was none."""
    at: float
    """When the request came, in seconds of `time.monotonic`."""


class RequestLog:
    """ASGI middleware that appends a `Requested` to ``log`` for every HTTP request, when its answer begins."""

    def __init__(self, app: ASGIApp, log: deque[Requested]) -> None:
        self._app = app
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        at = time.monotonic()
        query = scope["query_string"].decode("latin-1")
        answered = False

        def note(status: int) -> None:
            self._log.append(Requested(scope["method"], scope["path"], query, status, at))

        async def noting(message: Message) -> None:
            # Before it is sent: whoever has the answer finds the request in the log.
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = True
                note(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            if not answered:
                note(0)


def create_app(
    samples: Samples,
    reading: Reading | None = None,
    api_key: str = DEFAULT_API_KEY,
    endpoint: Callable[[Samples, Reading, str], SandboxEndpoint] = SandboxEndpoint,
) -> FastAPI:
    """The application over ``samples``; ``app.state.requests`` is the log of its requests.

    Raises `SandboxError` for an ``api_key`` that no header can carry.
    """
    if not api_key or not (api_key.isascii() and api_key.isprintable()) or api_key != api_key.strip():
        raise SandboxError("the API key must be printable ASCII text without spaces around it, and not empty")
    serve = endpoint(samples, reading or Reading(), api_key)
    # Only what the specification names is there: no documentation pages, no redirects to paths with a slash.
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.requests = deque[Requested](maxlen=MAX_LOGGED)
    app.add_middleware(RequestLog, log=app.state.requests)

    # Not in a thread: an answer takes milliseconds, and handing it over costs a good part of one.
    @app.get(PATH)
    async def open_interest(request: Request) -> Response:
        headers = request.headers
        key = headers.get("x-api-key")
        call = Call(
            request.path_params["market_id"],
            request.scope["query_string"],
            None if key is None else key.encode("latin-1"),
            headers.get("accept-encoding", ""),
            request.scope.get("raw_path") or b"",
        )
        return _response(serve(call))

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        answer = serve.refuse(error.status_code, error.detail, dict(error.headers or {}))
        return _response(serve.compress(answer, request.headers.get("accept-encoding", "")))

    return app


def _response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, answer.headers)
