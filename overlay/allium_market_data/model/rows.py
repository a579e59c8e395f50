"""Rows of one market as columns, and the typed record of each row."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, make_dataclass
from datetime import datetime
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal, Inexact, InvalidOperation
from functools import cache
from itertools import repeat
from typing import Any, ClassVar, TypeVar

import msgspec

from .timestamps import Timestamps

R = TypeVar("R")

PLAIN_DECIMAL = re.compile(r"[0-9]+(\.[0-9]+)?")
"""A plain decimal: digits, optionally followed by a point and more digits. No sign, exponent, grouping or space."""

SIGNED_DECIMAL = re.compile("-?" + PLAIN_DECIMAL.pattern)
"""A plain decimal that may begin with a minus."""

EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[Inexact, InvalidOperation])
"""Decimal arithmetic that keeps every digit: a result that had to be rounded would be an error."""


class _OfDataclass:
    """An attribute that a record has in common with the dataclass of the same fields: see ``dataclasses.is_dataclass``."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, record: Record | None, kind: type[Record]) -> Any:
        return getattr(_as_dataclass(kind), self._name)


@cache
def _as_dataclass(kind: type[Record]) -> type:
    fields = msgspec.structs.fields(kind)
    required = [(each.name, each.type) for each in fields if each.required]
    optional = [(each.name, each.type, field(default=each.default)) for each in fields if not each.required]
    return make_dataclass(kind.__name__, [*required, *optional], frozen=True)


class Record(msgspec.Struct, frozen=True, gc=False):
    """A row of one endpoint: market_id, ts, its decimal fields in their order, and provisional.

    A subclass declares the fields. Records are structs, which are created twice as fast as tuples with names, and work as
    dataclasses do: ``dataclasses.asdict``, ``astuple`` and ``replace`` take them, and so does ``pandas.DataFrame``.
    """

    __dataclass_fields__: ClassVar[Any] = _OfDataclass()
    __dataclass_params__: ClassVar[Any] = _OfDataclass()


class OpenInterest(Record, frozen=True, gc=False):
    """The open interest of one bucket.

    ``ts`` is the label that the server gives the bucket, an aware UTC datetime on a boundary of the interval. ``oi_base`` is
    in units of the base asset and ``oi_quote_usd`` in US dollars; both are exact and keep the digits that the server wrote.
    ``provisional`` marks a bucket that had not ended when it was requested: its value may still change.
    """

    market_id: str
    ts: datetime
    oi_base: Decimal
    oi_quote_usd: Decimal
    provisional: bool = False


@dataclass(frozen=True, slots=True)
class Columns:
    """Rows of one market, ascending by ``ts`` and unique, as columns of equal length.

    ``ts`` holds aware UTC datetimes, as ``Timestamps`` if they come from a response; ``values`` holds a column of checked
    decimal text for each decimal field of the endpoint, in its order; ``provisional`` holds one flag for each row.
    """

    ts: Sequence[datetime]
    values: tuple[list[str], ...]
    provisional: list[bool]

    @classmethod
    def empty(cls, fields: int) -> Columns:
        """No rows of an endpoint with ``fields`` decimal fields."""
        return cls([], tuple([] for _ in range(fields)), [])

    def __len__(self) -> int:
        return len(self.ts)

    def __getitem__(self, part: slice) -> Columns:
        return Columns(self.ts[part], tuple(column[part] for column in self.values), self.provisional[part])

    def records(self, market_id: str, record: Callable[..., R]) -> Iterator[R]:
        """The rows as records of the class ``record``, each created on iteration."""
        decimals = (map(EXACT.create_decimal, column) for column in self.values)  # a little faster than Decimal
        return map(record, repeat(market_id), self.ts, *decimals, self.provisional)


class ColumnsBuilder:
    """Collects columns page by page. Copying each page at once costs least, as its text is still in the caches."""

    def __init__(self, fields: int, width: int) -> None:
        """No rows yet, of an endpoint with ``fields`` decimal fields and buckets of ``width`` microseconds."""
        self._width = width
        self._timestamps: list[Timestamps] = []
        self._values: tuple[list[str], ...] = tuple([] for _ in range(fields))
        self._provisional: list[bool] = []

    def add(self, page: Columns) -> None:
        """Append rows that follow all rows so far."""
        self._timestamps.append(page.ts if isinstance(page.ts, Timestamps) else Timestamps.of(page.ts, self._width))
        self._provisional.extend(page.provisional)
        for column, more in zip(self._values, page.values, strict=True):
            column.extend(more)

    def build(self) -> Columns:
        """All rows so far."""
        return Columns(Timestamps.joined(self._timestamps, self._width), self._values, self._provisional)
