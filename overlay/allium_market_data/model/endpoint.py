"""An endpoint that answers a window with rows: its contract, as generated from the specification, and its record.

Planning, decoding, fetching and every format read what they need to know about the endpoint from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from allium_market_data_wire import contract
from allium_market_data_wire.contract import Operation

from .rows import OpenInterest


@dataclass(frozen=True)
class Endpoint:
    """One endpoint. ``record`` is the class of a row: market_id, ts, the decimal columns in order, and provisional."""

    operation: Operation
    record: type[Any]

    @property
    def name(self) -> str:
        """The name of the operation, such as ``open_interest``."""
        return self.operation.name

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The decimal columns, in order."""
        return tuple(field.column for field in self.operation.decimals)

    @cached_property
    def signed(self) -> tuple[bool, ...]:
        """Whether each decimal column may be negative."""
        return tuple(field.is_signed for field in self.operation.decimals)


OPEN_INTEREST: Final = Endpoint(contract.OPEN_INTEREST, OpenInterest)

ENDPOINTS: Final = (OPEN_INTEREST,)
"""Every endpoint of the clients."""
