"""What is fuzzed: each target takes any bytes and fails by an AssertionError, or by letting an error through."""

from __future__ import annotations

import atexit
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Final, TypeVar

from allium_market_data.client.api_key import ApiKey
from allium_market_data.client.decode import PageRequest, decode
from allium_market_data.client.error_response import explanation, response_error
from allium_market_data.client.retry import parse_retry_after
from allium_market_data.codegen.page import read
from allium_market_data.errors import ConnectionFailedError, ContractError, SpecError
from allium_market_data.model.endpoint import OPEN_INTEREST
from allium_market_data.model.intervals import INTERVALS
from allium_market_data.model.windows import Window
from allium_market_data.sandbox import Samples, SandboxEndpoint, reading_named
from allium_market_data.sandbox.endpoint import SandboxRequest
from fuzz import oracle
from support.serving import MARKET, SECRET

T = TypeVar("T")

CORPUS: Final = Path(__file__).parent / "corpus"
START: Final = datetime(2026, 5, 1, tzinfo=UTC)


@lru_cache
def question(choice: int) -> PageRequest:
    """One of a few questions: every interval, a limit that is soon reached, a time before, in and behind the window."""
    interval = INTERVALS[choice % len(INTERVALS)]
    limit = (5_000, 3)[choice // len(INTERVALS) % 2]
    width = timedelta(days=1) if interval == "1d" else timedelta(hours=4)
    now = START + (choice // (2 * len(INTERVALS)) % 3) * width
    return PageRequest(
        replace(OPEN_INTEREST, limit=limit), MARKET, interval, Window(START, START, START + timedelta(days=7)), now
    )


def fuzz_decode(data: bytes) -> None:
    """The first byte chooses the question, the others are the answer: the rows that the oracle tells, or a refusal."""
    asked, body = question(data[0] if data else 0), data[1:]
    expected = oracle.told(
        body,
        oracle.Asked(MARKET, asked.width, asked.window.start, asked.window.end, asked.resource.limit, asked.now),
    )
    answer = outcome(lambda: decode(body, asked), ContractError, ConnectionFailedError)
    if isinstance(answer, str):
        assert len(answer) < 1_000
        assert expected is None or not oracle.is_plain(body), f"a good answer was refused: {answer}"
        return
    assert expected is not None, "an answer was taken that is none"
    rows = [(row.ts, str(row.oi_base), str(row.oi_quote_usd), row.provisional) for row in answer.rows.records(MARKET)]
    assert rows == [(row.ts, *(str(Decimal(value)) for value in row.values), row.provisional) for row in expected.rows]
    assert dict(answer.unknown) == expected.unknown


def outcome(act: Callable[[], T], *allowed: type[Exception]) -> T | str:
    """What comes out, or the message of an error that may. The message is one that may stand on a terminal."""
    try:
        return act()
    except allowed as error:
        said = str(error)
    assert said.isprintable(), said
    return said


def fuzz_page(data: bytes) -> None:
    """Any file is a page with its documents, or one `SpecError`."""
    page = outcome(lambda: read("page.md", data), SpecError)
    if isinstance(page, str):
        assert page.startswith("page.md")
        return
    assert page.parts
    for part in page.parts:
        assert part.document["openapi"].startswith(("3.0.", "3.1."))
        assert json.dumps(part.document, allow_nan=False)
    assert all(method.isupper() and path.startswith(("/", "x-")) for method, path in page.operations)
    assert read("page.md", data) == page


@lru_cache
def endpoints() -> list[SandboxEndpoint]:
    """The sandbox under the plain reading and under one that is other in everything that changes rows."""
    samples = Samples.open()
    atexit.register(samples.close)
    other = (
        "end-inclusive",
        "label-end",
        "descending",
        "keep-latest",
        "carry-forward",
        "unknown-fields",
        "decimals-18",
    )
    return [SandboxEndpoint(samples, reading_named(names), "key") for names in ((), (*other, "error-problem-json"))]


MARKETS: Final = (MARKET, "bitmex:perp:XBTUSD", "hl:spot:HYPE-USDC", "hl:perp:NONE")


def fuzz_query(data: bytes) -> None:
    """The first byte chooses reading and market, the others are the query string: never an error of the server."""
    choice, query = data[0] if data else 0, data[1:]
    market = MARKETS[choice // 2 % len(MARKETS)]
    answer = endpoints()[choice % 2](SandboxRequest(market, query, b"key", "gzip"))
    assert answer.status in (200, 404, 422), answer
    if answer.status == 200:
        assert len(json.loads(answer.body)["items"]) <= 5_000
    elif answer.body:
        assert "detail" in json.loads(answer.body)


@lru_cache
def secret() -> ApiKey:
    """A key with odd characters."""
    return ApiKey(SECRET)


def fuzz_refusal(data: bytes) -> None:
    """The first byte chooses the status, the first line is a header, the rest the body: one clean line without the key."""
    status = 100 + 2 * (data[0] if data else 0)
    header, _, body = data[1:].partition(b"\n")
    key, later = secret(), header.decode("latin-1")
    wait = parse_retry_after(later, START)
    assert wait is None or wait >= 0
    said = key.redact_bytes(body)
    assert SECRET.encode() not in said
    line = explanation(said)
    assert line.isprintable()
    assert line == line.strip()
    assert len(line) <= 500
    error = response_error(status, {"retry-after": key.redact(later)}, said)
    assert str(error).isprintable()
    assert SECRET not in str(error)
    assert len(str(error)) <= 750
    assert error.status == status


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    "decode": fuzz_decode,
    "page": fuzz_page,
    "query": fuzz_query,
    "refusal": fuzz_refusal,
}
"""Every target by its name; its kept inputs are in ``corpus/<name>``."""


def corpus(name: str) -> dict[str, bytes]:
    """The kept inputs of a target, by file name."""
    return {path.name: path.read_bytes() for path in sorted((CORPUS / name).iterdir())}
