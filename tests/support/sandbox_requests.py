"""Requests to a sandbox, with the names that the contract gives to path and parameters."""

from __future__ import annotations

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
