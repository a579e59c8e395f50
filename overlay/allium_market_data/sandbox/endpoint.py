"""One request to the endpoint, answered without HTTP.

A double that misbehaves on purpose derives from `SandboxEndpoint` and replaces one step, so that this code has no switch for
it; `create_app(..., endpoint=...)` takes it. What goes wrong on the way (delays, broken bodies) is ASGI around the
application.
"""

from __future__ import annotations

import gzip
import hmac
from dataclasses import dataclass, field

from .answer import History, refusal_body, respond
from .query import Detail, Query, Refusal, parse_query
from .readings import Reading
from .samples import Samples


@dataclass(frozen=True, slots=True)
class Call:
    """What a request says. ``api_key`` is the bytes of its header, None where there is none."""

    market_id: str
    query_string: bytes
    api_key: bytes | None = None
    accept_encoding: str = ""
    raw_path: bytes = b""
    """The path as it was sent, percent-encoding and all; empty where nobody knows."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


class SandboxEndpoint:
    """GET /api/v1/markets/{market_id}/perps/open_interest over ``samples``, under ``reading``, for one ``api_key``."""

    def __init__(self, samples: Samples, reading: Reading, api_key: str) -> None:
        self.samples = samples
        self.reading = reading
        self.api_key = api_key

    def __call__(self, call: Call) -> Answer:
        """The answer to ``call``, a refusal included."""
        try:
            self.authenticate(call.api_key)
            query = self.parse(call.query_string)
            history = self.find(call.market_id)
            answer = self.answer(call.market_id, query, history)
        except Refusal as refusal:
            answer = self.refuse(refusal.status, refusal.detail)
        return self.compress(answer, call.accept_encoding)

    def authenticate(self, api_key: bytes | None) -> None:
        """Refuse a missing key with 401 and a wrong one with 403."""
        if not api_key:
            raise Refusal(401, "Missing API key: send it in the header X-API-KEY")
        if not hmac.compare_digest(api_key, self.api_key.encode()):
            raise Refusal(403, "Invalid API key")

    def parse(self, query_string: bytes) -> Query:
        """The question; 422 where there is none."""
        return parse_query(query_string)

    def find(self, market_id: str) -> History:
        """The samples of the market; 404 for an unknown one, 422 for one that is not a perpetual."""
        source = self.samples.source(market_id)
        if source is None:
            raise Refusal(404, f"Market not found: {market_id}")
        if not source.perpetual:
            raise Refusal(422, f"Not a perpetual market: {market_id}")
        return self.samples.history(market_id)

    def answer(self, market_id: str, query: Query, history: History) -> Answer:
        """The rows, and in a header where they come from."""
        source = self.samples.source(market_id)
        headers = {"content-type": "application/json", "x-sandbox-data": source.kind if source else "unknown"}
        return Answer(200, self.body(market_id, query, history), headers)

    def body(self, market_id: str, query: Query, history: History) -> bytes:
        """The rows as JSON."""
        return respond(market_id, query, self.reading, history)

    def refuse(self, status: int, detail: Detail, headers: dict[str, str] | None = None) -> Answer:
        """A refusal in the shape that the reading asks for."""
        content_type, body = refusal_body(status, detail, self.reading)
        return Answer(status, body, {**(headers or {}), "content-type": content_type})

    def compress(self, answer: Answer, accept_encoding: str) -> Answer:
        """``answer``, compressed where the reading says so and the caller accepts it."""
        if self.reading.compression != "gzip" or not answer.body:
            return answer
        headers = {**answer.headers, "vary": "Accept-Encoding"}
        if not accepts_gzip(accept_encoding):
            return Answer(answer.status, answer.body, headers)
        body = gzip.compress(answer.body, compresslevel=1, mtime=0)
        return Answer(answer.status, body, {**headers, "content-encoding": "gzip"})


def accepts_gzip(accept_encoding: str) -> bool:
    """Does an Accept-Encoding header allow gzip (RFC 9110, 12.5.3)? An unreadable weight counts as a refusal."""
    weights: dict[str, bool] = {}
    for member in accept_encoding.lower().split(","):
        coding, _, parameter = member.partition(";")
        name, _, weight = parameter.strip().partition("=")
        weights[coding.strip()] = not parameter.strip() or (name.strip() == "q" and _positive(weight.strip()))
    return weights.get("gzip", weights.get("*", False))


def _positive(weight: str) -> bool:
    return weight.replace(".", "", 1).isdecimal() and weight.strip("0.") != ""
