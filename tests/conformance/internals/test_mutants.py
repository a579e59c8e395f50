"""Each mutant of the sandbox is one: no legal reading answers as it does, and it shows on the bundled data.

A panel of questions is put to the mutant_endpoint endpoint and to the correct one under every legal reading of what the
questions are about. Whoever answers all of them alike cannot be told from a correct server.
"""

from __future__ import annotations

import gzip
import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlencode

import pytest

from allium_market_data.errors import SandboxError
from allium_market_data.model.intervals import DAY, HOUR
from allium_market_data.sandbox.answer import Span
from allium_market_data.sandbox.endpoint import SandboxEndpoint, SandboxRequest, SandboxResponse
from allium_market_data.sandbox.instants import parse_instant
from allium_market_data.sandbox.readings import Reading, reading_named
from allium_market_data.sandbox.samples import Samples
from allium_market_data.sandbox.synthetic import DEFAULT_SEED, gaps_of
from conformance.mutants import GROUPS, MUTANTS, mutant_endpoint
from conformance.mutants.edits import instant_text
from conformance.mutants.histories import every_sample
from conformance.mutants.mutant import MutantEndpoint

CLAUSES = Path(__file__).parents[3] / "spec" / "clauses.toml"
MARKET = "hl:perp:BTC-USDC"
KEY = b"sandbox-key"
NOON = parse_instant("2026-05-01T12:00:00Z")
GAP, GAP_END = gaps_of(DEFAULT_SEED, MARKET)[0]

PLAIN_DECIMAL = re.compile(r"[0-9]+(?:\.[0-9]+)?", re.ASCII)
ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(?:Z|[+-][0-9]{2}:[0-9]{2})", re.ASCII)

SEMANTIC = ["end-inclusive", "label-end", "cut-samples", "start-bucket", "descending", "keep-latest", "carry-forward"]
LEGAL = [
    reading_named(name for name, chosen in zip(SEMANTIC, choice, strict=True) if chosen)
    for choice in product([False, True], repeat=len(SEMANTIC))
]
TRIALS = [(name, SEMANTIC[place % len(SEMANTIC)]) for place, name in enumerate(MUTANTS)]
"""Beside the plain reading, each mutant is tried under one other. Text is compared by what it means."""


def ask(interval: str | None = "1h", start: Any = NOON, end: Any = NOON + DAY, **others: Any) -> SandboxRequest:
    """A call with these parameters (None leaves one out; instants as numbers) and details of the call itself."""
    call = {name: others.pop(name) for name in ("market_id", "api_key", "raw_path") if name in others}
    given = {"interval": interval, "start_timestamp": start, "end_timestamp": end, **others}
    texts: dict[str, Any] = {
        name: instant_text(value) if name.endswith("stamp") and isinstance(value, int) else value
        for name, value in given.items()
    }
    query = urlencode({name: text for name, text in texts.items() if text is not None}).encode()
    details: dict[str, Any] = {"market_id": MARKET, "api_key": KEY} | call
    return SandboxRequest(query_string=query, **details)


