"""Responses with status 200 and a wrong body: not JSON, cut, other rows, missing rows, or far too large."""

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

from allium_market_data_wire.contract import Operation

from ..endpoint import SandboxRequest, SandboxResponse
from ..query import HTTPError, parse_query
from .exchange import Exchange
from .fault import Fault, Handler

CAP: Final = 100
"""The most rows of a response that is truncated silently."""
BOMB: Final = 4 * 2**30
"""Bytes that the gzip bomb unpacks to."""
_MARKETS: Final = ("hl:perp:BTC-USDC", "hl:perp:SOL-USDC")
_BLOCK: Final = 2**20
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_JSON: Final = {"content-type": "application/json"}
_PAGE: Final = b"<!doctype html><title>Down for maintenance</title><h1>We will be back soon</h1>"


def _edited(edit: Callable[[bytes], bytes], **headers: str) -> Handler:
    """The correct response with its body edited; an error response unchanged."""

    async def handler(exchange: Exchange) -> None:
        response = exchange.correct_response(replace(exchange.request, accept_encoding=""))
        if response.status == 200:
            added = {name.replace("_", "-"): value for name, value in headers.items()}
            response = SandboxResponse(200, edit(response.body), {**response.headers, **added})
        await exchange.send(response)

    return handler


def _replaced(body: bytes, content_type: str = "application/json") -> Handler:
    return _edited(lambda _: body, content_type=content_type)


def _corrupt_gzip(body: bytes) -> bytes:
    packed = gzip.compress(body, mtime=0)
    middle = len(packed) // 2
    return packed[:middle] + bytes(byte ^ 0xFF for byte in packed[middle : middle + 16]) + packed[middle + 16 :]


def _keep(which: slice) -> Handler:
    """The correct response with some of its rows."""

    async def handler(exchange: Exchange) -> None:
        response = exchange.correct_response(replace(exchange.request, accept_encoding=""))
        if response.status == 200:
            field = exchange.endpoint.operation.items_field
            page: dict[str, Any] = json.loads(response.body)
            body = json.dumps({**page, field: page[field][which]}).encode()
            response = SandboxResponse(200, body, response.headers)
        await exchange.send(response)

    return handler


@lru_cache(maxsize=1)
def bomb() -> bytes:
    """A few megabytes of gzip that unpack to `BOMB` bytes of white space, then end without a checksum."""
    compressor = zlib.compressobj(9, wbits=31)
    head = compressor.compress(b'{"items":[') + compressor.flush(zlib.Z_FULL_FLUSH)
    compressor.compress(b" " * _BLOCK)
    compressor.flush(zlib.Z_FULL_FLUSH)
    # After a full flush, a block refers to nothing before it, so it may be repeated.
    block = compressor.compress(b" " * _BLOCK) + compressor.flush(zlib.Z_FULL_FLUSH)
    return head + block * (BOMB // _BLOCK)


async def _bomb(exchange: Exchange) -> None:
    await exchange.send(SandboxResponse(200, bomb(), {**_JSON, "content-encoding": "gzip"}))


async def _other_market(exchange: Exchange) -> None:
    other = _MARKETS[exchange.request.market_id == _MARKETS[0]]
    await exchange.send(exchange.correct_response(replace(exchange.request, market_id=other)))


def _stale(direction: int) -> Handler:
    """The correct response for the window before or after this one, as from a cache with a wrong key."""

    async def handler(exchange: Exchange) -> None:
        request = shifted(exchange.request, direction, exchange.endpoint.operation)
        await exchange.send(exchange.correct_response(request))

    return handler


def shifted(request: SandboxRequest, direction: int, operation: Operation) -> SandboxRequest:
    """The same request for the window ``direction`` windows away, with a bucket between the two."""
    try:
        query = parse_query(request.query_string, operation)
    except HTTPError:
        return request
    step = direction * (query.end - query.start + 2 * query.width)
    parameters = dict(parse_qsl(request.query_string.decode("latin-1")))
    for name, instant in ((operation.start_parameter, query.start), (operation.end_parameter, query.end)):
        parameters[name] = (_EPOCH + timedelta(microseconds=instant + step)).isoformat()
    return replace(request, query_string=urlencode(parameters).encode())


async def _redirect(exchange: Exchange) -> None:
    target = exchange.request.raw_path.decode("latin-1") + "?" + exchange.request.query_string.decode("latin-1")
    await exchange.send(SandboxResponse(307, b"", {"location": f"{exchange.other_origin}{target}"}))


def _cap(name: str, which: slice, end: str) -> Fault:
    description = f"responses are truncated silently to their {end} {CAP} rows"
    return Fault(name, description, _keep(which), after=0, times=None)


FAULTS: Final = (
    Fault("html", "200 with a web page", _replaced(_PAGE, "text/html")),
    Fault("empty-body", "200 without a body", _replaced(b"")),
    Fault("half-json", "200 with half of the JSON, and a matching length", _edited(lambda b: b[: len(b) // 2])),
    Fault("error-object", "200 with an error object", _replaced(b'{"error":{"code":13,"message":"internal"}}')),
    Fault("broken-gzip", "gzip that is corrupt in the middle", _edited(_corrupt_gzip, content_encoding="gzip")),
    Fault("gzip-bomb", f"a small gzip body that unpacks to {BOMB // 2**30} GiB", _bomb, times=None),
    Fault("other-market", "the rows of another market", _other_market),
    Fault("stale-earlier", "the rows of the window before, as from a wrong cache entry", _stale(-1)),
    Fault("stale-later", "the rows of the window after, as from a wrong cache entry", _stale(1)),
    Fault("redirect", "a redirect to another origin that gives correct responses", _redirect),
    _cap("cap-head", slice(None, CAP), "first"),
    _cap("cap-tail", slice(-CAP, None), "last"),
)
