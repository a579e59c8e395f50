"""A table of history: years of open interest of many markets in Delta Lake, filled, topped up, checked and followed.

``backfill`` fills it and goes on where it ended, ``update`` tops it up and finds restatements, ``status`` says what is
there, ``verify`` compares a sample with the server, ``watch`` follows live. Needs the extra ``store``.
"""

from __future__ import annotations

from .backfill import Progress, backfill
from .coverage import Coverage
from .table import Table

__all__ = ["Coverage", "Progress", "Table", "backfill"]
