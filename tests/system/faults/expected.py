"""How each fault must end: in the whole series, or in an error of one kind."""

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
"""The error of a client that meets nothing but this fault; None where it gets all rows in spite of it."""

FINAL = {
    *("429-for-hours", "key-revoked", "key-forbidden", "html", "error-object", "gzip-bomb"),
    *("other-market", "stale-earlier", "stale-later", "redirect"),
}
"""What no second attempt mends: asked once, told at once."""


UNSEEN = 10
"""Requests that a fetch of these rows takes when nothing goes wrong, second looks at its gaps included."""


def passes(fault: Fault) -> bool:
    """Whether the whole series must come through."""
    return LASTING[fault.name] is None or (fault.times is not None and fault.name not in FINAL)


def timeout(fault: Fault) -> float:
    """How long a request may take: short only where nothing else would end it."""
    return 0.3 if LASTING[fault.name] is RequestTimeoutError else TIMEOUT


ALIKE = {"burst-500", "burst-502", "burst-504", "burst-520", "429-date", "429-zero", "429-nonsense"}
"""Differ from others in nothing but how one attempt is met."""


def variants() -> dict[str, Fault]:
    """Each fault as it is (half way), as the first thing that a client meets, and as the only thing."""
    made = {}
    for name, fault in FAULTS.items():
        made[name] = fault
        if name in ALIKE:
            continue
        if fault.after:
            made[f"{name} at first"] = replace(fault, after=0)
        if fault.times is not None:
            made[f"{name} for ever"] = replace(fault, after=0, times=None)
    return made


VARIANTS = variants()
