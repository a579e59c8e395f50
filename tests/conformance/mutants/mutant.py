"""What a mutant is, and the endpoint that commits it.

The way from a request to an answer has six steps. A `Mutant` wraps one or more of them: it gets what the step gets,
and the step itself to call, or not to. Several wrap one another, the last one outermost. The correct code knows nothing
of all this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias, TypeVar

from allium_market_data.sandbox.answer import History, Row, render, select
from allium_market_data.sandbox.endpoint import SandboxEndpoint, SandboxRequest, SandboxResponse
from allium_market_data.sandbox.query import Query
from allium_market_data.sandbox.readings import Reading
from allium_market_data.sandbox.samples import Samples

In = TypeVar("In")
Out = TypeVar("Out")
Step: TypeAlias = Callable[[In], Out]
Change: TypeAlias = Callable[[In, Callable[[In], Out]], Out]
"""A step done differently: its argument and the correct step to its result."""


class Asked(NamedTuple):
    """A valid question about a market that exists."""

    market_id: str
    query: Query
    reading: Reading
    history: History


class Selected(NamedTuple):
    """The rows of an answer, in the order in which they are sent."""

    asked: Asked
    rows: list[Row]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """The steps that one mutant does differently."""

    whole: Change[SandboxRequest, SandboxResponse] | None = None
    """From the request to the answer, a refusal included; all but the compression."""
    authenticate: Change[bytes | None, None] | None = None
    """From the key to nothing, or to a `HTTPError`."""
    parse: Change[bytes, Query] | None = None
    """From the raw query string to the question."""
    find: Change[str, History] | None = None
    """From the market to its samples."""
    select: Change[Asked, list[Row]] | None = None
    """From the question to the rows."""
    render: Change[Selected, bytes] | None = None
    """From the rows to the JSON."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One way to break the contract, under every reading of it."""

    name: str
    description: str
    clauses: tuple[str, ...]
    """The clauses of ``spec/clauses.toml`` that it violates."""
    changes: Changes


class MutantEndpoint(SandboxEndpoint):
    """The endpoint with some of its steps changed."""

    def __init__(self, mutants: Iterable[Mutant], samples: Samples, reading: Reading, api_key: str) -> None:
        super().__init__(samples, reading, api_key)
        changes = [mutant.changes for mutant in mutants]
        self._whole = wrapped(super().__call__, (change.whole for change in changes))
        self._authenticate = wrapped(super().authenticate, (change.authenticate for change in changes))
        self._parse = wrapped(super().parse, (change.parse for change in changes))
        self._find = wrapped(super().find, (change.find for change in changes))
        self._select = wrapped(_select, (change.select for change in changes))
        self._render = wrapped(_render, (change.render for change in changes))
        self._same_body = all(change.select is None and change.render is None for change in changes)

    def __call__(self, call: SandboxRequest) -> SandboxResponse:
        """The answer to ``call``, compressed after whatever went wrong with it."""
        plain = SandboxRequest(call.market_id, call.query_string, call.api_key, "", call.raw_path)
        return self.compress(self._whole(plain), call.accept_encoding)

    def authenticate(self, api_key: bytes | None) -> None:
        """Refuse a key, or do not."""
        self._authenticate(api_key)

    def parse(self, query_string: bytes) -> Query:
        """A question, perhaps not the one that was asked."""
        return self._parse(query_string)

    def find(self, market_id: str) -> History:
        """The samples of a market, perhaps of another one."""
        return self._find(market_id)

    def body(self, market_id: str, query: Query, history: History) -> bytes:
        """Rows as JSON, or what passes for it."""
        if self._same_body:
            return super().body(market_id, query, history)
        asked = Asked(market_id, query, self.reading, history)
        return self._render(Selected(asked, self._select(asked)))


def wrapped(step: Step[In, Out], changes: Iterable[Change[In, Out] | None]) -> Step[In, Out]:
    """``step`` inside all of ``changes``."""
    for change in changes:
        if change is not None:
            step = _around(step, change)
    return step


def _around(step: Step[In, Out], change: Change[In, Out]) -> Step[In, Out]:
    return lambda argument: change(argument, step)


def _select(asked: Asked) -> list[Row]:
    return select(asked.query, asked.reading, asked.history)


def _render(selected: Selected) -> bytes:
    asked, rows = selected
    return render(asked.market_id, rows, asked.query.width, asked.reading)
