"""Synthetic samples, made from a seed when they are first asked for. No number in them was ever measured.

The same seed gives the same samples everywhere: SHA-256 spreads the seed, and everything after it is arithmetic of
whole numbers in SQL. Time is cut into slots with a sample at a random instant of each. An eighth of the slots is empty,
and gaps of minutes, of hours and one of more than a day are cut out. Open interest and price are random walks; amounts
are written in varied scales, with trailing zeros, as integers and with up to 18 decimals.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from ..model.intervals import DAY, HOUR, MINUTE, SECOND, floor
from .instants import parse_instant
from .source import Source

DEFAULT_SEED: Final = 20260501
START: Final = parse_instant("2026-02-01")
END: Final = parse_instant("2026-05-20")
"""Synthetic samples lie in [START, END), in microseconds."""

# The days around the specification's own example (2026-05-01) keep their hours, so that trying it shows something.
_CALM: Final = (parse_instant("2026-04-29"), parse_instant("2026-05-04"))


@dataclass(frozen=True)
class Recipe:
    """What a synthetic market looks like."""

    market_id: str
    step: int
    """The length of a slot in microseconds."""
    base: int
    """Open interest at the start, in ten-thousandths of the base asset."""
    price: int
    """Price at the start, in cents."""


RECIPES: Final = (
    Recipe("hl:perp:BTC-USDC", 27 * SECOND, 124_835_000, 10_483_500),
    Recipe("hl:perp:ETH-USDC", 41 * SECOND, 4_512_000_000, 312_450),
    Recipe("hl:perp:SOL-USDC", 67 * SECOND, 39_870_000_000, 14_275),
    Recipe("bybit:perp:BTC-USDT", 33 * SECOND, 513_200_000, 10_481_000),
)
SPOT: Final = "hl:spot:HYPE-USDC"
"""A market that exists and is not a perpetual."""


# Two throws a slot of a 32-bit mixer (multiply and shift): a good enough die, and the same in every version.
_SAMPLES = """
INSERT INTO {table}
WITH dice_1 AS (
    SELECT i, (i * 2654435769) & 4294967295 AS spread, xor(spread, {key_x}) AS x, xor(spread, {key_y}) AS y
    FROM range({slots}) AS slots(i)
),
dice_2 AS (
    SELECT i, (xor(x, x >> 16) * 2146121005) & 4294967295 AS x, (xor(y, y >> 16) * 2146121005) & 4294967295 AS y
    FROM dice_1
),
dice_3 AS (
    SELECT i, (xor(x, x >> 15) * 73244475) & 4294967295 AS x, (xor(y, y >> 15) * 73244475) & 4294967295 AS y
    FROM dice_2
),
dice AS (SELECT i, xor(x, x >> 16) AS x, xor(y, y >> 16) AS y FROM dice_3),
walk AS (
    SELECT {start} + i * {step} + x % {step} AS t, (x >> 8) % 8 > 0 AS kept, (y >> 24) % 16 AS scale, y % 10 AS digit,
        greatest(4000000 + sum(y % 2001 - 1000) OVER (ORDER BY i), 1000000)::BIGINT AS base,
        greatest(4000000 + sum((y >> 12) % 2001 - 1000) OVER (ORDER BY i), 1000000)::BIGINT AS price
    FROM dice
),
scaled AS (
    SELECT t, scale, digit, {base} * base // 4000000 AS base, {price} * price // 4000000 AS price
    FROM walk WHERE kept AND t < {end} AND t // {minute} NOT IN (SELECT unnest({gaps}))
),
parts AS (
    SELECT t, scale, digit,
        (base // 10000)::VARCHAR AS whole, lpad((base % 10000)::VARCHAR, 4, '0') AS fraction,
        (base * price // 1000000)::VARCHAR AS usd, lpad((base * price // 10000 % 100)::VARCHAR, 2, '0') AS cents
    FROM scaled
)
SELECT t,
    CASE WHEN scale = 0 THEN whole
         WHEN scale = 1 THEN whole || '.' || left(fraction, 1)
         WHEN scale < 9 THEN whole || '.' || left(fraction, 2)
         WHEN scale < 12 THEN whole || '.' || fraction
         WHEN scale < 14 THEN whole || '.' || left(fraction, 1) || '0'
         WHEN scale = 14 THEN whole || '.' || fraction || '0000'
         ELSE whole || '.' || fraction || '0000000000000' || digit END,
    CASE WHEN scale = 0 THEN usd
         WHEN scale < 12 THEN usd || '.' || cents
         WHEN scale < 15 THEN usd || '.00'
         ELSE usd || '.' || cents || '0000' END
FROM parts ORDER BY t
"""


def synthetic_sources(seed: int) -> list[Source]:
    """The synthetic markets of ``seed``, and one spot market without samples that is there to be refused."""
    made = [
        Source(recipe.market_id, "synthetic", f"made from seed {seed}", partial(_fill, seed, recipe))
        for recipe in RECIPES
    ]
    return [*made, Source(SPOT, "synthetic", "spot, always refused", lambda _connection, _table: None)]


def _fill(seed: int, recipe: Recipe, connection: Any, table: str) -> None:
    slots = (END - START) // recipe.step + 1
    keys = _stream(seed, recipe.market_id, "keys")
    ranges = gaps_of(seed, recipe.market_id)
    gaps = [minute for start, end in ranges for minute in range(start // MINUTE, end // MINUTE)]
    walk = {"start": START, "end": END, "slots": slots, "key_x": next(keys), "key_y": next(keys), "minute": MINUTE}
    recipes = {"step": recipe.step, "base": recipe.base, "price": recipe.price}
    connection.execute(_SAMPLES.format(table=table, gaps=gaps, **walk, **recipes))


def gaps_of(seed: int, market_id: str) -> list[tuple[int, int]]:
    """The ranges [start, end) of whole minutes without samples: one of 26 to 40 hours, up to 8 of hours, 30 of minutes.

    In microseconds, unsorted; they may overlap.
    """
    die = _stream(seed, market_id, "gaps")

    def place(first_day: int, last_day: int, shortest: int, longest: int) -> tuple[int, int]:
        start = START + first_day * DAY + next(die) * (last_day - first_day) * DAY // 2**32
        end = start + shortest + next(die) * (longest - shortest) // 2**32
        return floor(start, MINUTE), floor(end, MINUTE)

    gaps = [place(20, 70, 26 * HOUR, 40 * HOUR)]
    gaps += [place(1, 105, HOUR, 9 * HOUR) for _ in range(8)]
    calm = [gap for gap in gaps if gap[1] <= _CALM[0] or gap[0] >= _CALM[1]]
    return calm + [place(1, 106, 2 * MINUTE, 50 * MINUTE) for _ in range(30)]


def _stream(seed: int, market_id: str, purpose: str) -> Iterator[int]:
    """Endless integers below 2**32 that depend on nothing but the arguments."""
    count = 0
    while True:
        digest = hashlib.sha256(f"{seed}/{market_id}/{purpose}/{count}".encode()).digest()
        yield from (int.from_bytes(digest[place : place + 4], "big") for place in range(0, 32, 4))
        count += 1
