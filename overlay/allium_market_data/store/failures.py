"""Errors of one market, which end only its own tasks, and errors of the whole run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..errors import (
    AlliumError,
    AuthenticationError,
    ContractError,
    IncompleteError,
    PermissionDeniedError,
    PrecisionError,
    RateLimitedError,
    RefusedError,
)
from .coverage import SeriesKey

_OF_MARKET: Final = (RefusedError, ContractError, IncompleteError, PrecisionError)
_OF_RUN: Final = (AuthenticationError, PermissionDeniedError, RateLimitedError)


@dataclass(frozen=True, slots=True)
class MarketFailure:
    """Why a series is not done: its first error. Its complete windows before that are committed."""

    key: SeriesKey
    error: AlliumError

    def __str__(self) -> str:
        return f"{self.key[1]} {self.key[0]}: {self.error}"


def is_of_market(error: AlliumError) -> bool:
    """True for an error that ends one market alone: a refusal (404, 422, ...), a bad value, or a contract error.

    A refused key (401, 403), a server that is down or limits the rate, a spent budget and an unusable table end the run.
    Whether a 5xx is of one market or of the whole server, the runner finds out.
    """
    return isinstance(error, _OF_MARKET) and not isinstance(error, _OF_RUN)
