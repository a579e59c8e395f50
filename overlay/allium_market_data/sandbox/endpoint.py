"""One request to the endpoint and its response, without HTTP.

To change one step, derive from `SandboxEndpoint`, override that step, and pass the class to
``create_app(..., endpoint=...)``.
"""

from __future__ import annotations

import gzip
import hmac
import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl

from allium_market_data_wire.contract import KEY_HEADER

from ..errors import SandboxError
from .answer import History, error_body, respond
from .query import Detail, HTTPError, Query, parse_query
from .readings import Reading
from .samples import Samples

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class SandboxRequest:
    """A request. ``api_key`` holds the bytes of its header, None if the header is missing."""

    market_id: str
    query_string: bytes
    api_key: bytes | None = None
    accept_encoding: str = ""
    raw_path: bytes = b""
    """The path as sent, percent-encoding included; empty if unknown."""


@dataclass(frozen=True, slots=True)
class SandboxResponse:
    """The response to a request."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


HEALTH_PATH: Final = "/health"
HEALTH: Final = SandboxResponse(200, b'{"status":"ok"}', {"content-type": "application/json"})
"""The response of `HEALTH_PATH`, which needs no key."""


class SandboxEndpoint:
    """The operation of ``samples``, under ``reading``, for one ``api_key``.

    Raises `SandboxError` for an operation that reads a time without an offset in another zone than UTC.
    """

    def __init__(self, samples: Samples, reading: Reading, api_key: str) -> None:
        if samples.operation.naive_time != "UTC":
            zone = samples.operation.naive_time
            raise SandboxError(
                f"the sandbox reads a time without an offset as UTC; {samples.operation.name} says {zone}"
            )
        self.samples = samples
        self.operation = samples.operation
        self.reading = reading
        self.api_key = api_key

    def __call__(self, request: SandboxRequest) -> SandboxResponse:
        """The response to ``request``, which may be an error response."""
        try:
            self.authenticate(request.api_key)
            query = self.parse(request.query_string)
            history = self.find(request.market_id)
            self.refuse(request.query_string, query, history)
            response = self.answer(request.market_id, query, history)
        except HTTPError as error:
            response = self.error_response(error.status, error.detail)
        return self.compress(response, request.accept_encoding)

    def authenticate(self, api_key: bytes | None) -> None:
        """Raise 401 for a missing key and 403 for a wrong one."""
        if not api_key:
            raise HTTPError(401, f"Missing API key: send it in the header {KEY_HEADER}")
        if not hmac.compare_digest(api_key, self.api_key.encode()):
            raise HTTPError(403, "Invalid API key")

    def parse(self, query_string: bytes) -> Query:
        """The query; 422 if a parameter is invalid."""
        return parse_query(query_string, self.operation)

    def find(self, market_id: str) -> History:
        """The samples of the market; 404 for an unknown market, 422 for one that is not a perpetual."""
        source = self.samples.source(market_id)
        if source is None:
            raise HTTPError(404, f"Market not found: {market_id}")
        if not source.perpetual:
            raise HTTPError(422, f"Not a perpetual market: {market_id}")
        return self.samples.history(market_id)

    def answer(self, market_id: str, query: Query, history: History) -> SandboxResponse:
        """The rows, with the kind of their data in a header."""
        source = self.samples.source(market_id)
        headers = {"content-type": "application/json", "x-sandbox-data": source.kind if source else "unknown"}
        return SandboxResponse(200, self.body(market_id, query, history), headers)

    def body(self, market_id: str, query: Query, history: History) -> bytes:
        """The rows as JSON."""
        return respond(market_id, query, self.reading, history, self.operation)

    def refuse(self, query_string: bytes, query: Query, history: History) -> None:
        """Raise 422 for a valid query that the reading refuses."""
        texts = (text for _, text in parse_qsl(query_string.decode("latin-1")))
        if self.reading.dates == "refused" and any(_DATE.fullmatch(text) for text in texts):
            raise HTTPError(422, "Input should be a date and a time")
        if self.reading.old_windows == "refused" and query.end <= history.first:
            raise HTTPError(422, "The window is older than the history of this market")

    def error_response(self, status: int, detail: Detail, headers: dict[str, str] | None = None) -> SandboxResponse:
        """An error response in the format of the reading."""
        content_type, body = error_body(status, detail, self.reading)
        return SandboxResponse(status, body, {**(headers or {}), "content-type": content_type})

    def compress(self, response: SandboxResponse, accept_encoding: str) -> SandboxResponse:
        """``response``, compressed if the reading says so and the client accepts gzip."""
        if self.reading.compression != "gzip" or not response.body:
            return response
        headers = {**response.headers, "vary": "Accept-Encoding"}
        if not accepts_gzip(accept_encoding):
            return SandboxResponse(response.status, response.body, headers)
        body = gzip.compress(response.body, compresslevel=1, mtime=0)
        return SandboxResponse(response.status, body, {**headers, "content-encoding": "gzip"})


def accepts_gzip(accept_encoding: str) -> bool:
    """True if an Accept-Encoding header allows gzip (RFC 9110, 12.5.3). An unreadable weight counts as 0."""
    weights: dict[str, bool] = {}
    for member in accept_encoding.lower().split(","):
        coding, _, parameter = member.partition(";")
        name, _, weight = parameter.strip().partition("=")
        weights[coding.strip()] = not parameter.strip() or (name.strip() == "q" and _positive(weight.strip()))
    return weights.get("gzip", weights.get("*", False))


def _positive(weight: str) -> bool:
    return weight.replace(".", "", 1).isdecimal() and weight.strip("0.") != ""
