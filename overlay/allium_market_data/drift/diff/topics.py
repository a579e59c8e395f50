"""Whether a sentence speaks of the contract: a parameter, a field, the key, limits, windows, units, delay, retention."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ..schema.traversal import walk
from .facts import facts
from .operations import Operation, OperationKey
from .security import scheme

_TOPICS: Final = frozenset(
    "key header authentication authorization credential token limit ≤ ≥ window unit thousand million usd base quote "  # noqa: SIM905
    "notional contract deprecated deprecation deprecate removed removal sunset retire retired discontinued breaking "
    "migrate migration delay delayed latency lag lagging late retention retain retained backfill backfilled restated "
    "revised interval bucket timestamp utc timezone boundary inclusive exclusive round rounded rounding decimal precision "
    "null missing omitted gap sorted ascending descending pagination cursor throttled quota rate field parameter column "
    "default required optional schema format".split()
)
_NAME: Final = re.compile(r"[A-Za-z][\w-]*")


def speaks_of_contract(sentence: str, names: frozenset[str]) -> bool:
    """Whether a sentence in plain text names a part of the contract, or a limit, a unit, a duration or a deprecation."""
    found = facts(sentence)
    if (found.words | found.others) & _TOPICS or any(value.endswith(" s") for value, _ in found.values):
        return True
    return not names.isdisjoint(re.findall(r"[\w-]+", sentence))


def contract_names(operations: Mapping[OperationKey, Operation]) -> frozenset[str]:
    """The names of parameters, their values, fields, response headers and headers of keys."""
    return frozenset(name for operation in operations.values() for name in _names(operation) if _NAME.fullmatch(name))


def _names(operation: Operation) -> Iterator[str]:
    for parameter in operation.parameters.values():
        yield parameter.name
        yield from (value for value in (parameter.schema.constraints.enum or {}).values() if isinstance(value, str))
    for response in operation.responses.values():
        yield from (header.name for header in response.headers.values())
        for schema in response.content.media.values():
            yield from (name for _, inner in walk(schema) for name in inner.names)
    for name in (name for requirement in operation.security or () for name in requirement):
        stated: Any = scheme(operation.resolver, name)
        if isinstance(stated, Mapping) and isinstance(stated.get("name"), str):
            yield stated["name"]
