"""A server that answers an error for some markets, or for some windows of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from threading import Event
from typing import Any
from urllib.parse import parse_qs

from support import wire
from support.exchange import Exchange


@dataclass
class Failing:
    """ASGI: answers ``status`` to requests of the markets that start in ``span``, while ``is_failing``."""

    app: Any
    markets: Iterable[str]
    status: int = 500
    span: tuple[str, str] = ("", "9999")
    is_failing: bool = True
    until: Event | None = None
    """Each failing request is answered after this."""
    requests: list[str] = field(default_factory=list)
    """The paths of the requests that failed."""

    @property
    def state(self) -> Any:
        return self.app.state

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        (start,) = parse_qs(scope["query_string"].decode())[wire.START]
        is_chosen = any(market in scope["path"] for market in self.markets) and self.span[0] <= start < self.span[1]
        if not (self.is_failing and is_chosen):
            await self.app(scope, receive, send)
            return
        self.requests.append(scope["path"])
        while self.until and not self.until.is_set():  # noqa: ASYNC110 - set by another thread
            await asyncio.sleep(0.01)
        await send({"type": "http.response.start", "status": self.status, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})


def fail(
    exchange: Exchange, markets: Iterable[str], status: int = 500, span: tuple[str, str] = ("", "9999")
) -> Failing:
    """Let the exchange fail for the markets from now on."""
    exchange.app = failing = Failing(exchange.app, markets, status, span)
    return failing
