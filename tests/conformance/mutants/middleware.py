"""Changes around the whole application: for what concerns several requests, headers, or time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..clock import Clock


@dataclass
class Reply:
    """A whole response."""

    status: int
    body: bytes
    headers: dict[str, str]
    """Names in lower case."""


Handler: TypeAlias = Callable[[Scope, Callable[[Scope], Awaitable[Reply]]], Awaitable[Reply]]
"""From a request and the unchanged application to a reply."""


def around(make: Callable[[Clock], Handler]) -> Callable[[ASGIApp, Clock], ASGIApp]:
    """Middleware that calls a handler; ``make`` is called once for each application, so the handler may keep state."""

    def wrap(app: ASGIApp, clock: Clock) -> ASGIApp:
        handle = make(clock)

        async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return

            async def call_next(changed: Scope) -> Reply:
                messages: list[Message] = []

                async def collect(message: Message) -> None:
                    messages.append(message)

                await app(changed, receive, collect)
                start, *parts = messages
                headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in start["headers"]}
                return Reply(start["status"], b"".join(part.get("body", b"") for part in parts), headers)

            reply = await handle(scope, call_next)
            headers = reply.headers | {"content-length": str(len(reply.body))}
            raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
            await send({"type": "http.response.start", "status": reply.status, "headers": raw})
            await send({"type": "http.response.body", "body": reply.body})

        return wrapped

    return wrap


def edit_replies(edit: Callable[[Scope, Reply], Reply]) -> Callable[[ASGIApp, Clock], ASGIApp]:
    """Middleware that edits every reply."""

    async def handle(scope: Scope, call_next: Callable[[Scope], Awaitable[Reply]]) -> Reply:
        return edit(scope, await call_next(scope))

    return around(lambda clock: handle)


def header_of(scope: Scope, name: str) -> str:
    """A header of the request; empty if it is missing."""
    headers: dict[bytes, bytes] = dict(scope["headers"])
    return headers.get(name.encode(), b"").decode("latin-1")
