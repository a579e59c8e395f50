"""A market of the sandbox and the source of its samples."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Literal, TypeAlias

Kind: TypeAlias = Literal["real", "synthetic", "file"]
"""Where samples come from: bundled measurements, a seeded generator, or the user's files."""

Sample: TypeAlias = tuple[Any, ...]
"""Time in microseconds since 1970 (int, UTC), then the amounts as plain decimal text (str)."""

_BATCH: Final = 50_000


@dataclass(frozen=True)
class Eras:
    """A history that grows with time, made in eras of the same length. Times are in microseconds.

    ``fill(connection, table, era)`` inserts the samples of an era, counted from 0. Each era but the first has a sample
    at its very start, so that the last sample of the era before it has a known successor.
    """

    start: int
    length: int
    fill: Callable[[Any, str, int], None]

    def era_of(self, instant: int) -> int:
        """The era that contains ``instant``; 0 for an instant before ``start``."""
        return max(instant - self.start, 0) // self.length

    def end_of(self, era: int) -> int:
        """The exclusive end of an era."""
        return self.start + (era + 1) * self.length


@dataclass(frozen=True)
class Source:
    """One market: ``fill(connection, table)`` inserts its samples as `Sample`, in loading order.

    A history that grows with time has `Eras` instead; each of its samples appears when its time has come. The amounts
    are those of ``columns``, or all of the operation's in its order.
    """

    market_id: str
    kind: Kind
    note: str
    fill: Callable[[Any, str], None] | Eras
    columns: tuple[str, ...] | None = None

    @property
    def perpetual(self) -> bool:
        """True for a perpetual, according to the identifier: {venue}:{instrument_type}:{pair}."""
        return self.market_id.split(":")[1:2] == ["perp"]


def insert(connection: Any, table: str, rows: Iterable[tuple[object, ...]], types: tuple[str, ...]) -> None:
    """Append ``rows`` to ``table``, whose columns have these ``types``.

    Each column is passed as one list: DuckDB is hundreds of times slower row by row.
    """
    iterator = iter(rows)
    values = ", ".join(f"unnest(?::{kind}[])" for kind in types)
    while batch := list(islice(iterator, _BATCH)):
        columns = [list(column) for column in zip(*batch, strict=True)]
        connection.execute(f"INSERT INTO {table} SELECT {values}", columns)
