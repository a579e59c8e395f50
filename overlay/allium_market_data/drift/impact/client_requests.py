"""The requests that this client sends, and whether an operation of a document allows them."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from urllib.parse import unquote, urlencode

from allium_market_data_wire.contract import KEY_HEADER, SERVER

from ...model.endpoint import ENDPOINTS, Endpoint
from ..diff.operations import Operation, Parameter
from ..diff.security import security_alternatives
from ..schema.validation import accepts

MARKET: Final = "hl:perp:BTC-USDC"


@dataclass(frozen=True, slots=True)
class ClientRequest:
    """A GET request that carries an API key."""

    endpoint: Endpoint
    path: str
    query: Mapping[str, Any]

    def __str__(self) -> str:
        query = urlencode({name: _text(value) for name, value in self.query.items()}, safe=":")
        return f"GET {SERVER}{self.path}?{query}\n{KEY_HEADER}: ..."


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a document does not allow a request. ``part`` and ``name`` are those of the `Location` at fault."""

    part: str
    name: str
    reason: str


@lru_cache(8)
def client_requests(endpoint: Endpoint) -> tuple[ClientRequest, ...]:
    """The first request of a long fetch, for each interval of an endpoint."""
    from ...client.plan import plan
    from ...client.transport import request
    from ...validation import to_instant

    start, end = to_instant("2026-05-01T00:00:00Z", "start"), to_instant("2026-06-01T00:00:00Z", "end")
    requests = (
        request(endpoint, MARKET, interval, plan(endpoint, interval, start, end)[0])
        for interval in endpoint.operation.intervals
    )
    return tuple(ClientRequest(endpoint, item.path, item.params) for item in requests)


def every_request() -> Iterator[ClientRequest]:
    """The requests of all endpoints."""
    for endpoint in ENDPOINTS:
        yield from client_requests(endpoint)


def endpoint_of(operation: Operation | None) -> Endpoint | None:
    """The endpoint of this client that calls an operation; None if none does."""
    called = (each for each in ENDPOINTS if operation and _path_values(operation, client_requests(each)[0]) is not None)
    return next(called, None)


def _path_values(operation: Operation, request: ClientRequest) -> list[str] | None:
    """The path parameters of a request in order; None if it does not match the operation's method and path."""
    pattern = "([^/]+)".join(re.escape(part) for part in re.split(r"\{[^}]*\}", operation.path))
    match = re.fullmatch(pattern, request.path) if operation.key[0] == "GET" else None
    return None if match is None else [unquote(value) for value in match.groups()]


def refusals(operation: Operation | None, request: ClientRequest) -> Iterator[Refusal]:
    """Everything about a request that an operation does not allow."""
    path_values = _path_values(operation, request) if operation else None
    if operation is None or path_values is None:
        yield Refusal("operation", "", "it has no GET at this path")
        return
    values = {f"path:{number}": value for number, value in enumerate(path_values, 1)}
    values |= {f"query:{name}": value for name, value in request.query.items()}
    for key, value in values.items():
        parameter = operation.parameters.get(key)
        if parameter is None:
            yield Refusal("parameter", key, f"it has no {key.replace(':', ' parameter ')}")
        elif not _is_allowed(parameter, value):
            yield Refusal("parameter", key, f"it does not allow {parameter.name}={_text(value)}")
    for key, parameter in operation.parameters.items():
        if (
            parameter.required
            and key not in values
            and parameter.place != "path"
            and key != f"header:{KEY_HEADER.lower()}"
        ):
            yield Refusal("parameter", key, f"it needs the {parameter.place} parameter {parameter.name}")
    if operation.body is not None and operation.body.required:
        yield Refusal("body", "", "it needs a body")
    yield from _access_refusals(operation)


def _is_allowed(parameter: Parameter, value: Any) -> bool:
    """Whether a value is allowed as it is, or as the JSON that its text spells."""
    candidates = [value]
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            candidates.append(json.loads(value))
    return any(accepts(parameter.schema, candidate, "request") is not False for candidate in candidates)


def _access_refusals(operation: Operation) -> Iterator[Refusal]:
    """Why a request with this client's key, sent to this client's server, would be refused."""
    alternatives = security_alternatives(operation)
    client_key = f"an API key in the header {KEY_HEADER}".lower()
    if not any(
        not schemes or (len(schemes) == 1 and text.lower() == client_key) for schemes, text in alternatives.items()
    ):
        yield Refusal("access", "", f"it needs {' or '.join(sorted(alternatives.values()))}")
    addresses = [str(server.get("url", "")).rstrip("/") for server in operation.servers]
    if SERVER not in addresses:
        yield Refusal("access", "servers", f"it is not served at {SERVER}, but at {', '.join(addresses)}")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
