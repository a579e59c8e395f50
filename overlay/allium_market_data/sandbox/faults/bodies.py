"""Answers with status 200 that are not the answer: something else, half of it, other rows, or far too much."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from ..endpoint import Answer, Call
from ..query import Refusal, parse_query
from .fault import Act, Exchange, Fault

CAP: Final = 100
"""Rows that an answer has at most when a server cuts it without a word."""
BOMB: Final = 4 * 2**30
"""Bytes that a small answer unpacks to."""
_MARKETS: Final = ("hl:perp:BTC-USDC", "hl:perp:SOL-USDC")
_BLOCK: Final = 2**20
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_JSON: Final = {"content-type": "application/json"}
_PAGE: Final = b"<!doctype html><title>Down for maintenance</title><h1>We will be back soon</h1>"


def _changed(change: Callable[[bytes], bytes], **headers: str) -> Act:
    """The right answer with its body changed; a refusal as it is."""

    async def act(exchange: Exchange) -> None:
        answer = exchange.honest(replace(exchange.call, accept_encoding=""))
        if answer.status == 200:
            more = {name.replace("_", "-"): value for name, value in headers.items()}
            answer = Answer(200, change(answer.body), {**answer.headers, **more})
        await exchange.send(answer)

    return act


def _instead(body: bytes, content_type: str = "application/json") -> Act:
    return _changed(lambda _: body, content_type=content_type)


def _broken(body: bytes) -> bytes:
    packed = gzip.compress(body, mtime=0)
    middle = len(packed) // 2
    return packed[:middle] + bytes(byte ^ 0xFF for byte in packed[middle : middle + 16]) + packed[middle + 16 :]


def _kept(which: slice) -> Callable[[bytes], bytes]:
    def change(body: bytes) -> bytes:
        page: dict[str, Any] = json.loads(body)
        return json.dumps({**page, "items": page["items"][which]}).encode()

    return change


@lru_cache(maxsize=1)
def bomb() -> bytes:
    """A few megabytes of gzip that unpack to `BOMB` bytes of white space, then end without a checksum."""
    pack = zlib.compressobj(9, wbits=31)
    head = pack.compress(b'{"items":[') + pack.flush(zlib.Z_FULL_FLUSH)
    pack.compress(b" " * _BLOCK)
    pack.flush(zlib.Z_FULL_FLUSH)
    block = pack.compress(b" " * _BLOCK) + pack.flush(zlib.Z_FULL_FLUSH)  # stands for itself, so it may be repeated
    return head + block * (BOMB // _BLOCK)


async def _bomb(exchange: Exchange) -> None:
    await exchange.send(Answer(200, bomb(), {**_JSON, "content-encoding": "gzip"}))


async def _other_market(exchange: Exchange) -> None:
    await exchange.send(
        exchange.honest(replace(exchange.call, market_id=_MARKETS[exchange.call.market_id == _MARKETS[0]]))
    )


def _neighbour(direction: int) -> Act:
    """The right answer to the window before this one, or behind it: what a cache had under a wrong name."""

    async def act(exchange: Exchange) -> None:
        await exchange.send(exchange.honest(shifted(exchange.call, direction)))

    return act


def shifted(call: Call, direction: int) -> Call:
    """The same question about the window that lies ``direction`` windows away, with a bucket between the two."""
    try:
        query = parse_query(call.query_string)
    except Refusal:
        return call
    step = direction * (query.end - query.start + 2 * query.width)
    words = dict(parse_qsl(call.query_string.decode("latin-1")))
    for name, instant in (("start_timestamp", query.start), ("end_timestamp", query.end)):
        words[name] = (_EPOCH + timedelta(microseconds=instant + step)).isoformat()
    return replace(call, query_string=urlencode(words).encode())


async def _redirect(exchange: Exchange) -> None:
    target = exchange.call.raw_path.decode("latin-1") + "?" + exchange.call.query_string.decode("latin-1")
    await exchange.send(Answer(307, b"", {"location": f"{exchange.elsewhere}{target}"}))


def _cap(name: str, which: slice, end: str) -> Fault:
    description = f"of more than {CAP} rows only the {end} {CAP} are there, and nobody says so"
    return Fault(name, description, _changed(_kept(which)), after=0, times=None)


FAULTS: Final = (
    Fault("html", "200 with a web page", _instead(_PAGE, "text/html")),
    Fault("empty-body", "200 without a body", _instead(b"")),
    Fault("half-json", "200 with half of the JSON value, and the length of that", _changed(lambda b: b[: len(b) // 2])),
    Fault("error-object", "200 with an error object", _instead(b'{"error":{"code":13,"message":"internal"}}')),
    Fault("broken-gzip", "gzip that is broken in the middle", _changed(_broken, content_encoding="gzip")),
    Fault("gzip-bomb", f"a little gzip that unpacks to {BOMB // 2**30} GiB", _bomb, times=None),
    Fault("other-market", "the rows of another market than was asked for", _other_market),
    Fault("stale-earlier", "the rows of the window before this one, out of a cache", _neighbour(-1)),
    Fault("stale-later", "the rows of the window behind this one, out of a cache", _neighbour(1)),
    Fault("redirect", "a redirect to another origin, which would answer", _redirect),
    _cap("cap-head", slice(None, CAP), "first"),
    _cap("cap-tail", slice(-CAP, None), "last"),
)
