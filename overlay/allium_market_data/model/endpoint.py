"""What the client must know of an endpoint, as data: a second endpoint costs a page, a regenerate and one declaration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .intervals import DAY


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint that answers a window with a list of rows.

    ``call`` names the generated module that builds its request, ``values`` its decimal fields in the order of the columns,
    ``span`` the longest window of a request in microseconds and ``limit`` the most rows of an answer.
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
