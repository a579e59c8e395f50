"""From the cells of a row in a user's file to a sample."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, NoReturn, TypeAlias

from .instants import parse_instant
from .layout import SLUG, UNIT_NAMES, UNITS, FileLayout

Cell: TypeAlias = str | int | None
"""A time that is not text is in nanoseconds since 1970."""

_AMOUNT: Final = re.compile(r"(?P<sign>-?)(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?P<exponent>[Ee][+-]?[0-9]{1,3})?")
_WHOLE: Final = re.compile(r"-?[0-9]{1,20}")
_EARLIEST: Final = parse_instant("1970-01-01")
# A label may be the end of a bucket, and must have a year of four digits too.
_LATEST: Final = parse_instant("9999-01-01")
# A count from 1970 of the years 1990 to 2100 has this many digits only in its own unit.
_YEARS: Final = range(parse_instant("1990-01-01") // 1_000_000, parse_instant("2100-01-01") // 1_000_000)


class BadRowError(ValueError):
    """A row that is not a sample. The message continues "FILE, line 7"."""


def sample_of(layout: FileLayout, cells: Sequence[Cell]) -> tuple[str, int, *tuple[str, ...]]:
    """Market, time in microseconds and amounts. Raises `BadRowError` for the first invalid cell."""
    if layout.market_id is not None:
        cells = (layout.market_id, *cells)
    market_id, ts, *amounts = cells
    if not isinstance(market_id, str) or not SLUG.fullmatch(market_id):
        hint = "not {venue}:{instrument_type}:{pair}; --map market_id=VENUE:perp:PAIR sets the market of every row"
        _fail(layout, "market_id", market_id, hint)
    time = _time(layout, ts)
    texts = [_amount(layout, column, cell) for column, cell in zip(layout.signed, amounts, strict=True)]
    return market_id, time, *texts


def _time(layout: FileLayout, cell: Cell) -> int:
    try:
        if cell is None:
            raise ValueError("missing")
        if isinstance(cell, int):
            t = _micros(cell)
        elif layout.unit is not None:
            t = _counted(cell, layout.unit)
        else:
            t = _parsed(layout, cell)
        if not _EARLIEST <= t < _LATEST:
            raise ValueError("outside the years 1970 to 9998")
    except ValueError as error:
        _fail(layout, "ts", cell, str(error))
    return t


def _parsed(layout: FileLayout, text: str) -> int:
    try:
        return parse_instant(text)
    except ValueError:
        if _WHOLE.fullmatch(text):
            for unit, size in UNITS.items():
                if (seconds := int(text) * size // UNITS["s"]) in _YEARS:
                    instant = f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
                    option = f"--map ts={layout.name_of('ts')}:{unit}"
                    raise ValueError(f"{UNIT_NAMES[unit]} since 1970 ({instant})? Read them with {option}") from None
        raise


def _counted(text: str, unit: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"not whole {UNIT_NAMES[unit]} since 1970")
    return _micros(int(text) * UNITS[unit])


def _micros(nanoseconds: int) -> int:
    if nanoseconds % 1000:
        raise ValueError("finer than a microsecond")
    return nanoseconds // 1000


def _amount(layout: FileLayout, column: str, cell: Cell) -> str:
    match = _AMOUNT.fullmatch(cell) if isinstance(cell, str) else None
    if match is None or (match["sign"] and not layout.signed[column]):
        _fail(
            layout,
            column,
            cell,
            f"not a plain{'' if layout.signed[column] else ', non-negative'} decimal like 12483.50",
        )
    return f"{Decimal(match[0]):f}" if match["exponent"] else match[0]


def _fail(layout: FileLayout, column: str, cell: Cell, reason: str) -> NoReturn:
    preview = "nothing" if cell is None or cell == "" else ascii(cell)
    preview = preview if len(preview) <= 60 else preview[:57] + "..."
    raise BadRowError(f", column {layout.name_of(column)}: {preview}: {reason}")
