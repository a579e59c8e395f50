"""A client of a market whose rows begin at one instant, for tests of the search without a server."""

from __future__ import annotations

import asyncio
from datetime import datetime
from types import SimpleNamespace
from typing import Any, cast

from allium_market_data.client.loop_client import LoopClient
from allium_market_data.model.endpoint import Endpoint
from allium_market_data.model.intervals import WIDTHS, Interval, ceil, floor
from allium_market_data.model.times import from_micros, micros
from allium_market_data.store.coverage import SeriesKey
from allium_market_data.store.first_row import _search
from allium_market_data.store.spans import Span


class ListedClient:
    """Has a sample at each minute from ``listed`` on, in microseconds."""

    def __init__(self, listed: int) -> None:
        self.listed, self.calls = listed, 0

    async def series(self, _: Endpoint, market: str, interval: Interval, start: datetime, end: datetime) -> Any:
        self.calls += 1
        width = WIDTHS[interval]
        first = max(floor(self.listed, width), ceil(micros(start), width))
        return _Rows(from_micros(at) for at in range(first, micros(end), width))

    def search(self, key: SeriesKey, span: Span) -> tuple[int | None, int]:
        """Where the rows begin, and the number of calls."""
        return asyncio.run(_search(cast("LoopClient", self), key, span)), self.calls


class _Rows(list[datetime]):
    @property
    def columns(self) -> SimpleNamespace:
        return SimpleNamespace(ts=list(self))
