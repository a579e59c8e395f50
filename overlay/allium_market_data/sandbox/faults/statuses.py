"""Faults with an error status: overloaded, broken, down, or no longer accepting the key."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Final

from ..endpoint import SandboxResponse
from .exchange import Exchange
from .fault import Fault, Handler

RETRY_AFTER_SECONDS: Final = 1


def answering(status: int, detail: str, retry_after: str | None = None) -> Handler:
    """Answer with this status and detail."""
    headers = {"content-type": "application/json"} | ({} if retry_after is None else {"retry-after": retry_after})
    response = SandboxResponse(status, json.dumps({"detail": detail}).encode(), headers)

    async def handler(exchange: Exchange) -> None:
        await exchange.send(response)

    return handler


async def _retry_after_date(exchange: Exchange) -> None:
    # An HTTP date has whole seconds, rounded down: hence twice the pause.
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=2 * RETRY_AFTER_SECONDS), usegmt=True)
    await answering(429, "Too many requests", date)(exchange)


def _limited(name: str, description: str, retry_after: str | None, times: int | None = 2) -> Fault:
    handler = answering(429, "Too many requests", retry_after)
    return Fault(f"429-{name}", f"429 with Retry-After {description}", handler, times=times)


def _burst(status: int, detail: str) -> Fault:
    description = f"a few requests fail with {status}, then the server recovers"
    return Fault(f"burst-{status}", description, answering(status, detail))


FAULTS: Final = (
    _limited("seconds", "in seconds", str(RETRY_AFTER_SECONDS), times=1),
    Fault("429-date", "429 with Retry-After as a date", _retry_after_date, times=1),
    _limited("zero", "of 0 seconds", "0"),
    _limited("nonsense", "that is unreadable", "soon, or later"),
    Fault("429-absent", "429 without Retry-After", answering(429, "Too many requests")),
    _limited("for-hours", "of a day", "86400", times=None),
    _burst(500, "Internal server error"),
    _burst(502, "Bad gateway"),
    _burst(503, "Service unavailable"),
    _burst(504, "Gateway timeout"),
    _burst(520, "Web server returned an unknown error"),
    Fault("dead", "every request fails with 503, from the first one on", answering(503, "Down"), after=0, times=None),
    Fault("dies", "after two requests, all fail with 503", answering(503, "Down"), times=None),
    Fault("key-revoked", "after two requests, the key is refused with 401", answering(401, "Key revoked"), times=None),
    Fault("key-forbidden", "after two requests, the key is refused with 403", answering(403, "Not yours"), times=None),
)
