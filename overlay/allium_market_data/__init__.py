"""Perpetual open interest from Allium's Market Data API: exact decimals, any window, complete or an error.

An unofficial client. ``MarketData`` (or ``AsyncMarketData``) is where to begin::

    from allium_market_data import MarketData

    with MarketData() as client:  # the key comes from ALLIUM_API_KEY
        series = client.open_interest("hl:perp:BTC-USDC", interval="1h", start="2026-05-01", end="2026-05-08")

Names are imported when they are first used, so that importing the package stays cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .alignment import Aligned, Total, align, totals
    from .charts import plot
    from .client import AsyncMarketData, MarketData
    from .dense import DenseRow, DenseSeries
    from .errors import (
        AlliumError,
        AuthenticationError,
        BudgetError,
        CertificateError,
        ConnectionFailedError,
        ContractError,
        DeadlineExceededError,
        FetchError,
        IncompleteError,
        NotFoundError,
        OutputError,
        PermissionDeniedError,
        PrecisionError,
        RateLimitedError,
        RefusedError,
        RequestTimeoutError,
        ResponseError,
        ServerError,
        StoreError,
        TransportError,
        UnexpectedStatusError,
        UsageError,
    )
    from .intervals import INTERVALS, Interval
    from .provenance import Provenance
    from .retry import RetryPolicy
    from .rows import OpenInterest
    from .series import Gap, OpenInterestSeries
    from .version import __version__
    from .windows import Plan, Window

_HOME = {
    "alignment": ("Aligned", "Total", "align", "totals"),
    "charts": ("plot",),
    "client": ("AsyncMarketData", "MarketData"),
    "dense": ("DenseRow", "DenseSeries"),
    "errors": (
        "AlliumError",
        "AuthenticationError",
        "BudgetError",
        "CertificateError",
        "ConnectionFailedError",
        "ContractError",
        "DeadlineExceededError",
        "FetchError",
        "IncompleteError",
        "NotFoundError",
        "OutputError",
        "PermissionDeniedError",
        "PrecisionError",
        "RateLimitedError",
        "RefusedError",
        "RequestTimeoutError",
        "ResponseError",
        "ServerError",
        "StoreError",
        "TransportError",
        "UnexpectedStatusError",
        "UsageError",
    ),
    "intervals": ("INTERVALS", "Interval"),
    "provenance": ("Provenance",),
    "retry": ("RetryPolicy",),
    "rows": ("OpenInterest",),
    "series": ("Gap", "OpenInterestSeries"),
    "version": ("__version__",),
    "windows": ("Plan", "Window"),
}
_MODULES = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "INTERVALS",
    "Aligned",
    "AlliumError",
    "AsyncMarketData",
    "AuthenticationError",
    "BudgetError",
    "CertificateError",
    "ConnectionFailedError",
    "ContractError",
    "DeadlineExceededError",
    "DenseRow",
    "DenseSeries",
    "FetchError",
    "Gap",
    "IncompleteError",
    "Interval",
    "MarketData",
    "NotFoundError",
    "OpenInterest",
    "OpenInterestSeries",
    "OutputError",
    "PermissionDeniedError",
    "Plan",
    "PrecisionError",
    "Provenance",
    "RateLimitedError",
    "RefusedError",
    "RequestTimeoutError",
    "ResponseError",
    "RetryPolicy",
    "ServerError",
    "StoreError",
    "Total",
    "TransportError",
    "UnexpectedStatusError",
    "UsageError",
    "Window",
    "__version__",
    "align",
    "plot",
    "totals",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{_MODULES[name]}", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
