"""A table of history: years of open interest of many markets in Delta Lake, filled, topped up, checked and followed.

``backfill`` fills it and goes on where it ended, ``update`` tops it up and finds restatements, ``status`` says what is
there, ``verify`` compares a sample with the server, ``Watch`` follows live, ``compact`` puts small files together,
``Table.series`` gives rows back as a series::

    from allium_market_data.store import Table, backfill, update

    backfill(["hl:perp:BTC-USDC", "hl:perp:ETH-USDC"], "1m", "2024-01-01", "2026-05-01", "oi")
    update("oi")
    Table("oi").series("hl:perp:BTC-USDC", "1m", "2026-04-01", "2026-05-01").resample("1h")

Needs the extra ``store``.
"""

from __future__ import annotations

from .backfill import backfill
from .compaction import Compacted, compact
from .coverage import Coverage
from .merge import Amended
from .runner import Progress
from .status import Standing, status
from .table import Table
from .update import update
from .verify import Verified, verify
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
