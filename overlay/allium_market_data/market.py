"""A market's identifier, as far as it can be checked without the server."""

from __future__ import annotations

from .errors import UsageError


def market(market_id: object) -> str:
    """A market id that can stand in a path. Which markets there are, only the server knows.

    Raises ``UsageError`` for what is none.
    """
    if not isinstance(market_id, str):
        raise UsageError(
            f"a market must be text like hl:perp:BTC-USDC, not {type(market_id).__name__}: {market_id!r:.80}"
        )
    if not market_id or not market_id.isprintable() or any(map(str.isspace, market_id)) or market_id in (".", ".."):
        raise UsageError(f"{market_id!r:.80} is no market: write it like hl:perp:BTC-USDC")
    return market_id
