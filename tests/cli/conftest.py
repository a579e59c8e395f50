"""The fixtures of tests/cli."""

from __future__ import annotations

from support.exchange import client, exchange, exchange_router
from support.tables import table

__all__ = ["client", "exchange", "exchange_router", "table"]
