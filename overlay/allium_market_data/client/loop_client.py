"""The asynchronous client on the loop of a ``MarketData``, with what the store needs and users do not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Self

from ..model.endpoint import Endpoint
from ..model.intervals import Interval
from ..series.generic import Series
from ..series.series import series_class
from .async_client import AsyncMarketData
from .plan import plan
from .series_fetch import start_call
from .settings import Settings


class LoopClient(AsyncMarketData):
    """An ``AsyncMarketData`` that can be cloned and has clocks."""

    @property
    def settings(self) -> Settings:
        """The settings of this client. Nothing shows the key in them."""
        return self._settings

    def now(self) -> datetime:
        """The time that decides which buckets are provisional, UTC."""
        return self._clock()

    def server_time(self) -> datetime | None:
        """When the last response was sent, by the server's clock, UTC; None if unknown."""
        return None if self._transport is None else self._transport.server_time

    async def series(
        self, endpoint: Endpoint, market: str, interval: Interval, start: datetime, end: datetime
    ) -> Series[Any]:
        """Every row of the market at an endpoint with start <= ts < end. Raises as ``open_interest`` does."""
        requests = plan(endpoint, interval, start, end)
        return await self._series_fetch(
            endpoint, series_class(endpoint), market, requests, start_call(None)
        ).fetch_all()

    def clone(self, before_request: Callable[[], Awaitable[None]] | None = None) -> Self:
        """A client with the same settings and connections of its own. Awaits ``before_request`` before each request."""
        client = self._from_settings(self._settings)
        client._http, client._clock, client._before_request = self._http, self._clock, before_request
        return client
