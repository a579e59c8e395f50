"""Each mutant breaks the contract: no legal reading gives the same responses, and the bundled data show it.

The mutant, and the correct endpoint under every legal reading, get the same requests. A mutant that responds to all of
them like one of the readings could not be distinguished from a correct server.
"""

from __future__ import annotations

import gzip
import json
import re
import time
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
from conformance.mutants import GROUPS, MUTANTS, STYLES, mutant_endpoint
from conformance.mutants.edits import instant_text
from conformance.mutants.histories import RepeatedHistory, every_sample
from conformance.mutants.mutant import MutantEndpoint
from support import wire

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
# Middleware sees more than one request, and the faults on single days need a history of years: see the kill matrix.
SINGLE = [mutant.name for mutant in MUTANTS.values() if not mutant.changes.middleware and mutant not in GROUPS["dates"]]
TRIALS = [(name, SEMANTIC[place % len(SEMANTIC)]) for place, name in enumerate(SINGLE)]
"""Each mutant is tested under the plain reading and one other. Text is compared by its meaning."""
FUTURE = (int(time.time()) // 86_400 + 2) * DAY


def request(interval: str | None = "1h", start: Any = NOON, end: Any = NOON + DAY, **others: Any) -> SandboxRequest:
    """A request with these parameters (None omits one; instants may be numbers) and fields of `SandboxRequest`."""
    fields = {name: others.pop(name) for name in ("market_id", "api_key", "raw_path") if name in others}
    parameters = {wire.INTERVAL: interval, wire.START: start, wire.END: end, **others}
    texts: dict[str, Any] = {
        name: instant_text(value) if name in (wire.START, wire.END) and isinstance(value, int) else value
        for name, value in parameters.items()
    }
    query = urlencode({name: text for name, text in texts.items() if text is not None}).encode()
    details: dict[str, Any] = {"market_id": MARKET, "api_key": KEY} | fields
    return SandboxRequest(query_string=query, **details)


def requests() -> Iterator[SandboxRequest]:
    """Errors, small responses, large responses."""
    yield from (
        request(api_key=None),
        request(api_key=b"wrong"),
        request(api_key=KEY.upper()),
        request(market_id="hl:spot:HYPE-USDC"),
        request(market_id="no:perp:ONE"),
    )
    yield from (
        request(interval=None),
        request("2h"),
        request(start=None),
        request(end=None),
        request(start=NOON + DAY, end=NOON),
    )
    yield from (request(start=text) for text in ("yesterday", "2026-13-01T00:00:00Z"))
    yield from (request(limit=limit) for limit in ("0", "-1", "abc", "1.5", "5001", ""))
    yield from (
        request(start="2026-02-30T00:00:00Z", end="2026-03-02T12:00:00Z"),
        request(start="2026-05-01T12:00:00.000000", end="2026-05-01T18:00:00Z"),
        request(start="2026-05-01", end="2026-05-01T18:00:00Z"),
        request(end=NOON + 8 * DAY, limit=1),
        request(start=FUTURE, end=FUTURE + DAY),
        request(start=FUTURE, end=FUTURE + 8 * DAY),
        replace(request(), query_string=request().query_string + b"&limit=10&limit=10"),
    )
    yield from (request(end=NOON + 7 * DAY + extra) for extra in (1_000_000, DAY, 23 * DAY))
    yield from (request(interval) for interval in ("1h", "4h", "15m"))
    yield from (request("1d", NOON - NOON % DAY - DAY, NOON - NOON % DAY + 6 * DAY), request(end=NOON + HOUR * 5 // 6))
    yield request(start=NOON + HOUR // 6, end=NOON + 5 * HOUR + HOUR // 6)
    yield from (request(start=NOON + HOUR // 6, end=NOON + HOUR * 5 // 6), request(start=0, end=DAY))
    yield from (
        request(start=GAP + 3 * HOUR, end=GAP + 6 * HOUR),
        request("1m", GAP - HOUR, GAP + HOUR),
        request("5m", GAP - HOUR, GAP + HOUR),
    )
    yield from (request(start=GAP - DAY // 2, end=GAP_END + DAY // 2), request("5m", NOON, NOON + 6 * HOUR))
    for start, end in (
        ("2026-05-01T12:00:00", "2026-05-01T18:00:00"),
        ("2026-05-01T12:00:00Z", "2026-05-01T18:00:00"),
        ("2026-05-01T14:00:00+02:00", "2026-05-01T20:00:00+02:00"),
        ("2026-05-01T12:00:00Z", "2026-05-01T20:00:00+02:00"),
        ("2026-05-01T12:00:00Z", "2026-05-01T18:00:00Z"),
    ):
        yield request(start=start, end=end)
    yield from (request(raw_path=f"/api/v1/markets/{MARKET}".replace(":", colon).encode()) for colon in (":", "%3A"))
    yield from (request(limit=limit) for limit in (1, 2, 3, 9))
    yield from (
        request("4h", NOON, NOON + 7 * DAY),
        request("1h", NOON, NOON + 7 * DAY),
        request("1m", NOON, NOON + HOUR),
        request("1m", limit=150),
    )
    yield from [request(limit=20)] * 3
    yield from (request("1m", NOON, NOON + DAY), request("15m", NOON, NOON + 2 * DAY))
    yield from (request("1m", NOON, NOON + 7 * DAY, limit=limit) for limit in (4999, 5000))


REQUESTS = list(requests())
LARGE = len(REQUESTS) - 4
"""From here on, responses have thousands of rows: these requests stay last."""


@pytest.fixture(scope="module")
def samples(served_samples: Samples) -> Samples:
    return served_samples


def reject(constant: str) -> NoReturn:
    raise ValueError(constant)


def meaning(response: SandboxResponse) -> object:
    """The meaning of a response, whatever its text; None if no legal reading gives it."""
    if 400 <= response.status < 500:
        return None if b'"items"' in response.body else "denied" if response.status in (401, 403) else "refused"
    if response.status != 200 or response.headers.get("content-type") != "application/json":
        return None
    try:
        items = json.loads(response.body.decode(), parse_constant=reject)["items"]
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
    """The meaning of the response of `LEGAL[reading]` to `REQUESTS[index]`."""

    @cache
    def response(reading: int, index: int) -> object:
        return meaning(SandboxEndpoint(samples, LEGAL[reading], KEY.decode())(REQUESTS[index]))

    return response


@pytest.fixture(scope="module")
def order() -> list[int]:
    """The order of requests. Those that exposed the last mutants come first: similar mutants follow one another."""
    return list(range(len(REQUESTS)))


@pytest.mark.parametrize(("name", "other"), TRIALS)
def test_no_legal_reading_responds_like_it(
    samples: Samples, legal: Any, order: list[int], name: str, other: str
) -> None:
    for base in ([], [other]):
        endpoint = mutant_endpoint([name])(samples, reading_named(base), KEY.decode())
        like = set(range(len(LEGAL)))
        for index in list(order):
            response = meaning(endpoint(REQUESTS[index]))
            like = {reading for reading in like if response is not None and legal(reading, index) == response}
            if not like:
                if index < LARGE:
                    order.remove(index)
                    order.insert(0, index)
                break
        assert not like, f"under {base} it responds like {[LEGAL[reading] for reading in like]}"


def test_no_mutant_changes_nothing(samples: Samples) -> None:
    for names in ([], ["gzip", "error-empty", "descending", "carry-forward"]):
        reading = reading_named(names)
        changed = MutantEndpoint([], samples, reading, KEY.decode())
        correct = SandboxEndpoint(samples, reading, KEY.decode())
        for plain in REQUESTS:
            accepting = replace(plain, accept_encoding="gzip")
            assert changed(accepting) == correct(accepting)


def test_mutants_may_be_combined(samples: Samples) -> None:
    endpoint = mutant_endpoint(["ts-naive", "limit-plus-one", "amount-plus"])(samples, Reading(), KEY.decode())
    items = json.loads(endpoint(request(limit=2)).body)["items"]
    assert len(items) == 3
    assert all(item["oi_base"].startswith("+") and "+" not in item["ts"] for item in items)


def test_mutant_may_be_combined_with_a_reading(samples: Samples) -> None:
    endpoint = mutant_endpoint(["limit-plus-one"])(samples, reading_named(["ts-z", "descending", "gzip"]), KEY.decode())
    response = endpoint(replace(request(limit=2), accept_encoding="gzip"))
    assert response.headers["content-encoding"] == "gzip"
    times = [item["ts"] for item in json.loads(gzip.decompress(response.body))["items"]]
    assert len(times) == 3
    assert times == sorted(times, reverse=True)
    assert all(text.endswith("Z") for text in times)


def test_each_group_has_mutants() -> None:
    assert len(MUTANTS) == sum(len(group) for group in GROUPS.values())
    assert len(MUTANTS) >= 60
    assert all(len(group) >= 6 for group in GROUPS.values())
    assert all(re.fullmatch("[a-z0-9]+(?:-[a-z0-9]+)*", name) for name in MUTANTS)
    assert len({mutant.description for mutant in MUTANTS.values()}) == len(MUTANTS)


def test_clauses_exist() -> None:
    clauses = {clause["id"] for clause in tomllib.loads(CLAUSES.read_text())["clause"]}
    for mutant in MUTANTS.values():
        assert mutant.clauses
        assert clauses.issuperset(mutant.clauses)


def test_styles_violate_no_clause() -> None:
    assert not [style.name for style in STYLES.values() if style.clauses]
    assert not STYLES.keys() & MUTANTS.keys()


def test_unknown_name_is_an_error() -> None:
    with pytest.raises(SandboxError, match="there is no mutant 'nope'; choose from items-missing, "):
        mutant_endpoint(["nope"])


def test_a_long_history_is_the_same_whatever_the_window(samples: Samples) -> None:
    history = samples.history(MARKET)
    long = RepeatedHistory(history)
    begin = history.first - 61 * DAY
    whole = long.last_per_bucket(HOUR, Span(begin, begin + 6 * DAY))
    first, second = (long.last_per_bucket(HOUR, Span(begin + at * DAY, begin + (at + 3) * DAY)) for at in (0, 3))
    assert first + second == whole
    assert len(whole) > 100
    assert long.last_per_bucket(HOUR, Span(NOON, NOON + DAY)) == history.last_per_bucket(HOUR, Span(NOON, NOON + DAY))
    assert long.last_before(begin + 3 * DAY) == first[-1][1:]


def test_no_name_gives_the_correct_endpoint() -> None:
    assert mutant_endpoint([]) is SandboxEndpoint


def test_every_sample_finds_all_samples(samples: Samples) -> None:
    history = samples.history(MARKET)
    rows = every_sample(history, Span(NOON, NOON + HOUR))
    assert 90 < len(rows) < 134  # one each 27 seconds, an eighth of them missing
    assert rows == every_sample(history, Span(NOON - 1, NOON + HOUR + 1))[: len(rows)]
    assert all(NOON <= moment < NOON + HOUR for moment, _, _ in rows)
