"""The log of an application's requests, and the lines of an access log. Neither has an API key."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, quote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LONGEST: Final = 60


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
    """ASGI middleware that appends a `LoggedRequest` to ``log`` for every HTTP request, when its response starts.

    ``on_end`` is called with the request and the seconds that it took when its response is complete.
    """

    def __init__(
        self, app: ASGIApp, log: deque[LoggedRequest], on_end: Callable[[LoggedRequest, float], object] | None = None
    ) -> None:
        self._app = app
        self._log = log
        self._on_end = on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        query = scope["query_string"].decode("latin-1")
        request = LoggedRequest(scope["method"], scope["path"], query, 0, time.monotonic())
        has_started = False

        async def logging_send(message: Message) -> None:
            # Logged before it is sent, so that a client with the response finds its request in the log.
            nonlocal has_started, request
            if message["type"] == "http.response.start":
                has_started = True
                request = request._replace(status=message["status"])
                self._log.append(request)
            await send(message)

        try:
            await self._app(scope, receive, logging_send)
        finally:
            if not has_started:
                self._log.append(request)
            if self._on_end is not None:
                self._on_end(request, time.monotonic() - request.at)


def access_line(
    request: tuple[str, str, str], outcome: str, seconds: float, parameters: Collection[str], api_key: str
) -> str:
    """One line about a request, which is method, path and query.

    A part of the path or a value that is the ``api_key`` is shown as ``[key]``. Other parameters than ``parameters``
    are shown as ``...``: people put keys there.
    """
    method, path, query = request

    def shown(text: str) -> str:
        short = text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
        return "[key]" if text == api_key else quote(short, ":+", errors="replace")

    pairs = parse_qsl(query, keep_blank_values=True, errors="replace")
    values = [f"{name}={shown(value)}" if name in parameters else "..." for name, value in pairs]
    target = "/".join(shown(part) for part in path.split("/")) + ("?" + "&".join(values) if values else "")
    return f"{quote(method)} {target} {outcome} {seconds * 1000:.1f} ms"
