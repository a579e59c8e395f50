"""The open interest of one market over a span."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, overload

from ..model.endpoint import OPEN_INTEREST, Endpoint
from ..model.rows import OpenInterest
from ..validation import check_choice
from .generic import Series
from .price import decimal_prices, float_prices


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class OpenInterestSeries(Series[OpenInterest]):
    """The open interest of one market with start <= ts < end: every row, ascending and each once, as ``OpenInterest``.

    ``oi_base`` is in units of the base asset and ``oi_quote_usd`` in US dollars, both exact. Everything else is said in
    ``Series``.
    """

    endpoint: Endpoint = OPEN_INTEREST

    @property
    def oi_base(self) -> list[Decimal]:
        """The open interest of each row in units of the base asset, exact."""
        return self.values("oi_base")

    @property
    def oi_quote_usd(self) -> list[Decimal]:
        """The open interest of each row in US dollars, exact."""
        return self.values("oi_quote_usd")

    @overload
    def implied_price(self, *, decimals: Literal["exact"] = "exact", digits: int = 28) -> list[Decimal | None]: ...
    @overload
    def implied_price(self, *, decimals: Literal["float"]) -> list[float | None]: ...
    def implied_price(
        self, *, decimals: Literal["exact", "float"] = "exact", digits: int = 28
    ) -> list[Decimal | None] | list[float | None]:
        """The price of each row in US dollars, oi_quote_usd / oi_base, or None where the base is zero.

        ``"exact"`` gives Decimals, rounded once, half to even, to ``digits`` significant digits. ``"float"`` gives the
        floats nearest to the exact quotients, and raises ``PrecisionError`` for one that is out of range.
        """
        check_choice("decimals", decimals, ("exact", "float"))
        return decimal_prices(self, digits) if decimals == "exact" else float_prices(self)


def series_class(endpoint: Endpoint) -> type[Series[Any]]:
    """The class of the series of an endpoint."""
    return OpenInterestSeries if endpoint == OPEN_INTEREST else Series
