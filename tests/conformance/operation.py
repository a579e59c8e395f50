"""The operation under test: its contract, as generated from the specification, and the intervals that a test asks for."""

from __future__ import annotations

import importlib
from operator import attrgetter
from typing import Final, cast

from allium_market_data.model.intervals import DAY, WIDTHS, Interval
from allium_market_data_wire.contract import Operation

DEFAULT: Final = "allium_market_data_wire.contract:OPEN_INTEREST"
"""The operation whose page is published."""
_FEW_ROWS: Final = 100


def load(name: str) -> Operation:
    """The operation that ``name`` (``module:constant``) holds. Raises `ValueError` if there is none."""
    module, _, constant = name.partition(":")
    try:
        operation = attrgetter(constant)(importlib.import_module(module))
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"{name!r} is not an operation: {error}") from None
    if type(operation).__name__ != Operation.__name__:  # each generated package has a class of its own
        raise ValueError(f"{name!r} is not an operation but {operation!r}")
    return cast("Operation", operation)


def intervals(operation: Operation) -> tuple[Interval, ...]:
    """The intervals of an operation, ascending."""
    return tuple(sorted(operation.intervals, key=lambda interval: WIDTHS[interval]))


def inner(operation: Operation) -> tuple[Interval, ...]:
    """Two intervals that are neither the finest nor the coarsest, if there are enough."""
    ascending = intervals(operation)
    return tuple(dict.fromkeys((ascending[len(ascending) // 3], ascending[2 * len(ascending) // 3])))


def outer(operation: Operation) -> tuple[Interval, ...]:
    """The finest, a middle and the coarsest interval."""
    ascending = intervals(operation)
    return tuple(dict.fromkeys((ascending[0], ascending[len(ascending) // 2], ascending[-1])))


def middle(operation: Operation) -> Interval:
    """The coarsest interval with a hundred buckets in half a day; the finest one if none has."""
    ascending = intervals(operation)
    return [ascending[0], *(name for name in ascending if DAY // 2 // WIDTHS[name] >= _FEW_ROWS)][-1]


def longest(operation: Operation, interval: Interval) -> int:
    """The longest window that fits into one response, whole."""
    return min(operation.window_cap, operation.limit_maximum * WIDTHS[interval])
