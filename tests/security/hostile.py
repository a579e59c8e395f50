"""Responses that are expensive to read. Each is read in this process, which measures processor time and memory.

``python -m security.hostile`` prints a line of JSON for each.
"""

from __future__ import annotations

import gc
import json
import time
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from allium_market_data import MarketData, RetryPolicy
from allium_market_data.client.api_key import ApiKey
from allium_market_data.client.decode import PageRequest, decode
from allium_market_data.client.error_response import response_error
from allium_market_data.errors import AlliumError
from allium_market_data.model.endpoint import OPEN_INTEREST
from allium_market_data.model.windows import Window
from support.serving import MARKET, SECRET, http, served

SIZE: Final = 4 * 2**20
"""Bytes of a body: a quarter of the largest allowed response; time and memory grow linearly."""

START: Final = datetime(2026, 5, 1, tzinfo=UTC)
QUESTION: Final = PageRequest(OPEN_INTEREST, MARKET, "1h", Window(START, START, START + timedelta(days=7)), START)
ROW: Final = b'{"market_id":"hl:perp:BTC-USDC","ts":"2026-05-01T00:00:00Z","oi_base":"1","oi_quote_usd":"2"}'


def _filled(head: bytes, piece: bytes, tail: bytes) -> bytes:
    """``piece`` repeated up to ``SIZE`` bytes."""
    return head + piece * ((SIZE - len(head) - len(tail)) // len(piece)) + tail


def _names(head: bytes, tail: bytes) -> bytes:
    return head + b"".join(b',"%d":0' % number for number in range(SIZE // 12)) + tail


BODIES: Final[dict[str, Callable[[], bytes]]] = {
    "too many rows": lambda: _filled(b'{"items":[' + ROW, b"," + ROW, b"]}"),
    "too many rows with unknown fields": lambda: _filled(b'{"items":[' + ROW, b"," + ROW[:-1] + b',"x":0}', b"]}"),
    "empty objects": lambda: _filled(b'{"items":[{}', b",{}", b"]}"),
    "numbers for rows": lambda: _filled(b'{"items":[0', b",0", b"]}"),
    "an unknown list": lambda: _filled(b'{"items":[],"x":[0', b",0", b"]}"),
    "an unknown list of objects": lambda: _filled(b'{"items":[],"x":[{}', b",{}", b"]}"),
    "unknown names": lambda: _names(b'{"items":[]', b"}"),
    "unknown names in a row": lambda: _names(b'{"items":[' + ROW[:-1], b"}]}"),
    "a name without end": lambda: _filled(b'{"items":[],"', b"x", b'":0}'),
    "nested": lambda: b'{"items":[],"x":' + b"[" * (SIZE // 2) + b"]" * (SIZE // 2) + b"}",
    "nested in a row": lambda: (
        b'{"items":[' + ROW[:-1] + b',"x":' + b'{"a":' * (SIZE // 8) + b"0" + b"}" * (SIZE // 8) + b"}]}"
    ),
    "nested and open": lambda: b'{"items":[],"x":' + b"[" * SIZE,
    "nested from the start": lambda: b"[" * SIZE,
    "a long market": lambda: _filled(b'{"items":[{"market_id":"', b"x", b'"}]}'),
    "a long time": lambda: _filled(
        b'{"items":[' + ROW.partition(b":00Z")[0] + b":00.", b"0", b'Z","oi_base":"1","oi_quote_usd":"2"}]}'
    ),
    "no decimal": lambda: _filled(b'{"items":[' + ROW.partition(b'"1"')[0] + b'"', b"1", b'x","oi_quote_usd":"2"}]}'),
    "escapes": lambda: _filled(b'{"items":[],"x":"', b"\\u0000", b'"}'),
    "a long number": lambda: _filled(b'{"items":[],"x":', b"9", b"}"),
    "blanks": lambda: _filled(b'{"items":', b" ", b"[]}"),
}
REFUSALS: Final[dict[str, Callable[[], bytes]]] = {
    "a refusal of tags": lambda: b"<" * SIZE,
    "a refusal of scripts": lambda: _filled(b"", b"<script>", b""),
    "a refusal of lists": lambda: _filled(b'{"detail":["x"', b',"x"', b"]}"),
    "a nested refusal": lambda: b'{"detail":' * (SIZE // 10),
    "a refusal of backslashes": lambda: b"\\" * SIZE,
    "a refusal of the key's beginning": lambda: SECRET[:7].encode() * (SIZE // 7),
}


def _peak() -> int:
    """The peak memory of this process since `_reset_peak`, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def _reset_peak() -> int:
    """Reset the peak and return it, in bytes."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def measure(name: str, act: Callable[[], object], base: int) -> None:
    """Call ``act`` and print the outcome, the processor time, and the memory above ``base``."""
    began = time.process_time()
    try:
        outcome = f"{act()!r:.80}"
    except AlliumError as error:
        outcome = f"{type(error).__name__}: {error}"
    seconds, grown = time.process_time() - began, _peak() - base
    print(json.dumps({"name": name, "outcome": outcome, "seconds": seconds, "grown": grown}), flush=True)


def _refused(body: bytes) -> object:
    key = ApiKey(SECRET)
    return response_error(400, {}, key.redact_bytes(body[: 2**16]))


def _unpacked(size: int) -> bytes:
    packing = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packing.compress(b" " * 2**20) for _ in range(size // 2**20)) + packing.flush()


def main() -> None:
    """All of them."""
    decode(b'{"items":[%b]}' % ROW, QUESTION)
    for name, make in BODIES.items():
        body, base = make(), _reset_peak()
        measure(name, lambda: len(decode(body, QUESTION).rows), base)  # noqa: B023 - called at once
    for name, make in REFUSALS.items():
        body, base = make(), _reset_peak()
        measure(name, lambda: str(_refused(body)), base)  # noqa: B023
    packed = _unpacked(512 * 2**20)
    answer = http(packed, headers=["content-encoding: gzip"])
    once = RetryPolicy(attempts=1)
    with served(lambda connection, _: connection.sendall(answer)) as url, MarketData("key", url, retry=once) as client:
        ask = lambda: client.open_interest(MARKET, interval="1h", start="2026-05-01", end="2026-05-02")  # noqa: E731
        measure("a packed answer of half a gigabyte", ask, _reset_peak())


if __name__ == "__main__":
    main()