def panel() -> Iterator[SandboxRequest]:
    """Refusals, small answers, large answers."""
    yield from (
        ask(api_key=None),
        ask(api_key=b"wrong"),
        ask(market_id="hl:spot:HYPE-USDC"),
        ask(market_id="no:perp:ONE"),
    )
    yield from (ask(interval=None), ask("2h"), ask(start=None), ask(end=None), ask(start=NOON + DAY, end=NOON))
    yield from (ask(start=text) for text in ("yesterday", "2026-13-01T00:00:00Z"))
    yield from (ask(limit=limit) for limit in ("0", "-1", "abc", "1.5", "5001"))
    yield from (ask(end=NOON + 7 * DAY + extra) for extra in (1_000_000, DAY, 23 * DAY))
    yield from (ask(interval) for interval in ("1h", "4h", "15m"))
    yield from (ask("1d", NOON - NOON % DAY - DAY, NOON - NOON % DAY + 6 * DAY), ask(end=NOON + HOUR * 5 // 6))
    yield ask(start=NOON + HOUR // 6, end=NOON + 5 * HOUR + HOUR // 6)
    yield from (ask(start=NOON + HOUR // 6, end=NOON + HOUR * 5 // 6), ask(start=0, end=DAY))
    yield from (
        ask(start=GAP + 3 * HOUR, end=GAP + 6 * HOUR),
        ask("1m", GAP - HOUR, GAP + HOUR),
        ask("5m", GAP - HOUR, GAP + HOUR),
    )
    yield from (ask(start=GAP - DAY // 2, end=GAP_END + DAY // 2), ask("5m", NOON, NOON + 6 * HOUR))
    for start, end in (
        ("2026-05-01T12:00:00", "2026-05-01T18:00:00"),
        ("2026-05-01T12:00:00Z", "2026-05-01T18:00:00"),
        ("2026-05-01T14:00:00+02:00", "2026-05-01T20:00:00+02:00"),
        ("2026-05-01T12:00:00Z", "2026-05-01T20:00:00+02:00"),
        ("2026-05-01T12:00:00Z", "2026-05-01T18:00:00Z"),
    ):
        yield ask(start=start, end=end)
    yield from (ask(raw_path=f"/api/v1/markets/{MARKET}".replace(":", colon).encode()) for colon in (":", "%3A"))
    yield from (ask(limit=limit) for limit in (1, 2, 3, 9))
    yield from (
        ask("4h", NOON, NOON + 7 * DAY),
        ask("1h", NOON, NOON + 7 * DAY),
        ask("1m", NOON, NOON + HOUR),
        ask("1m", limit=150),
    )
    yield from [ask(limit=20)] * 3
    yield from (ask("1m", NOON, NOON + DAY), ask("15m", NOON, NOON + 2 * DAY))
    yield from (ask("1m", NOON, NOON + 7 * DAY, limit=limit) for limit in (4999, 5000))


PANEL = list(panel())
LARGE = len(PANEL) - 4
"""From here on, answers have thousands of rows, and asking every legal reading takes long: the others go first."""


@pytest.fixture(scope="module")
def samples() -> Iterator[Samples]:
    with Samples.open() as opened:
        yield opened


def broken(constant: str) -> NoReturn:
    raise ValueError(constant)


def seen(answer: SandboxResponse) -> object:
    """What an answer means, whatever its text; None if it can be no legal one."""
    if 400 <= answer.status < 500:
        return None if b'"items"' in answer.body else "denied" if answer.status in (401, 403) else "refused"
    if answer.status != 200 or answer.headers.get("content-type") != "application/json":
        return None
    try:
        items = json.loads(answer.body.decode(), parse_constant=broken)["items"]
        return tuple(row(item) for item in items) if isinstance(items, list) else None
    except (ValueError, TypeError, KeyError):
        return None


def row(item: dict[str, str]) -> tuple[str, int, Decimal, Decimal]:
    amounts = [item["oi_base"], item["oi_quote_usd"]]
    if not (all(PLAIN_DECIMAL.fullmatch(text) for text in amounts) and ISO.fullmatch(item["ts"])):
        raise ValueError(item)
    return item["market_id"], parse_instant(item["ts"]), Decimal(amounts[0]), Decimal(amounts[1])


@pytest.fixture(scope="module")
def legal(samples: Samples) -> Any:
    """What a legal reading, by its place in `LEGAL`, answers to a question, by its place in `PANEL`."""

    @cache
    def answer(reading: int, question: int) -> object:
        return seen(SandboxEndpoint(samples, LEGAL[reading], KEY.decode())(PANEL[question]))

    return answer


@pytest.fixture(scope="module")
def order() -> list[int]:
    """The panel, with the questions that told the last mutants first: neighbours are told by the same ones."""
    return list(range(len(PANEL)))


@pytest.mark.parametrize(("name", "other"), TRIALS)
def test_no_legal_reading_answers_so(samples: Samples, legal: Any, order: list[int], name: str, other: str) -> None:
    for base in ([], [other]):
        endpoint = mutant_endpoint([name])(samples, reading_named(base), KEY.decode())
        like = set(range(len(LEGAL)))
        for question in list(order):
            answer = seen(endpoint(PANEL[question]))
            like = {reading for reading in like if answer is not None and legal(reading, question) == answer}
            if not like:
                if question < LARGE:
                    order.remove(question)
                    order.insert(0, question)
                break
        assert not like, f"under {base} it cannot be told from {[LEGAL[reading] for reading in like]}"


def test_without_a_violation_nothing_changes(samples: Samples) -> None:
    for names in ([], ["gzip", "error-empty", "descending", "carry-forward"]):
        reading = reading_named(names)
        changed = MutantEndpoint([], samples, reading, KEY.decode())
        correct = SandboxEndpoint(samples, reading, KEY.decode())
        for call in PANEL:
            accepting = replace(call, accept_encoding="gzip")
            assert changed(accepting) == correct(accepting)


def test_several_violations_are_committed_together(samples: Samples) -> None:
    endpoint = mutant_endpoint(["ts-naive", "limit-plus-one", "amount-plus"])(samples, Reading(), KEY.decode())
    items = json.loads(endpoint(ask(limit=2)).body)["items"]
    assert len(items) == 3
    assert all(item["oi_base"].startswith("+") and "+" not in item["ts"] for item in items)


def test_a_violation_goes_with_a_reading(samples: Samples) -> None:
    endpoint = mutant_endpoint(["limit-plus-one"])(samples, reading_named(["ts-z", "descending", "gzip"]), KEY.decode())
    answer = endpoint(replace(ask(limit=2), accept_encoding="gzip"))
    assert answer.headers["content-encoding"] == "gzip"
    times = [item["ts"] for item in json.loads(gzip.decompress(answer.body))["items"]]
    assert len(times) == 3
    assert times == sorted(times, reverse=True)
    assert all(text.endswith("Z") for text in times)


def test_violations_are_many_and_spread() -> None:
    assert len(MUTANTS) == sum(len(group) for group in GROUPS.values())
    assert len(MUTANTS) >= 60
    assert all(len(group) >= 10 for group in GROUPS.values())
    assert all(re.fullmatch("[a-z0-9]+(?:-[a-z0-9]+)*", name) for name in MUTANTS)
    assert len({mutant.description for mutant in MUTANTS.values()}) == len(MUTANTS)


def test_clauses_are_those_of_the_specification() -> None:
    clauses = {clause["id"] for clause in tomllib.loads(CLAUSES.read_text())["clause"]}
    for mutant in MUTANTS.values():
        assert mutant.clauses
        assert clauses.issuperset(mutant.clauses)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(SandboxError, match="there is no mutant 'nope'; choose from items-missing, "):
        mutant_endpoint(["nope"])


def test_no_name_is_the_correct_endpoint() -> None:
    assert mutant_endpoint([]) is SandboxEndpoint


def test_every_sample_is_seen_even_where_the_store_keeps_the_last_of_each_minute_ready(samples: Samples) -> None:
    history = samples.history(MARKET)
    found = every_sample(history, Span(NOON, NOON + HOUR))
    assert 90 < len(found) < 134  # one each 27 seconds, an eighth of them missing
    assert found == every_sample(history, Span(NOON - 1, NOON + HOUR + 1))[: len(found)]
    assert all(NOON <= moment < NOON + HOUR for moment, _, _ in found)
