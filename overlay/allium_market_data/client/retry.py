"""Which failures are worth another try, and after how long. Pure, but for the jitter."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from ..errors import (
    CertificateError,
    FetchError,
    RateLimitedError,
    ResponseError,
    ServerError,
    TransportError,
    UsageError,
)

REQUEST_TIMEOUT = 408


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How a request is tried again. Times are in seconds.

    ``attempts`` counts the first one too. The n-th pause is ``first_pause`` times 2 to the power n-1, plus up to ``jitter``,
    at most ``longest_pause``. A server's Retry-After is kept to, unless it is longer than ``longest_retry_after``: then the
    failure is raised at once, with the time in its message.
    """

    attempts: int = 6
    first_pause: float = 0.5
    longest_pause: float = 20.0
    jitter: float = 0.5
    longest_retry_after: float = 120.0

    def __post_init__(self) -> None:
        """Raises ``UsageError`` for what no one can wait for."""
        if not isinstance(self.attempts, int) or isinstance(self.attempts, bool) or self.attempts < 1:
            raise UsageError(f"attempts must be a whole number above 0, not {self.attempts!r:.80}")
        for name in ("first_pause", "longest_pause", "jitter", "longest_retry_after"):
            seconds = getattr(self, name)
            if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not 0 <= seconds < math.inf:
                raise UsageError(f"{name} must be a number of seconds, not {seconds!r:.80}")


def pause(error: BaseException, policy: RetryPolicy, now: datetime) -> bool | float:
    """False: do not try again. True: after the policy's own pause. A number: after so many seconds."""
    if not passing(error):
        return False
    asked = retry_after(error.headers.get("retry-after"), now) if isinstance(error, FetchError) else None
    if asked is None:
        return True
    return False if asked > policy.longest_retry_after else asked + random.uniform(0, policy.jitter)


def passing(error: BaseException) -> bool:
    """Whether the failure is of a kind that may pass by itself."""
    if isinstance(error, ResponseError) and error.status == REQUEST_TIMEOUT:
        return True
    if isinstance(error, CertificateError):
        return False
    return isinstance(error, (TransportError, ServerError, RateLimitedError))


def retry_after(header: str | None, now: datetime) -> float | None:
    """The seconds that a Retry-After header asks for, be it a number or a date; None where it says nothing readable."""
    if header is None:
        return None
    value = header.strip()
    if value.isascii() and value.isdigit():
        return float(value[:12])
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):  # what it raises differs between versions of Python
        return None
    return max(0.0, ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds())
