"""Synthetic samples, generated from a seed on first use. None of their numbers was measured.

The same seed gives the same samples on every machine: SHA-256 derives keys from the seed, and the rest is integer
arithmetic in SQL. Time is divided into slots with a sample at a random instant of each. An eighth of the slots is empty.
Open interest and price are random walks; amounts have varied scales, with trailing zeros, as integers and with up to 18
decimals.

The history begins on 2026-02-01 and grows with time, in eras of 108 days. The first era has gaps of minutes, of hours and
one of more than a day; the later ones have gaps of minutes only, so that the last hours are never empty.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from ..model.intervals import DAY, HOUR, MINUTE, SECOND, floor
from .instants import parse_instant
from .source import Eras, Source

COLUMNS: Final = ("oi_base", "oi_quote_usd")
DEFAULT_SEED: Final = 20260501
START: Final = parse_instant("2026-02-01")
"""Where the history begins, in microseconds."""
ERA: Final = 108 * DAY
END: Final = START + ERA
"""The exclusive end of the first era, in microseconds: 2026-05-20."""

# The days around the example of the specification (2026-05-01) have no gap of hours.
_WITHOUT_LONG_GAPS: Final = (parse_instant("2026-04-29"), parse_instant("2026-05-04"))


@dataclass(frozen=True)
class SyntheticMarket:
    """The parameters of a synthetic market."""

    market_id: str
    step: int
    """The length of a slot in microseconds."""
    base: int
    """Open interest at the start, in ten-thousandths of the base asset."""
    price: int
    """Price at the start, in cents."""


SYNTHETIC_MARKETS: Final = (
    SyntheticMarket("hl:perp:BTC-USDC", 27 * SECOND, 124_835_000, 10_483_500),
    SyntheticMarket("hl:perp:ETH-USDC", 41 * SECOND, 4_512_000_000, 312_450),
    SyntheticMarket("hl:perp:SOL-USDC", 67 * SECOND, 39_870_000_000, 14_275),
    SyntheticMarket("bybit:perp:BTC-USDT", 33 * SECOND, 513_200_000, 10_481_000),
)
SPOT: Final = "hl:spot:HYPE-USDC"
"""A market that exists and is not a perpetual."""


# Two numbers a slot of a 32-bit mixer (multiply and shift): random enough, and the same in every version of DuckDB.
_DICE = """
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
dice AS (SELECT i, xor(x, x >> 16) AS x, xor(y, y >> 16) AS y FROM dice_3)
"""
# How far the walks of an era go: the next era begins there.
_STEPS = "{dice} SELECT sum(y % 2001 - 1000)::BIGINT, sum((y >> 12) % 2001 - 1000)::BIGINT FROM dice"

_SAMPLES = """
INSERT INTO {table}
{dice},
walk AS (
    SELECT {start} + i * {step} + (CASE WHEN i = {edge} THEN 0 ELSE x % {step} END) AS t,
        (x >> 8) % 8 > 0 OR i = {edge} AS kept, (y >> 24) % 16 AS scale, y % 10 AS digit,
        greatest({base_walk} + sum(y % 2001 - 1000) OVER (ORDER BY i), 1000000)::BIGINT AS base,
        greatest({price_walk} + sum((y >> 12) % 2001 - 1000) OVER (ORDER BY i), 1000000)::BIGINT AS price
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
    """The synthetic markets of ``seed``, and a spot market without samples, for which requests are refused."""
    note = f"made from seed {seed}"
    perpetuals = [
        Source(market.market_id, "synthetic", note, Eras(START, ERA, partial(_fill, seed, market)), COLUMNS)
        for market in SYNTHETIC_MARKETS
    ]
    return [*perpetuals, Source(SPOT, "synthetic", "spot, always refused", lambda _connection, _table: None, COLUMNS)]


def _fill(seed: int, market: SyntheticMarket, connection: Any, table: str, era: int) -> None:
    walks = [4_000_000, 4_000_000]
    for earlier in range(era):
        steps = connection.execute(_STEPS.format(dice=_dice(seed, market, earlier))).fetchone()
        walks = [walk + step for walk, step in zip(walks, steps, strict=True)]
    start = START + era * ERA
    ranges = gaps_of(seed, market.market_id, era)
    gaps = [minute for start, end in ranges for minute in range(start // MINUTE, end // MINUTE)]
    times = {"start": start, "end": start + ERA, "minute": MINUTE, "step": market.step, "gaps": gaps}
    # Later eras have a sample at their very start.
    levels = {"base": market.base, "price": market.price, "base_walk": walks[0], "price_walk": walks[1]}
    connection.execute(
        _SAMPLES.format(table=table, edge=0 if era else -1, **times, **levels, dice=_dice(seed, market, era))
    )


def _dice(seed: int, market: SyntheticMarket, era: int) -> str:
    """The SQL of two random numbers for each slot of an era."""
    keys = _random_integers(seed, market.market_id, _of_era("keys", era))
    return _DICE.format(slots=ERA // market.step + 1, key_x=next(keys), key_y=next(keys))


def _of_era(purpose: str, era: int) -> str:
    return f"{purpose}/{era}" if era else purpose


def gaps_of(seed: int, market_id: str, era: int = 0) -> list[tuple[int, int]]:
    """The ranges [start, end) of whole minutes without samples, in microseconds, unsorted; they may overlap.

    30 of minutes, and in the first era up to 8 of hours and one of 26 to 40 hours.
    """
    numbers = _random_integers(seed, market_id, _of_era("gaps", era))
    era_start = START + era * ERA

    def gap(first_day: int, last_day: int, shortest: int, longest: int) -> tuple[int, int]:
        start = era_start + first_day * DAY + next(numbers) * (last_day - first_day) * DAY // 2**32
        end = start + shortest + next(numbers) * (longest - shortest) // 2**32
        return floor(start, MINUTE), floor(end, MINUTE)

    gaps: list[tuple[int, int]] = []
    if era == 0:
        gaps = [gap(20, 70, 26 * HOUR, 40 * HOUR), *(gap(1, 105, HOUR, 9 * HOUR) for _ in range(8))]
    first, last = _WITHOUT_LONG_GAPS
    long = [(start, end) for start, end in gaps if end <= first or start >= last]
    return long + [gap(1, 106, 2 * MINUTE, 50 * MINUTE) for _ in range(30)]


def _random_integers(seed: int, market_id: str, purpose: str) -> Iterator[int]:
    """Endless integers below 2**32 that depend only on the arguments."""
    count = 0
    while True:
        digest = hashlib.sha256(f"{seed}/{market_id}/{purpose}/{count}".encode()).digest()
        yield from (int.from_bytes(digest[index : index + 4], "big") for index in range(0, 32, 4))
        count += 1
