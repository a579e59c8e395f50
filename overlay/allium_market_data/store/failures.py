"""Errors of one market, which end only its own tasks, and errors of the whole run."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
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
    ServerError,
)
from .coverage import SeriesKey

_OF_MARKET: Final = (RefusedError, ContractError, IncompleteError, PrecisionError)
_OF_RUN: Final = (AuthenticationError, PermissionDeniedError, RateLimitedError)

MAX_FAILING_MARKETS: Final = 3
"""The server is down when this many markets in a row end in a 5xx, with no other answer between them."""


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
    Whether a 5xx is of one market or of the whole server, ``Failures`` finds out.
    """
    return isinstance(error, _OF_MARKET) and not isinstance(error, _OF_RUN)


class Scope(Enum):
    """What an error ends. A 5xx beside other requests is ``UNKNOWN``, because the client shares it: do the task again alone."""

    MARKET = auto()
    RUN = auto()
    UNKNOWN = auto()


def scope_of(error: AlliumError) -> Scope:
    """What an error ends if other requests ran beside it."""
    if isinstance(error, ServerError):
        return Scope.UNKNOWN
    return Scope.MARKET if is_of_market(error) else Scope.RUN


@dataclass
class Failures:
    """The failures of a run, and the rule by which a 5xx ends one market or the run."""

    by_series: dict[SeriesKey, AlliumError] = field(default_factory=dict)
    answered: set[SeriesKey] = field(default_factory=set)
    in_a_row: dict[SeriesKey, ServerError] = field(default_factory=dict)
    """The series that ended in a 5xx since the last other answer."""

    def record_answer(self, key: SeriesKey) -> None:
        """Record that the server has answered a request of the series."""
        self.answered.add(key)
        self.in_a_row.clear()

    def record(self, key: SeriesKey, error: AlliumError, *, is_alone: bool) -> Scope:
        """Record an error, and return what it ends. ``is_alone``: no other request shared the client."""
        scope = scope_of(error)
        if scope is Scope.MARKET:
            self.by_series.setdefault(key, error)
            self.record_answer(key)
        if not isinstance(error, ServerError) or not is_alone:
            return scope
        self.by_series.setdefault(key, error)
        self.in_a_row.setdefault(key, error)
        return Scope.RUN if len(self.in_a_row) >= MAX_FAILING_MARKETS else Scope.MARKET

    @property
    def of_server(self) -> ServerError | None:
        """The error of a server that has answered no series but with a 5xx."""
        is_down = self.in_a_row and not self.answered - self.in_a_row.keys()
        return next(iter(self.in_a_row.values())) if is_down else None

    @property
    def of_markets(self) -> tuple[MarketFailure, ...]:
        """The series that failed, in the order of the failures."""
        return tuple(MarketFailure(key, error) for key, error in self.by_series.items())
