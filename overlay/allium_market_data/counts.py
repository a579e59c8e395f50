"""Counts in messages."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """``1 row``, ``2 rows``, ``1,000 rows``. The noun is in the singular; its plural only adds an s."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
