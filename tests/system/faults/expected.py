"""How a fetch must end under each fault: with the complete series, or with an error of one kind."""

from __future__ import annotations

from dataclasses import replace

from allium_market_data.errors import (
    AuthenticationError,
    ConnectionFailedError,
    ContractError,
    FetchError,
    PermissionDeniedError,
    RateLimitedError,
    RequestTimeoutError,
    ServerError,
    UnexpectedStatusError,
)
from allium_market_data.sandbox.faults import FAULTS, Fault
from system.faults.fetching import TIMEOUT

LASTING: dict[str, type[FetchError] | None] = {
    **dict.fromkeys((name for name in FAULTS if name.startswith("429-")), RateLimitedError),
    **dict.fromkeys((name for name in FAULTS if name.startswith("burst-")), ServerError),
    "dead": ServerError,
    "dies": ServerError,
    "key-revoked": AuthenticationError,
    "key-forbidden": PermissionDeniedError,
    "connection-refused": ConnectionFailedError,
    "reset-before-answer": ConnectionFailedError,
    "reset-midway": ConnectionFailedError,
    "closed-before-answer": ConnectionFailedError,
    "short-body": ConnectionFailedError,
    "stalled": RequestTimeoutError,
    "stalled-midway": RequestTimeoutError,
    "drip": RequestTimeoutError,
    "no-http": ConnectionFailedError,
    "slow": None,
    "html": ContractError,
    "empty-body": ConnectionFailedError,
    "half-json": ConnectionFailedError,
    "error-object": ContractError,
    "broken-gzip": ConnectionFailedError,
    "gzip-bomb": ContractError,
    "other-market": ContractError,
    "stale-earlier": ContractError,
    "stale-later": ContractError,
    "redirect": UnexpectedStatusError,
    "cap-head": None,
    "cap-tail": None,
}
"""The error of a client that always meets this fault; None if it gets all rows in spite of it."""

FINAL = {
    *("429-for-hours", "key-revoked", "key-forbidden", "html", "error-object", "gzip-bomb"),
    *("other-market", "stale-earlier", "stale-later", "redirect"),
}
"""Faults whose error is raised at once, without a retry."""


HONEST_REQUESTS = 10
"""The most requests that a fetch of these rows takes without faults, refetches of its gaps included."""


def passes(fault: Fault) -> bool:
    """True if the complete series must be fetched in spite of the fault."""
    return LASTING[fault.name] is None or (fault.times is not None and fault.name not in FINAL)


def timeout(fault: Fault) -> float:
    """The client's timeout in seconds. It is short only for faults that end by it, and long enough for other responses."""
    if LASTING[fault.name] is not RequestTimeoutError:
        return TIMEOUT
    return 3.0 if passes(fault) else 0.3


ALIKE = {"burst-500", "burst-502", "burst-504", "burst-520", "429-date", "429-zero", "429-nonsense"}
"""These differ from others only in one attempt, so their variants are left out."""

TIMING_OUT = {"stalled-midway", "drip"}
"""As ``stalled``, which has all variants: each of these takes seconds."""


def variants() -> dict[str, Fault]:
    """Each fault in the middle of a fetch, as the first response, and as the only one."""
    faults = {}
    for name, fault in FAULTS.items():
        faults[name] = fault
        if name not in ALIKE and name not in TIMING_OUT:
            if fault.after:
                faults[f"{name} at first"] = replace(fault, after=0)
            if fault.times is not None:
                faults[f"{name} for ever"] = replace(fault, after=0, times=None)
    return faults


VARIANTS = variants()
