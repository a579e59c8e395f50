"""Requests to a sandbox and their rows, with the names that the contract gives."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from allium_market_data.model.times import micros
from allium_market_data_wire.contract import OPEN_INTEREST, Operation


def path_of(market: str, operation: Operation = OPEN_INTEREST) -> str:
    """The path of a market, which is not percent-encoded."""
    return operation.path.replace(f"{{{operation.market_parameter}}}", market)


def parameters_for(
    interval: str | None = None,
    start: str | None = None,
    end: str | None = None,
    limit: object = None,
    operation: Operation = OPEN_INTEREST,
) -> dict[str, str]:
    """The parameters of a query, without those that are None and those that the operation does not have."""
    values = {
        operation.interval_parameter: interval,
        operation.start_parameter: start,
        operation.end_parameter: end,
        operation.limit_parameter: None if limit is None else str(limit),
    }
    return {name: value for name, value in values.items() if name is not None and value is not None}


def label_of(item: dict[str, Any], operation: Operation = OPEN_INTEREST) -> int:
    """The timestamp of a row, in microseconds. Raises `ValueError` for another format than the contract's."""
    label = item[operation.timestamp_field]
    if operation.timestamp_format == "epoch-milliseconds":
        if type(label) is not int:
            raise ValueError(f"{label!r} is not a whole number")
        return label * 1000
    return micros(datetime.fromisoformat(label))
