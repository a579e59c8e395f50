"""Years of open interest of many markets in a Delta Lake table.

``backfill`` fills a table and resumes where it stopped, ``update`` brings it up to now and finds restatements, ``status``
lists what it holds, ``verify`` compares a sample with the server, ``Watch`` follows markets live, ``compact`` merges small
files, and ``Table.series`` reads rows back as a series::

    from allium_market_data.store import Table, backfill, update

    backfill(["hl:perp:BTC-USDC", "hl:perp:ETH-USDC"], "1m", "2024-01-01", "2026-05-01", "oi")
    update("oi")
    Table("oi").series("hl:perp:BTC-USDC", "1m", "2026-04-01", "2026-05-01").resample("1h")

Needs the extra ``store``. README.md in this folder explains how a table works.
"""

from __future__ import annotations

from .backfill import backfill
from .compaction import CompactionResult, compact
from .coverage import Coverage
from .failures import MarketFailure
from .files import FileProblem, check_files
from .markets import forget, retire
from .merge import UpdateResult
from .recheck import recheck_gaps
from .runner import Progress
from .status import SeriesStatus, status
from .table import Table
from .update import update
from .verify import VerifyResult, verify
from .watch import Watch

__all__ = [
    "CompactionResult",
    "Coverage",
    "FileProblem",
    "MarketFailure",
    "Progress",
    "SeriesStatus",
    "Table",
    "UpdateResult",
    "VerifyResult",
    "Watch",
    "backfill",
    "check_files",
    "compact",
    "forget",
    "recheck_gaps",
    "retire",
    "status",
    "update",
    "verify",
]
