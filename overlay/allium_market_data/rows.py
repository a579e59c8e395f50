"""Rows of one market as columns, and the typed record that a user sees of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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

    ``ts`` holds aware UTC datetimes; ``values`` one column of checked decimal text for each decimal field of the resource,
    in its order; ``provisional`` one flag a row.
    """

    ts: list[datetime]
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
        base, quote = self.values
        for ts, b, q, provisional in zip(self.ts, base, quote, self.provisional, strict=True):
            yield OpenInterest(market_id, ts, Decimal(b), Decimal(q), provisional)


def concat(parts: Sequence[Columns], fields: int) -> Columns:
    """The rows of all parts, one after the other."""
    whole = Columns.empty(fields)
    for part in parts:
        whole.ts.extend(part.ts)
        whole.provisional.extend(part.provisional)
        for column, more in zip(whole.values, part.values, strict=True):
            column.extend(more)
    return whole
