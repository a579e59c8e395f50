"""How requests for open interest look on the wire, as the contract says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from urllib.parse import quote, urlencode

from allium_market_data_wire.contract import OPEN_INTEREST

START: Final = OPEN_INTEREST.start_parameter
END: Final = OPEN_INTEREST.end_parameter
LIMIT: Final = OPEN_INTEREST.limit_parameter
INTERVAL: Final = OPEN_INTEREST.interval_parameter or ""
MAXIMUM: Final = OPEN_INTEREST.limit_maximum


def path(market_id: str, *, safe: str = "") -> str:
    """The path of a market."""
    return OPEN_INTEREST.path.replace(f"{{{OPEN_INTEREST.market_parameter}}}", quote(market_id, safe=safe))


def params(interval: str, start: str, end: str, limit: int = MAXIMUM) -> dict[str, str | int]:
    """The query of a window."""
    return {INTERVAL: interval, START: start, END: end, LIMIT: limit}


def target(market_id: str, interval: str, start: str, end: str, limit: int = MAXIMUM) -> str:
    """The path and query of a window."""
    return f"{path(market_id, safe=':')}?{urlencode(params(interval, start, end, limit))}"


def window(query: Mapping[str, str]) -> tuple[datetime, datetime]:
    """The window that a query asks for."""
    return datetime.fromisoformat(query[START]), datetime.fromisoformat(query[END])
