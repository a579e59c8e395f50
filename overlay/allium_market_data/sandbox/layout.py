"""The columns of a user's file: which are required, and how the file names them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ..errors import SandboxError
from ..sanitize import clean

UNITS: Final = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1000, "ns": 1}
"""Units of a time that counts from 1970, in nanoseconds."""
UNIT_NAMES: Final = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}

SLUG: Final = re.compile(r"[^\s:/\x00-\x1f\x7f]+(?::[^\s:/\x00-\x1f\x7f]+){2}")
"""{venue}:{instrument_type}:{pair}."""
_SHOWN: Final = 12


@dataclass(frozen=True)
class FileLayout:
    """The columns that samples are read from: ``market_id``, ``ts`` and the amounts.

    ``names`` has the columns that the file names differently, ``unit`` is the unit of a ``ts`` that counts from 1970,
    and ``market_id`` is the market of a file that has no column for it.
    """

    signed: Mapping[str, bool]
    """The amounts, and whether they may be negative."""
    names: Mapping[str, str] = field(default_factory=dict)
    unit: str | None = None
    market_id: str | None = None

    @property
    def required(self) -> tuple[str, ...]:
        """The columns, as they are named here."""
        return (*(("market_id",) if self.market_id is None else ()), "ts", *self.signed)

    def name_of(self, column: str) -> str:
        """The name of ``column`` in the file."""
        return self.names.get(column, column)

    def missing(self, column: str, header: Iterable[str]) -> str:
        """The end of a message about a missing column: what the file has, and what to do."""
        names = [clean(name) for name in header]
        seen = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
        required = ", ".join(self.name_of(name) for name in self.required)
        return (
            f"column {self.name_of(column)} is missing; the file has {seen or 'none'}; required are {required}; "
            f"to read another column: --map {column}=NAME"
        )


def layout_of(signed: Mapping[str, bool], mappings: Sequence[str] = ()) -> FileLayout:
    """The layout of ``mappings``, each a list like ``ts=time,oi_base=sumOpenInterest``.

    ``ts=time:ms`` reads whole milliseconds since 1970 (s, ms, us or ns), and ``market_id=binance:perp:BTC-USDT`` sets the
    market of every row. Raises `SandboxError` for a mapping that is not of this form.
    """
    names: dict[str, str] = {}
    for item in (item for text in mappings for item in text.split(",")):
        column, _, name = (part.strip() for part in item.partition("="))
        if not name:
            raise SandboxError(f"--map {clean(item)}: not of the form COLUMN=NAME, like ts=time")
        if column not in ("market_id", "ts", *signed):
            choices = ", ".join(("market_id", "ts", *signed))
            raise SandboxError(f"--map {clean(item)}: there is no column {clean(column)}; choose from {choices}")
        if names.setdefault(column, name) != name:
            raise SandboxError(f"--map: column {column} has two names, {clean(names[column])} and {clean(name)}")
    market_id, unit = None, None
    if SLUG.fullmatch(names.get("market_id", "")):
        market_id = names.pop("market_id")
    name, _, suffix = names.get("ts", "").rpartition(":")
    if name and suffix in UNITS:
        names["ts"], unit = name, suffix
    return FileLayout(signed, names, unit, market_id)
