"""Servers that answer, in order, that they will not: overloaded, broken, dead, or of another mind about the key."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Final

from ..endpoint import Answer
from .fault import Act, Exchange, Fault

PAUSE: Final = 1
"""Seconds that a server asks to be left alone for."""


def answering(status: int, said: str, retry_after: str | None = None) -> Act:
    """A refusal with this status and these words."""
    headers = {"content-type": "application/json"} | ({} if retry_after is None else {"retry-after": retry_after})
    answer = Answer(status, json.dumps({"detail": said}).encode(), headers)

    async def act(exchange: Exchange) -> None:
        await exchange.send(answer)

    return act


async def _until_a_date(exchange: Exchange) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=2 * PAUSE), usegmt=True)  # whole seconds, cut off
    await answering(429, "Too many requests", date)(exchange)


def _limited(name: str, how: str, retry_after: str | None, times: int | None = 2) -> Fault:
    act = answering(429, "Too many requests", retry_after)
    return Fault(f"429-{name}", f"429 with Retry-After {how}", act, times=times)


def _burst(status: int, said: str) -> Fault:
    return Fault(
        f"burst-{status}", f"a few requests fail with {status}, then all is well again", answering(status, said)
    )


FAULTS: Final = (
    _limited("seconds", "in seconds", str(PAUSE), times=1),
    Fault("429-date", "429 with Retry-After as a date", _until_a_date, times=1),
    _limited("zero", "of 0 seconds", "0"),
    _limited("nonsense", "that says nothing", "soon, or later"),
    Fault("429-absent", "429 without Retry-After", answering(429, "Too many requests")),
    _limited("for-hours", "of more than anyone would wait for", "86400", times=None),
    _burst(500, "Internal server error"),
    _burst(502, "Bad gateway"),
    _burst(503, "Service unavailable"),
    _burst(504, "Gateway timeout"),
    _burst(520, "Web server returned an unknown error"),
    Fault("dead", "every request fails with 503, from the first one on", answering(503, "Down"), after=0, times=None),
    Fault("dies", "every request fails with 503, from some moment on", answering(503, "Down"), times=None),
    Fault("key-revoked", "from some moment on the key is refused with 401", answering(401, "Key revoked"), times=None),
    Fault("key-forbidden", "from some moment on the key is refused with 403", answering(403, "Not yours"), times=None),
)
