"""Requests: those that this client sends, plain ones for any operation, and what a document has against them."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote, unquote, urlencode

from ..diff.operations import Operation, Parameter
from ..diff.security import security_alternatives
from ..schema.sample_value import sample_value
from ..schema.validation import accepts

MARKET: Final = "hl:perp:BTC-USDC"
KEY_HEADER: Final = "X-API-KEY"


@dataclass(frozen=True, slots=True)
class Sent:
    """One request. ``base`` is where this client sends it by default, "" for a made-up one."""

    method: str
    path: str
    query: Mapping[str, Any]
    headers: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None
    base: str = ""

    def __str__(self) -> str:
        query = urlencode({key: _text(value) for key, value in self.query.items()}, safe=":")
        headers = "".join(f"\n{name}: {_text(value)}" for name, value in self.headers.items())
        body = "" if self.body is None else f"\n\n{json.dumps(self.body, ensure_ascii=False)}"
        return f"{self.method} {self.base}{self.path}{'?' if query else ''}{query}{headers}{body}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a document has against a request: the part and the name of what is wrong, as in `Location`, and why."""

    part: str
    name: str
    why: str


@lru_cache(1)
def by_client() -> tuple[Sent, ...]:
    """The first request of a long fetch, one an interval, as this client builds it."""
    from ...client.plan import plan
    from ...client.settings import SERVER
    from ...client.transport import request
    from ...model.endpoint import OPEN_INTEREST
    from ...model.intervals import INTERVALS
    from ...validation import to_instant

    start, end = to_instant("2026-05-01T00:00:00Z", "start"), to_instant("2026-06-01T00:00:00Z", "end")
    asked = (
        request(OPEN_INTEREST, MARKET, interval, plan(OPEN_INTEREST, interval, start, end)[0]) for interval in INTERVALS
    )
    return tuple(Sent("GET", one.path, one.params, {KEY_HEADER: "..."}, base=SERVER) for one in asked)


def is_ours(operation: Operation | None) -> bool:
    """Whether this client calls an operation."""
    if operation is None or operation.key[0] != "GET":
        return False
    return _values(operation, by_client()[0]) is not None


def _values(operation: Operation, sent: Sent) -> list[str] | None:
    """The path parameters of a request in their order, or None where the path is another."""
    pattern = "([^/]+)".join(re.escape(part) for part in re.split(r"\{[^}]*\}", operation.path))
    found = re.fullmatch(pattern, sent.path)
    return None if found is None else [unquote(value) for value in found.groups()]


def made(operation: Operation) -> Sent:
    """A plain request that an operation allows: what it requires, and nothing else."""
    values = {key: sample_value(parameter.schema, "request") for key, parameter in operation.parameters.items()}
    wanted = [parameter for parameter in operation.parameters.values() if parameter.required]
    query = {parameter.name: values[parameter.key] for parameter in wanted if parameter.place == "query"}
    headers = {parameter.name: values[parameter.key] for parameter in wanted if parameter.place == "header"}
    count = operation.path.count("{")
    path = _filled(operation, [values.get(f"path:{at}", "1") for at in range(1, count + 1)])
    body = None
    if operation.body is not None:
        body = next((sample_value(schema, "request") for schema in operation.body.content.media.values()), None)
    return Sent(operation.key[0], path, query, headers, body)


def _filled(operation: Operation, values: Sequence[Any]) -> str:
    """The path with the values of its parameters in their order."""
    parts = re.split(r"\{[^}]*\}", operation.path)
    shown = [quote(_text(value), safe="") for value in values]
    return parts[0] + "".join(value + part for value, part in zip(shown, parts[1:], strict=True))


def carrying(sent: Sent, parameter: Parameter, value: Any, operation: Operation) -> Sent:
    """The request with another value of one parameter."""
    values: list[Any] = _values(operation, sent) or []
    at = parameter.key.removeprefix("path:")
    if parameter.place == "path" and at.isdigit() and int(at) <= len(values):
        values[int(at) - 1] = value
        return replace(sent, path=_filled(operation, values))
    if parameter.place == "header":
        return replace(sent, headers={**sent.headers, parameter.name: value})
    return replace(sent, query={**sent.query, parameter.name: value})


def refusals(operation: Operation | None, sent: Sent) -> Iterator[Refusal]:
    """What an operation has against a request; nothing where it allows it, or where that cannot be told."""
    values = None if operation is None else _values(operation, sent)
    if operation is None or values is None or operation.key[0] != sent.method:
        yield Refusal("operation", "", f"it has no {sent.method} at this path")
        return
    given = {f"path:{at}": value for at, value in enumerate(values, 1)}
    given |= {f"query:{name}": value for name, value in sent.query.items()}
    given |= {f"header:{name.lower()}": value for name, value in sent.headers.items() if name != KEY_HEADER}
    for key, value in given.items():
        parameter = operation.parameters.get(key)
        if parameter is None:
            yield Refusal("parameter", key, f"it has no {key.replace(':', ' parameter ')}")
        elif not _allowed(parameter, value):
            yield Refusal("parameter", key, f"it does not allow {parameter.name}={_text(value)}")
    for key, parameter in operation.parameters.items():
        if parameter.required and key not in given and parameter.place != "path":
            yield Refusal("parameter", key, f"it needs the {parameter.place} parameter {parameter.name}")
    if operation.body is not None and operation.body.required and sent.body is None:
        yield Refusal("body", "", "it needs a body")
    if sent.base:
        yield from _access(operation, sent)


def _allowed(parameter: Parameter, value: Any) -> bool:
    """Whether a value is allowed, as it is or as its text reads."""
    readings = [value]
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            readings.append(json.loads(value))
    return any(accepts(parameter.schema, reading, "request") is not False for reading in readings)


def _access(operation: Operation, sent: Sent) -> Iterator[Refusal]:
    """What stands against a request that brings this client's key, to this client's address."""
    let_in = security_alternatives(operation)
    mine = f"an API key in the header {KEY_HEADER}".lower()
    if not any(not way or (len(way) == 1 and text.lower() == mine) for way, text in let_in.items()):
        yield Refusal("access", "", f"it needs {' or '.join(sorted(let_in.values()))}")
    addresses = [str(server.get("url", "")).rstrip("/") for server in operation.servers]
    if sent.base.rstrip("/") not in addresses:
        yield Refusal("access", "servers", f"it is not served at {sent.base}, but at {', '.join(addresses)}")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
