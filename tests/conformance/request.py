"""Requests as the suite writes them, and the server that they go to.

A request names its parameters by their roles: ``interval``, ``start``, ``end`` and ``limit``. The operation under test says
how they are called on the wire, when the request is sent.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import quote

from allium_market_data.model.intervals import WIDTHS, Interval
from allium_market_data_wire.contract import Operation

from . import times

INVALID_KEYS: Final = ("unrelated", "one character less", "one character more", "other case", "empty")
MOST: Final = "most"
"""The limit that asks for as many rows as the contract allows."""


@dataclass(frozen=True)
class Window:
    """start <= t < end in microseconds, in buckets of ``interval``."""

    interval: Interval
    start: int
    end: int

    @property
    def width(self) -> int:
        """The width of a bucket in microseconds."""
        return WIDTHS[self.interval]

    def request(self, limit: int | str | None = MOST) -> Request:
        """The plainest request for this window."""
        parameters = (("interval", self.interval), ("start", times.text(self.start)), ("end", times.text(self.end)))
        return Request(parameters).with_parameters(limit=limit)

    def __str__(self) -> str:
        return f"[{times.text(self.start)}, {times.text(self.end)}) at {self.interval}"


@dataclass(frozen=True)
class Request:
    """A request before it is sent. Values are percent-encoded on sending, except for the colon."""

    parameters: tuple[tuple[str, str], ...]
    """Roles and values."""
    market: str | None = None
    """Another market than the one under test."""
    key: str | None = "valid"
    """``valid``, None for no key, or one of `INVALID_KEYS`. A name, so that no report shows a part of the key."""
    colon: str = ":"
    """How a colon is written in the path: ``:`` or ``%3A``."""
    query_colon: str = ":"
    """How a colon is written in the query."""
    accept_encoding: str = "gzip"

    def with_parameters(self, **parameters: str | int | None) -> Request:
        """This request with some parameters set, or removed where the value is None."""
        kept = tuple((role, value) for role, value in self.parameters if role not in parameters)
        added = tuple((role, str(value)) for role, value in parameters.items() if value is not None)
        return replace(self, parameters=kept + added)

    def target(self, operation: Operation, market: str) -> str:
        """Path and query; ``market`` is the market under test."""
        market = quote(market if self.market is None else self.market, safe=":").replace(":", self.colon)
        names = wire_names(operation)
        values = {MOST: str(operation.limit_maximum)}
        pairs = (
            f"{names[role]}={quote(values.get(value, value), safe=':').replace(':', self.query_colon)}"
            for role, value in self.parameters
            if names[role] is not None
        )
        return f"{operation.path.format_map({operation.market_parameter: market})}?{'&'.join(pairs)}"


def wire_names(operation: Operation) -> dict[str, str | None]:
    """The parameters of an operation by role; None for an interval that is fixed."""
    return {
        "interval": operation.interval_parameter,
        "start": operation.start_parameter,
        "end": operation.end_parameter,
        "limit": operation.limit_parameter,
    }


@dataclass(frozen=True)
class Server:
    """The server under test, its market, and the key for it."""

    base_url: str
    market: str
    operation: Operation
    key_header: str
    api_key: str = field(repr=False)

    def headers(self, request: Request) -> dict[str, str]:
        """The headers of ``request``. Accept-Encoding is explicit: httpx's default depends on what is installed."""
        headers = {"Accept-Encoding": request.accept_encoding}
        if request.key is not None:
            headers[self.key_header] = self._key(request.key)
        return headers

    def _key(self, name: str) -> str:
        valid = self.api_key
        invalid = ("not-a-key-of-anyone", valid[:-1], f"{valid}x", valid.swapcase(), "")
        return {"valid": valid, **dict(zip(INVALID_KEYS, invalid, strict=True))}[name]

    def curl(self, request: Request) -> str:
        """``request`` as a curl command, with the key left to a variable."""
        options = {None: "", "valid": f' -H "{self.key_header}: $ALLIUM_API_KEY"'}
        key = options.get(request.key, f" -H '{self.key_header}: (an invalid key: {request.key})'")
        compressed = " --compressed" if request.accept_encoding == "gzip" else ""
        return f"curl -sS{compressed}{key} '{self.base_url}{request.target(self.operation, self.market)}'"
