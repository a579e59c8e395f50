"""A table of history: years of open interest of many markets in Delta Lake, filled, topped up, checked and followed.

``backfill`` fills it and goes on where it ended, ``update`` tops it up and finds restatements, ``status`` says what is
there, ``verify`` compares a sample with the server, ``Watch`` follows live, ``compact`` puts small files together,
``Table.series`` gives rows back as a series::

    from allium_market_data.store import Table, backfill, update

    backfill(["hl:perp:BTC-USDC", "hl:perp:ETH-USDC"], "1m", "2024-01-01", "2026-05-01", "oi")
    update("oi")
    Table("oi").series("hl:perp:BTC-USDC", "1m", "2026-04-01", "2026-05-01").resample("1h")

Needs the extra ``store``; names load when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .amend import Amended
    from .checking import Verified, verify
    from .compaction import Compacted, compact
    from .coverage import Coverage
    from .filling import backfill
    from .gathering import Progress
    from .standing import Standing, status
    from .table import Table
    from .topping import update
    from .watch import Watch

__all__ = [
    "Amended",
    "Compacted",
    "Coverage",
    "Progress",
    "Standing",
    "Table",
    "Verified",
    "Watch",
    "backfill",
    "compact",
    "status",
    "update",
    "verify",
]

_HOMES = {
    "Amended": "amend",
    "Compacted": "compaction",
    "Coverage": "coverage",
    "Progress": "gathering",
    "Standing": "standing",
    "Table": "table",
    "Verified": "checking",
    "Watch": "watch",
    "backfill": "filling",
    "compact": "compaction",
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
