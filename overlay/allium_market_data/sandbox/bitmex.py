"""The bundled real samples: BitMEX XBTUSD, about every 5 seconds on two days of December 2019.

Source and licence (MIT) are in ``data/bitmex-xbtusd-5s``. The amounts are derived as follows.

- ``oi_quote_usd`` is Open-Interest x 1,000,000, exactly: the file counts millions of contracts, and one
  contract of this inverse perpetual is 1 USD.
- ``oi_base`` is ``oi_quote_usd`` / Price, in bitcoin, rounded half-even to 8 places.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Context, Decimal
from pathlib import Path
from typing import Any, Final

from .instants import parse_instant
from .source import Sample, Source, insert

COLUMNS: Final = ("oi_base", "oi_quote_usd")
MARKET_ID: Final = "bitmex:perp:XBTUSD"
DATA: Final = Path(__file__).parent / "data" / "bitmex-xbtusd-5s" / "data.csv"

_EIGHT_PLACES: Final = Decimal("1e-8")
# So many digits that only the rounding to 8 places matters.
_EXACT: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)


def bitmex_samples() -> Iterator[Sample]:
    """The 768 samples, in the order of the file."""
    with DATA.open(encoding="ascii", newline="") as file:
        for row in csv.DictReader(file):
            quote = _EXACT.multiply(Decimal(row["Open-Interest"]), Decimal(1_000_000))
            base = _EXACT.divide(quote, Decimal(row["Price"])).quantize(_EIGHT_PLACES, context=_EXACT)
            yield parse_instant(row["Time"]), f"{base:f}", f"{quote.to_integral_value():f}"


def bitmex_sources() -> list[Source]:
    """The market of these samples."""
    return [Source(MARKET_ID, "real", "BitMEX, 26 to 28 December 2019", _fill, COLUMNS)]


def _fill(connection: Any, table: str) -> None:
    insert(connection, table, bitmex_samples(), ("BIGINT", "VARCHAR", "VARCHAR"))
