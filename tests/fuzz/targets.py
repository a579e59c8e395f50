"""The targets: each takes any bytes, and fails with an AssertionError or an unexpected exception."""

from __future__ import annotations

import atexit
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypeVar

from allium_market_data.client.api_key import ApiKey
from allium_market_data.client.decode import PageRequest, decode
from allium_market_data.client.error_response import explanation, response_error
from allium_market_data.client.retry import parse_retry_after
from allium_market_data.codegen.page import read
from allium_market_data.errors import ConnectionFailedError, ContractError, SpecError
from allium_market_data.model.intervals import INTERVALS, WIDTHS
from allium_market_data.model.rows import OpenInterest
from allium_market_data.model.windows import Window
from allium_market_data.sandbox import Samples, SandboxEndpoint, reading_named
from allium_market_data.sandbox.bitmex import bitmex_sources
from allium_market_data.sandbox.endpoint import SandboxRequest
from allium_market_data.sandbox.samples import connect
from allium_market_data.sandbox.source import Source
from allium_market_data_wire.contract import OPEN_INTEREST
from fuzz import oracle
from support.endpoints import changed
from support.serving import MARKET, SECRET

T = TypeVar("T")

CORPUS: Final = Path(__file__).parent / "corpus"
START: Final = datetime(2026, 5, 1, tzinfo=UTC)


@lru_cache
def page_request(choice: int) -> PageRequest:
    """One of several requests: every interval, a low and a high limit, a time before, in and after the window."""
    interval = INTERVALS[choice % len(INTERVALS)]
    limit = (OPEN_INTEREST.limit_maximum, 3)[choice // len(INTERVALS) % 2]
    width = max(timedelta(hours=4), timedelta(microseconds=WIDTHS[interval]))
    now = START + (choice // (2 * len(INTERVALS)) % 3) * width
    return PageRequest(
        changed(limit_maximum=limit),
        MARKET,
        interval,
        Window(START, START, START + timedelta(microseconds=OPEN_INTEREST.window_cap)),
        now,
    )


def fuzz_decode(data: bytes) -> None:
    """The first byte chooses the request, the rest is the body. The client agrees with the oracle, or raises an error."""
    request, body = page_request(data[0] if data else 0), data[1:]
    operation, window = request.endpoint.operation, request.window
    asked = oracle.Request(operation, MARKET, request.width, window.start, window.end, request.now)
    expected = oracle.decode(body, asked)
    answer = outcome(lambda: decode(body, request), ContractError, ConnectionFailedError)
    if isinstance(answer, str):
        assert len(answer) < 1_000
        assert expected is None or not oracle.is_plain(body, asked), f"a valid page was rejected: {answer}"
        return
    assert expected is not None, "an invalid page was accepted"
    rows = [
        (row.ts, *(str(getattr(row, name)) for name in request.endpoint.columns), row.provisional)
        for row in answer.rows.records(MARKET, OpenInterest)
    ]
    assert rows == [(row.ts, *(str(Decimal(value)) for value in row.values), row.provisional) for row in expected.rows]
    assert dict(answer.unknown_fields) == expected.unknown


def outcome(act: Callable[[], T], *allowed: type[Exception]) -> T | str:
    """The result of ``act``, or the message of an allowed error, which must be printable."""
    try:
        return act()
    except allowed as error:
        message = str(error)
    assert message.isprintable(), message
    return message


def fuzz_page(data: bytes) -> None:
    """Any file is a page with documents, or raises a `SpecError`."""
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


MARKETS: Final = (MARKET, "bitmex:perp:XBTUSD", "hl:spot:HYPE-USDC", "hl:perp:NONE")
OTHER_READING: Final = (
    *("end-inclusive", "label-end", "descending", "keep-latest", "carry-forward"),
    *("unknown-fields", "decimals-18", "error-problem-json"),
)


def _fill(connection: Any, table: str) -> None:
    """Insert a sample a minute for eight days: enough for the largest response, and quicker than a synthetic market."""
    first = (START - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    minutes = 8 * 24 * 60
    connection.execute(
        f"INSERT INTO {table} SELECT {first} + i * 60000000, i || '.50', i || '00' FROM range({minutes}) AS minutes(i)"  # noqa: S608
    )


@lru_cache
def endpoints() -> list[SandboxEndpoint]:
    """The sandbox under the plain reading, and under one that differs in everything that changes rows."""
    own = [Source(MARKETS[0], "file", "", _fill), Source(MARKETS[2], "file", "", lambda _connection, _table: None)]
    samples = Samples(connect(), [*own, *bitmex_sources()])
    atexit.register(samples.close)
    return [SandboxEndpoint(samples, reading_named(names), "key") for names in ((), OTHER_READING)]


def fuzz_query(data: bytes) -> None:
    """The first byte chooses reading and market, the rest is the query string. The sandbox never fails."""
    choice, query = data[0] if data else 0, data[1:]
    market = MARKETS[choice // 2 % len(MARKETS)]
    answer = endpoints()[choice % 2](SandboxRequest(market, query, b"key", "gzip"))
    assert answer.status in (200, 404, 422), answer
    if answer.status == 200:
        assert len(json.loads(answer.body)[OPEN_INTEREST.items_field]) <= OPEN_INTEREST.limit_maximum
    elif answer.body:
        assert "detail" in json.loads(answer.body)


@lru_cache
def secret() -> ApiKey:
    """A key with characters that are escaped."""
    return ApiKey(SECRET)


def fuzz_error_response(data: bytes) -> None:
    """The first byte chooses the status, the first line is Retry-After, the rest the body. The message hides the key."""
    status = 100 + 2 * (data[0] if data else 0)
    header, _, body = data[1:].partition(b"\n")
    key, retry_after_text = secret(), header.decode("latin-1")
    seconds = parse_retry_after(retry_after_text, START)
    assert seconds is None or seconds >= 0
    redacted = key.redact_bytes(body)
    assert SECRET.encode() not in redacted
    line = explanation(redacted)
    assert line.isprintable()
    assert line == line.strip()
    assert len(line) <= 500
    error = response_error(status, {"retry-after": key.redact(retry_after_text)}, redacted)
    assert str(error).isprintable()
    assert SECRET not in str(error)
    assert len(str(error)) <= 750
    assert error.status == status


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    "decode": fuzz_decode,
    "page": fuzz_page,
    "query": fuzz_query,
    "error_response": fuzz_error_response,
}
"""Every target by name; its inputs are in ``corpus/<name>``."""


def corpus(name: str) -> dict[str, bytes]:
    """The inputs of a target, by file name."""
    return {path.name: path.read_bytes() for path in sorted((CORPUS / name).iterdir())}
