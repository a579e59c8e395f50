"""A market of the sandbox and the source of its samples."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Literal, TypeAlias

Kind: TypeAlias = Literal["real", "synthetic", "file"]
"""Where samples come from: bundled measurements, a seeded generator, or the user's files."""

Sample: TypeAlias = tuple[int, str, str]
"""Time in microseconds since 1970 (UTC), ``oi_base`` and ``oi_quote_usd`` as plain decimal text."""

_BATCH: Final = 50_000


@dataclass(frozen=True)
class Source:
    """One market: ``fill(connection, table)`` inserts its samples as (t, oi_base, oi_quote_usd), in loading order."""

    market_id: str
    kind: Kind
    note: str
    fill: Callable[[Any, str], None]

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
