"""Pages of a correct server under any reading, from a synthetic history: what the suite's checks must accept."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import product
from random import Random
from typing import Final

from allium_market_data.model.intervals import DAY, HOUR, MINUTE, SECOND, WIDTHS, Interval, floor
from allium_market_data.sandbox.answer import respond
from allium_market_data.sandbox.query import Query
from allium_market_data.sandbox.readings import Reading, reading_named
from allium_market_data_wire.contract import OPEN_INTEREST
from conformance.bucket_values import Labelling
from conformance.response import Page, Response
from support.strategies import AROUND, ListHistory

MARKET: Final = "hl:perp:BTC-USDC"
SPAN: Final = (AROUND, AROUND + 2 * DAY)
_NAMES: Final = (
    "end-inclusive",
    "label-end",
    "cut-samples",
    "start-bucket",
    "descending",
    "keep-latest",
    "carry-forward",
)
READINGS: Final = [
    reading_named(name for name, is_chosen in zip(_NAMES, choice, strict=True) if is_chosen)
    for choice in product([False, True], repeat=len(_NAMES))
]
"""Every combination of the readings that change rows. The others change only how values are written."""
PLAIN_ORDER_READINGS: Final = [r for r in READINGS if (r.order, r.keep) == ("ascending", "earliest")]
"""Those with the usual order and limit."""


def _history(seed: int) -> ListHistory:
    """Five days with a sample every few minutes, gaps of all sizes, and some samples exactly on bucket boundaries."""
    random = Random(seed)
    steps = [20 * SECOND, MINUTE, 3 * MINUTE, 9 * MINUTE, 90 * MINUTE, 7 * HOUR]
    samples: list[tuple[int, str, str]] = []
    time = AROUND - 2 * DAY
    while time < AROUND + 3 * DAY:
        samples.append((time, f"{len(samples)}.5", f"{len(samples) * 7}"))
        (step,) = random.choices(steps, [150, 300, 300, 250, 6, 1])
        time += step + random.randrange(SECOND)
        if random.random() < 0.1:
            time = floor(time, MINUTE) + MINUTE
    return ListHistory(samples)


HISTORY: Final = _history(1)


@cache
def fetch(reading: Reading, interval: Interval, start: int, end: int, limit: int = 5000) -> Page:
    """The page of a correct server with this reading."""
    # With other decimals than `stored` the sandbox renders row by row, which is all that ListHistory supports.
    body = respond(MARKET, Query(interval, start, end, limit), replace(reading, decimals="18"), HISTORY)
    return Page(Response(200, {}, body, "curl ..."), OPEN_INTEREST, MARKET, WIDTHS[interval], start, end, limit)


def labelling_of(reading: Reading) -> Labelling:
    """What labels name under this reading."""
    return Labelling(f"label-{reading.label}")
