"""Endpoints whose contract differs from the published one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from allium_market_data.model.endpoint import OPEN_INTEREST, Endpoint


def changed(**changes: Any) -> Endpoint:
    """Open interest with changes of its operation."""
    return Endpoint(replace(OPEN_INTEREST.operation, **changes), OPEN_INTEREST.record)
