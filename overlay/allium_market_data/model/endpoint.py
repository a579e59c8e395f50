"""What the client knows of an endpoint that returns rows of decimals, as data.

Planning, decoding and fetching read everything about the endpoint from here. The methods of the clients, the record and the
series are written for open interest; a second endpoint needs its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .intervals import DAY


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint that answers a window with a list of rows.

    ``call`` is the generated module that builds its request, ``values`` are its decimal fields in the order of the columns,
    ``span`` is the longest window of a request in microseconds, and ``limit`` the maximum number of rows in a response.
    """

    name: str
    call: str
    values: tuple[str, ...]
    span: int
    limit: int


OPEN_INTEREST: Final = Endpoint(
    name="open_interest",
    call="allium_market_data_wire.api.default.get_open_interest",
    values=("oi_base", "oi_quote_usd"),
    span=7 * DAY,
    limit=5000,
)
