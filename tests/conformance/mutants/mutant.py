"""What a mutant is, and an endpoint with mutants.

The sandbox handles a request in six steps. A `Mutant` wraps one or more of them, like middleware: it gets the argument of
the step and the step itself, to call or not. With several mutants, the last one is outermost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias, TypeVar

from starlette.types import ASGIApp

from allium_market_data.sandbox.answer import History, Row, render, select
from allium_market_data.sandbox.endpoint import SandboxEndpoint, SandboxRequest, SandboxResponse
from allium_market_data.sandbox.query import Query
from allium_market_data.sandbox.readings import Reading
from allium_market_data.sandbox.samples import Samples

from ..clock import Clock

In = TypeVar("In")
Out = TypeVar("Out")
Step: TypeAlias = Callable[[In], Out]
Change: TypeAlias = Callable[[In, Callable[[In], Out]], Out]
"""A changed step: from its argument and the unchanged step to its result."""


class QueryContext(NamedTuple):
    """A valid query about a market that exists."""

    market_id: str
    query: Query
    reading: Reading
    history: History


class SelectedRows(NamedTuple):
    """The rows of a response, in the order in which they are sent."""

    context: QueryContext
    rows: list[Row]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """The steps that a mutant changes."""

    whole: Change[SandboxRequest, SandboxResponse] | None = None
    """From the request to the response, error responses included, before compression."""
    authenticate: Change[bytes | None, None] | None = None
    """From the key to None, or an `HTTPError`."""
    parse: Change[bytes, Query] | None = None
    """From the raw query string to the query."""
    find: Change[str, History] | None = None
    """From the market to its samples."""
    select: Change[QueryContext, list[Row]] | None = None
    """From the query to the rows."""
    render: Change[SelectedRows, bytes] | None = None
    """From the rows to the body."""
    middleware: Callable[[ASGIApp, Clock], ASGIApp] | None = None
    """The whole application inside another one: for what concerns several requests, or headers."""


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
        self._render = wrapped(self._unchanged_body, (change.render for change in changes))
        self._same_body = all(
            change.find is None and change.select is None and change.render is None for change in changes
        )

    def __call__(self, request: SandboxRequest) -> SandboxResponse:
        """The changed response to ``request``, then compressed."""
        plain = SandboxRequest(request.market_id, request.query_string, request.api_key, "", request.raw_path)
        return self.compress(self._whole(plain), request.accept_encoding)

    def authenticate(self, api_key: bytes | None) -> None:
        """The changed check of the key."""
        self._authenticate(api_key)

    def parse(self, query_string: bytes) -> Query:
        """The changed query."""
        return self._parse(query_string)

    def find(self, market_id: str) -> History:
        """The changed samples of a market."""
        return self._find(market_id)

    def body(self, market_id: str, query: Query, history: History) -> bytes:
        """The changed body."""
        if self._same_body:
            return super().body(market_id, query, history)
        context = QueryContext(market_id, query, self.reading, history)
        return self._render(SelectedRows(context, self._select(context)))

    def _unchanged_body(self, selected: SelectedRows) -> bytes:
        context, rows = selected
        return render(context.market_id, rows, context.query.width, context.reading, self.operation)


def wrapped(step: Step[In, Out], changes: Iterable[Change[In, Out] | None]) -> Step[In, Out]:
    """``step`` inside all of ``changes``."""
    for change in changes:
        if change is not None:
            step = _around(step, change)
    return step


def _around(step: Step[In, Out], change: Change[In, Out]) -> Step[In, Out]:
    return lambda argument: change(argument, step)


def _select(context: QueryContext) -> list[Row]:
    return select(context.query, context.reading, context.history)
