"""A table of history: years of open interest of many markets in Delta Lake, filled, topped up, checked and followed.

``backfill`` fills it and goes on where it ended, ``update`` tops it up and finds restatements, ``status`` says what is
there, ``verify`` compares a sample with the server, ``Watch`` follows live::

    from allium_market_data.store import backfill, update

    backfill(["hl:perp:BTC-USDC", "hl:perp:ETH-USDC"], "1m", "2024-01-01", "2026-05-01", "oi")
    update("oi")

Needs the extra ``store``; names load when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .amend import Amended
    from .checking import Verified, verify
    from .coverage import Coverage
    from .filling import Progress, backfill
    from .standing import Standing, status
    from .table import Table
    from .topping import update
    from .watch import Watch

__all__ = [
    "Amended",
    "Coverage",
    "Progress",
    "Standing",
    "Table",
    "Verified",
    "Watch",
    "backfill",
    "status",
    "update",
    "verify",
]

_HOMES = {
    "Amended": "amend",
    "Coverage": "coverage",
    "Progress": "filling",
    "Standing": "standing",
    "Table": "table",
    "Verified": "checking",
    "Watch": "watch",
    "backfill": "filling",
    "status": "standing",
    "update": "topping",
    "verify": "checking",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
