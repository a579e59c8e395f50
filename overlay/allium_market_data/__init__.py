"""Perpetual open interest from Allium's Market Data API: exact decimals over any window, complete or an error.

An unofficial client. Start with ``MarketData`` (or ``AsyncMarketData``)::

    from allium_market_data import MarketData

    with MarketData() as client:  # the API key comes from ALLIUM_API_KEY
        series = client.open_interest("hl:perp:BTC-USDC", interval="1h", start="2026-05-01", end="2026-05-08")

All errors are in ``allium_market_data.errors``. A name is imported when it is first used, so that importing the package is
fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .client.async_client import AsyncMarketData as AsyncMarketData
    from .client.progress import FetchProgress as FetchProgress
    from .client.retry import RetryPolicy as RetryPolicy
    from .client.sync_client import MarketData as MarketData
    from .errors import AlliumError as AlliumError
    from .model.intervals import INTERVALS as INTERVALS
    from .model.intervals import Interval as Interval
    from .model.rows import OpenInterest as OpenInterest
    from .model.windows import Plan as Plan
    from .series.align import align as align
    from .series.align import totals as totals
    from .series.concat import concat as concat
    from .series.generic import Series as Series
    from .series.plot import plot as plot
    from .series.series import OpenInterestSeries as OpenInterestSeries
    from .version import __version__ as __version__

# The same names again, for importing them when they are used; tests/typing compares the two.
_MODULES = {
    "INTERVALS": "model.intervals",
    "AlliumError": "errors",
    "AsyncMarketData": "client.async_client",
    "FetchProgress": "client.progress",
    "Interval": "model.intervals",
    "MarketData": "client.sync_client",
    "OpenInterest": "model.rows",
    "OpenInterestSeries": "series.series",
    "Plan": "model.windows",
    "RetryPolicy": "client.retry",
    "Series": "series.generic",
    "__version__": "version",
    "align": "series.align",
    "concat": "series.concat",
    "plot": "series.plot",
    "totals": "series.align",
}

__all__ = list(_MODULES)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{_MODULES[name]}", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
