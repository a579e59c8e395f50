"""Rows of one market as columns, and the typed record that a user sees of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal, Inexact, InvalidOperation
from itertools import repeat

import msgspec

from .timestamps import Timestamps

EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[Inexact, InvalidOperation])
"""Makes of a text what ``Decimal`` makes of it, to the last digit, and a little quicker."""


class OpenInterest(msgspec.Struct, frozen=True, gc=False):
    """The open interest of one bucket.

    ``ts`` is the bucket's label as the server gives it, an aware UTC datetime on a boundary of the interval. ``oi_base`` is
    in units of the base asset and ``oi_quote_usd`` in US dollars; both are exact and keep the digits that the server wrote.
    ``provisional`` marks a bucket whose end was not in the past when it was asked for: its value may still change.
    """

    market_id: str
    ts: datetime
    oi_base: Decimal
    oi_quote_usd: Decimal
    provisional: bool = False


@dataclass(frozen=True, slots=True)
class Columns:
    """Rows of one market, ascending by ``ts`` and unique, as equally long columns.

    ``ts`` holds aware UTC datetimes, as ``Timestamps`` where they come from an answer; ``values`` one column of checked decimal
    text for each decimal field of the resource, in its order; ``provisional`` one flag a row.
    """

    ts: Sequence[datetime]
    values: tuple[list[str], ...]
    provisional: list[bool]

    @classmethod
    def empty(cls, fields: int) -> Columns:
        """No rows of a resource with so many decimal fields."""
        return cls([], tuple([] for _ in range(fields)), [])

    def __len__(self) -> int:
        return len(self.ts)

    def __getitem__(self, part: slice) -> Columns:
        return Columns(self.ts[part], tuple(column[part] for column in self.values), self.provisional[part])

    def records(self, market_id: str) -> Iterator[OpenInterest]:
        """Each row as a record, made as it is asked for."""
        base, quote = (map(EXACT.create_decimal, column) for column in self.values)
        return map(OpenInterest, repeat(market_id), self.ts, base, quote, self.provisional)


class ColumnsBuilder:
    """Columns that grow part by part. Each part is taken over while its text is still at hand, which costs least."""

    def __init__(self, fields: int, width: int) -> None:
        """No rows yet, of a resource with so many decimal fields, in buckets of ``width`` microseconds."""
        self._width = width
        self._labels: list[Timestamps] = []
        self._values: tuple[list[str], ...] = tuple([] for _ in range(fields))
        self._provisional: list[bool] = []

    def add(self, part: Columns) -> None:
        """Append rows that come behind all rows so far."""
        self._labels.append(part.ts if isinstance(part.ts, Timestamps) else Timestamps.of(part.ts, self._width))
        self._provisional.extend(part.provisional)
        for column, more in zip(self._values, part.values, strict=True):
            column.extend(more)

    def columns(self) -> Columns:
        """All rows so far."""
        return Columns(Timestamps.joined(self._labels, self._width), self._values, self._provisional)
