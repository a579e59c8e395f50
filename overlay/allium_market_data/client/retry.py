"""Which failures are retried, and after how long."""

from __future__ import annotations

import asyncio
import logging
import math
import random
import re
from dataclasses import dataclass
from datetime import datetime

from ..errors import (
    CertificateError,
    FetchError,
    ProxyError,
    RateLimitedError,
    ResponseError,
    ServerError,
    TransportError,
    UsageError,
)
from .http_date import parse_http_date

LOGGER = logging.getLogger("allium_market_data")
LOGGER.addHandler(logging.NullHandler())  # without any handler Python would print each record

REQUEST_TIMEOUT = 408

SECONDS = re.compile(r"[0-9]+(\.[0-9]*)?|\.[0-9]+")
"""The seconds of a Retry-After. The standard knows whole ones only, but some servers send fractions."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How a request is retried. Times are in seconds.

    ``attempts`` includes the first one. The n-th pause is ``first_pause`` times 2 to the power n-1, plus up to ``jitter``,
    at most ``longest_pause``. A server's Retry-After is honoured, unless it is longer than ``longest_retry_after``: then the
    error is raised at once, with the time in its message.
    """

    attempts: int = 6
    first_pause: float = 0.5
    longest_pause: float = 20.0
    jitter: float = 0.5
    longest_retry_after: float = 120.0

    def __post_init__(self) -> None:
        """Raises ``UsageError`` for a value that is not a usable number."""
        if not isinstance(self.attempts, int) or isinstance(self.attempts, bool) or self.attempts < 1:
            raise UsageError(f"attempts must be a whole number above 0, not {self.attempts!r:.80}")
        for name in ("first_pause", "longest_pause", "jitter", "longest_retry_after"):
            seconds = getattr(self, name)
            if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not 0 <= seconds < math.inf:
                raise UsageError(f"{name} must be a number of seconds, not {seconds!r:.80}")


def retry_delay(error: BaseException, policy: RetryPolicy, now: datetime) -> bool | float:
    """False: do not retry. True: retry after the policy's own pause. A number: retry after that many seconds."""
    if not is_transient(error):
        return False
    seconds = parse_retry_after(error.headers.get("retry-after"), now) if isinstance(error, FetchError) else None
    if seconds is None:
        return True
    return False if seconds > policy.longest_retry_after else seconds + random.uniform(0, policy.jitter)


def backoff(policy: RetryPolicy, attempt: int) -> float:
    """The policy's own pause after an attempt, which counts from 1, in seconds."""
    doubled = policy.first_pause * 2.0 ** min(attempt - 1, 64)
    return min(policy.longest_pause, doubled + random.uniform(0, policy.jitter))


async def sleep(seconds: float) -> None:
    """Wait between two attempts."""
    await asyncio.sleep(seconds)


def log_retry(url: str, reason: str, attempt: int, policy: RetryPolicy, pause: float | None) -> None:
    """Log one line about a failed attempt that is repeated, to the logger ``allium_market_data``.

    A warning if it is repeated after ``pause`` seconds; an info if it is None, as then it waits for a request that is
    repeated already.
    """
    level = logging.INFO if pause is None else logging.WARNING
    when = "when another request succeeds" if pause is None else f"in {pause:.1f} s"
    LOGGER.log(level, "attempt %d of %d failed, next %s: %s (GET %s)", attempt, policy.attempts, when, reason, url)


def is_transient(error: BaseException) -> bool:
    """True for a kind of failure that the same request may not meet again."""
    if isinstance(error, ResponseError) and error.status == REQUEST_TIMEOUT:
        return True
    if isinstance(error, CertificateError | ProxyError):
        return False
    return isinstance(error, (TransportError, ServerError, RateLimitedError))


def parse_retry_after(header: str | None, now: datetime) -> float | None:
    """The seconds in a Retry-After header, which holds a number or a date; None if there is none or it is unreadable."""
    value = (header or "").strip()
    if SECONDS.fullmatch(value):
        return float(value[:12])
    date = parse_http_date(value)
    return None if date is None else max(0.0, (date - now).total_seconds())
