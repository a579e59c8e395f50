"""httpx transports in place of the client's connections: scripted answers, and what vcrpy records."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import httpx

from allium_market_data.client.http import BrokenError


@dataclass
class Adapted:
    """Asks through an httpx transport."""

    transport: httpx.AsyncBaseTransport

    async def get(self, url: str, headers: Callable[[], Mapping[str, str]]) -> AdaptedAnswer:
        try:
            answer = await self.transport.handle_async_request(httpx.Request("GET", url, headers=dict(headers())))
        except httpx.TimeoutException as error:
            raise TimeoutError from error
        except httpx.HTTPError as error:
            raise BrokenError(f"{type(error).__name__}: {error}") from error
        return AdaptedAnswer(answer)

    async def close(self) -> None:
        await self.transport.aclose()


@dataclass
class AdaptedAnswer:
    """An answer of an httpx transport."""

    answer: httpx.Response

    @property
    def status(self) -> int:
        return self.answer.status_code

    @property
    def headers(self) -> Mapping[str, str]:
        return self.answer.headers

    async def parts(self) -> AsyncIterator[bytes]:
        try:
            async for part in cast("httpx.AsyncByteStream", self.answer.stream):
                yield part
        except httpx.HTTPError as error:
            raise BrokenError(f"{type(error).__name__}: {error}") from error

    async def close(self) -> None:
        await self.answer.aclose()


def scripted(handler: Callable[[httpx.Request], Any]) -> Adapted:
    """A server that is a function."""
    return Adapted(httpx.MockTransport(handler))
