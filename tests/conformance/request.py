"""Requests as the suite writes them, and the server that they go to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import quote

from allium_market_data.model.intervals import WIDTHS, Interval

from . import times
from .document import PATH

INVALID_KEYS: Final = ("unrelated", "one character less", "one character more", "empty")


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

    def request(self, limit: int | None = 5000) -> Request:
        """The plainest request for this window."""
        parameters = (
            ("interval", self.interval),
            ("start_timestamp", times.text(self.start)),
            ("end_timestamp", times.text(self.end)),
        )
        return Request(parameters).with_parameters(limit=limit)

    def __str__(self) -> str:
        return f"[{times.text(self.start)}, {times.text(self.end)}) at {self.interval}"


@dataclass(frozen=True)
class Request:
    """A request before it is sent. Values are percent-encoded on sending, except for the colon."""

    parameters: tuple[tuple[str, str], ...]
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
        kept = tuple((name, value) for name, value in self.parameters if name not in parameters)
        added = tuple((name, str(value)) for name, value in parameters.items() if value is not None)
        return replace(self, parameters=kept + added)

    def target(self, market: str) -> str:
        """Path and query; ``market`` is the market under test."""
        market = quote(market if self.market is None else self.market, safe=":").replace(":", self.colon)
        pairs = (f"{name}={quote(value, safe=':').replace(':', self.query_colon)}" for name, value in self.parameters)
        return f"{PATH.format(market_id=market)}?{'&'.join(pairs)}"


@dataclass(frozen=True)
class Server:
    """The server under test, its market, and the key for it."""

    base_url: str
    market: str
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
        invalid = ("not-a-key-of-anyone", valid[:-1], f"{valid}x", "")
        return {"valid": valid, **dict(zip(INVALID_KEYS, invalid, strict=True))}[name]

    def curl(self, request: Request) -> str:
        """``request`` as a curl command, with the key left to a variable."""
        options = {None: "", "valid": f' -H "{self.key_header}: $ALLIUM_API_KEY"'}
        key = options.get(request.key, f" -H '{self.key_header}: (an invalid key: {request.key})'")
        return f"curl -sS --compressed{key} '{self.base_url}{request.target(self.market)}'"
