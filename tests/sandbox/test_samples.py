"""The bundled samples: the real ones are those of BitMEX, the synthetic ones depend on their seed only."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest

from allium_market_data.model.intervals import DAY, HOUR, MINUTE
from allium_market_data.sandbox import Samples
from allium_market_data.sandbox.answer import Span
from allium_market_data.sandbox.bitmex import MARKET_ID, bitmex_samples
from allium_market_data.sandbox.instants import parse_instant
from allium_market_data.sandbox.synthetic import DEFAULT_SEED, END, ERA, START, gaps_of, synthetic_sources
from allium_market_data_wire.contract import OPEN_INTEREST

BTC, SOL = "hl:perp:BTC-USDC", "hl:perp:SOL-USDC"


def test_real_samples_have_exact_decimals() -> None:
    rows = list(bitmex_samples())
    assert len(rows) == 768
    assert rows[0] == (parse_instant("2019-12-26T20:50:33.084Z"), "90569.42317241", "656628318")
    assert Decimal(rows[0][1]) == (Decimal(656628318) / 7250).quantize(Decimal("1e-8"))
    assert all(quote.isdecimal() and len(base.partition(".")[2]) == 8 for _, base, quote in rows)


def test_each_real_minute_is_its_last_sample(samples: Samples) -> None:
    history = samples.history(MARKET_ID)
    rows = history.last_per_bucket(MINUTE, Span(history.first - DAY, history.last + DAY))
    last = {t - t % MINUTE: (base, quote) for t, base, quote in bitmex_samples()}
    first = {t - t % MINUTE: (base, quote) for t, base, quote in reversed(list(bitmex_samples()))}
    assert len(rows) == 70
    assert {start: amounts for start, *amounts in rows} == {start: list(amounts) for start, amounts in last.items()}
    assert all(first[start] != last[start] for start in last)
    assert max(later[0] - earlier[0] for earlier, later in pairwise(rows)) > 37 * HOUR


def test_repeated_instants_count_once(samples: Samples) -> None:
    history = samples.history(MARKET_ID)
    assert len(history.last_per_bucket(1, Span(history.first, history.last + 1))) == 768 - 12


def test_same_seed_gives_same_samples(samples: Samples) -> None:
    assert digest(samples) == "5293575a0af37cad"


def digest(samples: Samples) -> str:
    history = samples.history(SOL)
    rows = history.last_per_bucket(HOUR, Span(START, END))
    return hashlib.sha256(repr(rows).encode()).hexdigest()[:16]


def test_other_seed_gives_other_samples(samples: Samples) -> None:
    with Samples.open(seed=DEFAULT_SEED + 1) as others:
        assert digest(others) != digest(samples)


@pytest.mark.parametrize("market", [BTC, SOL])
def test_synthetic_market_is_irregular_with_gaps(samples: Samples, market: str) -> None:
    history = samples.history(market)
    assert history.last - history.first > 100 * DAY
    assert START <= history.first < history.last < END
    minutes = history.last_per_bucket(MINUTE, Span(START, END))
    holes = [later[0] - earlier[0] - MINUTE for earlier, later in pairwise(minutes)]
    assert sum(hole > DAY for hole in holes) == 1
    assert sum(HOUR <= hole < DAY for hole in holes) >= 3
    assert sum(0 < hole < HOUR for hole in holes) >= 30
    scales = {len(base.partition(".")[2]) for _, base, _ in minutes}
    assert scales >= {0, 1, 2, 4, 8, 18}
    assert any(quote.endswith("0") and "." in quote for _, _, quote in minutes)


LATER = END + 40 * DAY + 5 * HOUR + 17 * MINUTE + 1
"""A moment in the second era, and in the middle of a minute."""


def at(now: int) -> Samples:
    return Samples.open(now=lambda: now)


@pytest.mark.parametrize("now", [END, END + 3 * HOUR, LATER, parse_instant("2031-07-01T12:34:56.7")])
def test_last_24_hours_have_rows_at_any_time(now: int) -> None:
    with at(now) as samples:
        rows = samples.history(SOL).last_per_bucket(HOUR, Span(now - DAY, now + DAY))
    assert len(rows) in {24, 25}
    assert now - HOUR <= rows[-1][0] <= now


def test_sample_appears_when_its_time_has_come() -> None:
    with at(LATER) as samples:
        minutes = samples.history(SOL).last_per_bucket(1, Span(LATER - HOUR, LATER + 1))
        instant = minutes[-1][0]
    clock = [instant]
    with Samples.open(now=lambda: clock[0]) as samples:
        assert samples.history(SOL).last == minutes[-2][0]
        assert samples.history(SOL).last_before(LATER) == minutes[-2][1:]
        clock[0] += 1
        assert samples.history(SOL).last == instant
        assert samples.history(SOL).last_before(LATER) == minutes[-1][1:]


def test_before_its_beginning_a_market_is_empty() -> None:
    with at(START - DAY) as samples:
        history = samples.history(SOL)
        assert history.last_per_bucket(HOUR, Span(START - DAY, START + DAY)) == []
        assert history.last_before(START + DAY) is None
        assert history.last < history.first


def test_same_instants_have_the_same_values_whenever_asked() -> None:
    span = Span(END - 2 * HOUR, END + 2 * HOUR)
    with at(END + 2 * HOUR) as soon, at(parse_instant("2028-01-01")) as late:
        assert soon.history(SOL).last_per_bucket(MINUTE, span) == late.history(SOL).last_per_bucket(MINUTE, span)


@pytest.mark.parametrize("market", [BTC, SOL])
def test_later_era_continues_the_walk(market: str) -> None:
    with at(LATER) as samples:
        rows = samples.history(market).last_per_bucket(MINUTE, Span(END - HOUR, END + HOUR))
    holes = [later[0] - earlier[0] for earlier, later in pairwise(rows)]
    assert max(holes) <= 50 * MINUTE
    amounts = [Decimal(base) for _, base, _ in rows]
    assert max(amounts) / min(amounts) < Decimal("1.05")


def test_later_era_begins_with_a_sample_and_differs_from_the_first() -> None:
    with at(LATER) as samples:
        history = samples.history(SOL)
        assert history.last_before(END + 1) == history.last_per_bucket(1, Span(END, END + 1))[0][1:]
        era_0, era_1 = (
            {t - start for t, _, _ in history.last_per_bucket(1, Span(start, start + 6 * HOUR + 1))}
            for start in (START, END)
        )
    assert len(era_0 & era_1) < len(era_0) / 10
    later = [(start - ERA, end - ERA) for start, end in gaps_of(DEFAULT_SEED, SOL, 1)]
    assert not set(later) & set(gaps_of(DEFAULT_SEED, SOL))


def test_amounts_come_in_the_order_of_the_operation(samples: Samples) -> None:
    swapped = replace(OPEN_INTEREST, decimals=OPEN_INTEREST.decimals[::-1])
    span = Span(0, parse_instant("2020-01-01"))
    with Samples.open(operation=swapped) as others:
        rows = others.history(MARKET_ID).last_per_bucket(DAY, span)
    assert [(start, base, quote) for start, quote, base in rows] == samples.history(MARKET_ID).last_per_bucket(
        DAY, span
    )


def test_operation_with_other_amounts_has_no_bundled_markets() -> None:
    with Samples.open(operation=replace(OPEN_INTEREST, decimals=OPEN_INTEREST.decimals[:1])) as others:
        assert others.sources == ()


def test_day_of_the_specifications_example_has_every_hour(samples: Samples) -> None:
    day = parse_instant("2026-05-01")
    for market in (BTC, SOL):
        assert len(samples.history(market).last_per_bucket(HOUR, Span(day, day + DAY))) == 24


def test_gaps_depend_on_the_market_and_the_seed() -> None:
    assert gaps_of(1, BTC) == gaps_of(1, BTC)
    assert gaps_of(1, BTC) != gaps_of(1, SOL)
    assert gaps_of(1, BTC) != gaps_of(2, BTC)


def test_only_the_spot_market_is_not_a_perpetual() -> None:
    sources = synthetic_sources(1)
    assert {source.kind for source in sources} == {"synthetic"}
    assert [source.market_id for source in sources if not source.perpetual] == ["hl:spot:HYPE-USDC"]


def test_last_value_before_an_instant(samples: Samples) -> None:
    history = samples.history(MARKET_ID)
    before_last = [row for row in bitmex_samples() if row[0] < history.last][-1]
    assert history.last_before(history.last) == before_last[1:]
    assert history.last_before(history.first) is None
    assert history.last_before(parse_instant("9999-12-31")) is not None


def test_samples_are_thread_safe() -> None:
    span = Span(parse_instant("2026-05-01"), parse_instant("2026-05-08"))
    with Samples.open() as fresh, ThreadPoolExecutor(8) as pool:
        # The first thread sorts the market; the others must wait for it.
        results = list(pool.map(lambda _: fresh.history(SOL).last_per_bucket(MINUTE, span), range(8)))
    assert len(results[0]) > 5000
    assert all(rows == results[0] for rows in results)
