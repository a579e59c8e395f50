"""httpx transports in place of the client's connections, for scripted responses and for vcrpy."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import httpx

from allium_market_data.client.http import BrokenError


@dataclass
class Adapted:
    """Sends requests through an httpx transport."""

    transport: httpx.AsyncBaseTransport

    async def get(self, url: str, headers: Callable[[], Mapping[str, str]]) -> AdaptedResponse:
        try:
            response = await self.transport.handle_async_request(httpx.Request("GET", url, headers=dict(headers())))
        except httpx.TimeoutException as error:
            raise TimeoutError from error
        except httpx.HTTPError as error:
            raise BrokenError(f"{type(error).__name__}: {error}") from error
        return AdaptedResponse(response)

    async def close(self) -> None:
        await self.transport.aclose()


@dataclass
class AdaptedResponse:
    """A response of an httpx transport."""

    response: httpx.Response

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def headers(self) -> Mapping[str, str]:
        return self.response.headers

    async def parts(self) -> AsyncIterator[bytes]:
        try:
            async for part in cast("httpx.AsyncByteStream", self.response.stream):
                yield part
        except httpx.HTTPError as error:
            raise BrokenError(f"{type(error).__name__}: {error}") from error

    async def close(self) -> None:
        await self.response.aclose()


def scripted(handler: Callable[[httpx.Request], Any]) -> Adapted:
    """A server that is a function."""
    return Adapted(httpx.MockTransport(handler))
