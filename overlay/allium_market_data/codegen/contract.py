"""The contract of each operation with rows, read from a patched document: a module of the generated package.

The schemas give paths, names, limits and intervals. The ``x-`` extensions of ``spec/overlay.yaml`` give what no schema says:
the role of a parameter or field, and each value that the prose alone states, with the clause that states it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ..errors import SpecError
from .canonical import join, resolve
from .durations import DAY, durations, interval_width, iso_duration
from .page import METHODS, Document

MODULE: Final = "contract.py"
"""The generated module."""

CAP, NAIVE, BUCKET, TIMESTAMP, DECIMAL, ROLE = (
    "x-window-cap",
    "x-naive-time",
    "x-bucket",
    "x-timestamp",
    "x-decimal",
    "x-role",
)
"""The extensions: of an operation (the first three), of a field (the next two), of a field or a parameter's schema (the last)."""

ROLES: Final = ("market", "interval", "start", "end", "limit")
FORMATS: Final = {"iso-8601": "iso 8601", "epoch-milliseconds": "milliseconds"}
"""The formats of a timestamp, and the words of a clause that states one."""

_OPERATION: Final = re.compile(r"(get|list|fetch)_")


@dataclass(frozen=True, slots=True)
class Statement:
    """A value of an extension and the clause whose quote holds it; ``where`` is the place in the document."""

    where: str
    extension: str
    value: str
    clause: str

    def holds(self, quote: str) -> bool:
        """Whether a quote states the value. Durations are compared as such, everything else as text."""
        text = " ".join(quote.lower().replace("-", " ").split())
        if self.extension in (CAP, BUCKET):
            return iso_duration(self.value) in durations(text)
        return FORMATS.get(self.value, self.value).lower().replace("-", " ") in text


def statements(document: Document) -> Iterator[Statement]:
    """What the extensions of a patched document take from clauses."""
    yield from _statements(document, "")


def _statements(value: Any, where: str) -> Iterator[Statement]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key in (CAP, NAIVE, BUCKET, TIMESTAMP, DECIMAL):
                named = _mapping(item, join(where, key), "value" if key != DECIMAL else "unit", "clause")
                yield Statement(where, key, str(named.get("value", named.get("unit"))), str(named["clause"]))
            else:
                yield from _statements(item, join(where, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _statements(item, join(where, index))


def check_statements(document: Document, quotes: Mapping[str, str], *, where: str = "spec/overlay.yaml") -> None:
    """Raise `SpecError` for a value of an extension that its clause does not state. ``quotes`` are by clause id."""
    for statement in statements(document):
        if statement.clause not in quotes:
            raise SpecError(where, f"{statement.extension} names the clause {statement.clause}, which does not exist")
        if not statement.holds(quotes[statement.clause]):
            quote = " ".join(quotes[statement.clause].split())
            raise SpecError(
                where,
                f"{statement.extension} says {statement.value!r}, but the clause {statement.clause} says {quote!r}",
            )


def contract(document: Document, modules: Mapping[str, str]) -> bytes:
    """The source of the module; ``modules`` has the generated module of each operationId.

    An operation without extensions has no contract. Raises `SpecError` for one whose contract is incomplete.
    """
    from jinja2 import Environment, FileSystemLoader

    operations = [_operation(document, *found, modules) for found in _operations(document)]
    widths = {interval: interval_width(interval) for item in operations for interval in item["intervals"]}
    values = {
        "intervals": sorted(widths, key=widths.__getitem__),
        "operations": operations,
        "server": _server(document),
        "key_header": _key_header(document),
    }
    templates = Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=False)  # noqa: S701
    templates.trim_blocks = templates.lstrip_blocks = True
    return (templates.get_template("contract.py.jinja").render(values) + "\n").encode()


def _operations(document: Document) -> Iterator[tuple[str, Any, str]]:
    """The operations with a contract: (path, path item, method)."""
    for path, item in document["paths"].items():
        for method in METHODS if isinstance(item, dict) else ():
            if method in item and CAP in item[method]:
                yield path, item, method


def _operation(document: Document, path: str, item: Any, method: str, modules: Mapping[str, str]) -> dict[str, Any]:
    raw, where = item[method], f"{method.upper()} {path}"
    if method != "get" or "operationId" not in raw:
        raise SpecError(where, "an operation with a contract is a GET with an operationId")
    parameters = [_resolved(document, entry) for entry in [*item.get("parameters", []), *raw.get("parameters", [])]]
    roles = _roles(parameters, where)
    limit = roles["limit"]["schema"]
    missing = [key for key in ("minimum", "maximum", "default") if not isinstance(limit.get(key), int)]
    if missing:
        raise SpecError(where, f"the schema of {roles['limit']['name']} has no {missing[0]}")
    return {
        "name": _OPERATION.sub("", raw["operationId"], count=1),
        "module": modules[raw["operationId"]],
        "path": path,
        "arguments": {entry["name"]: _identifier(entry["name"]) for entry in parameters},
        **{f"{role}_parameter": roles[role]["name"] if role in roles else None for role in ROLES},
        **_intervals(document, raw, roles.get("interval"), where),
        "window_cap": iso_duration(_mapping(raw[CAP], where, "value")["value"]),
        "naive_time": _mapping(raw.get(NAIVE), f"{where}: {NAIVE}", "value")["value"],
        "limit_minimum": limit["minimum"],
        "limit_maximum": limit["maximum"],
        "limit_default": limit["default"],
        **_rows(document, raw, where),
    }


def _roles(parameters: list[Any], where: str) -> dict[str, Any]:
    """The parameters by role. Each role is given once, and a parameter without one must be optional."""
    roles: dict[str, Any] = {}
    for parameter in parameters:
        role, name = parameter.get("schema", {}).get(ROLE), parameter["name"]
        if role is None and parameter.get("required"):
            raise SpecError(
                where, f"the parameter {name} is required and has no {ROLE}: give it one in spec/overlay.yaml"
            )
        if role is not None and (role not in ROLES or role in roles):
            raise SpecError(
                where, f"the {ROLE} {role!r} of {name} is unknown or given twice; roles are {', '.join(ROLES)}"
            )
        if role is not None:
            roles[role] = parameter
    for role in ROLES:
        if role not in roles and role != "interval":
            raise SpecError(where, f"no parameter has the {ROLE} {role!r}: give it in spec/overlay.yaml")
    return roles


def _intervals(document: Document, raw: Any, parameter: Any, where: str) -> dict[str, Any]:
    """The bucket intervals: the enumeration of the parameter, or the fixed one of an operation without it."""
    if parameter is None:
        width = iso_duration(_mapping(raw.get(BUCKET), f"{where}: {BUCKET}", "value")["value"])
        names: tuple[str, ...] = (_interval_name(width),)
        model = None
    else:
        schema = _resolved(document, parameter["schema"])
        names, model = tuple(schema.get("enum", ())), _class_name(schema.get("title", ""))
    for name in names:
        if not interval_width(name) or DAY % interval_width(name):
            raise SpecError(where, f"the interval {name!r} is not a number of m, h or d that divides a day")
    if not names:
        raise SpecError(where, f"the interval parameter {parameter['name']} has no enumeration")
    return {"intervals": names, "interval_model": model}


def _interval_name(width: int) -> str:
    unit, letter = next(
        (unit, letter) for letter, unit in (("d", DAY), ("h", DAY // 24), ("m", 1)) if width % unit == 0
    )
    return f"{width // unit}{letter}"


def _rows(document: Document, raw: Any, where: str) -> dict[str, Any]:
    """The field of the response that holds the rows, and the fields of a row by role."""
    try:
        body = _resolved(document, raw["responses"]["200"]["content"]["application/json"]["schema"])
    except (KeyError, TypeError):
        raise SpecError(where, "has no JSON response with the status 200") from None
    lists = {
        name: _resolved(document, _resolved(document, schema)["items"])
        for name, schema in body.get("properties", {}).items()
        if "items" in _resolved(document, schema)
    }
    marked = [(name, row["properties"]) for name, row in lists.items() if _has_extensions(document, row)]
    if len(marked) != 1:
        raise SpecError(where, f"{len(marked)} lists of its response have fields with {ROLE}; it must be one")
    items, properties = marked[0]
    fields = {name: _resolved(document, schema) for name, schema in properties.items()}
    market = [name for name, schema in fields.items() if schema.get(ROLE) == "market"]
    stamps = [(name, schema[TIMESTAMP]) for name, schema in fields.items() if TIMESTAMP in schema]
    decimals = [_decimal(name, schema[DECIMAL], where) for name, schema in fields.items() if DECIMAL in schema]
    if len(market) != 1 or len(stamps) != 1 or not decimals:
        raise SpecError(
            where, f"a row needs one field with {ROLE}: market, one with {TIMESTAMP}, and one with {DECIMAL}"
        )
    form = _mapping(stamps[0][1], f"{where}: {stamps[0][0]}", "value")["value"]
    if form not in FORMATS:
        raise SpecError(where, f"the {TIMESTAMP} {form!r} is unknown; the formats are {', '.join(FORMATS)}")
    return {
        "items_field": items,
        "market_field": market[0],
        "timestamp_field": stamps[0][0],
        "timestamp_format": form,
        "decimals": decimals,
    }


def _has_extensions(document: Document, row: Any) -> bool:
    properties = row.get("properties", {}).values()
    return any({ROLE, TIMESTAMP, DECIMAL} & _resolved(document, schema).keys() for schema in properties)


def _decimal(name: str, raw: Any, where: str) -> dict[str, Any]:
    values = _mapping(raw, f"{where}: {name}", "column", "signed", "unit")
    return {"name": name, "column": values["column"], "is_signed": values["signed"] is True, "unit": values["unit"]}


def _mapping(value: Any, where: str, *keys: str) -> dict[str, Any]:
    if not isinstance(value, dict) or not set(keys) <= value.keys():
        raise SpecError(where, f"needs {', '.join(keys)}")
    return value


def _resolved(document: Document, value: Any) -> Any:
    """The target of a reference with the keys that are next to the reference; any other value unchanged."""
    if not isinstance(value, dict) or "$ref" not in value:
        return value
    beside = {key: item for key, item in value.items() if key != "$ref"}
    return {**_resolved(document, resolve(document, value["$ref"][1:])), **beside}


def _server(document: Document) -> str:
    servers = document.get("servers", [])
    if not servers:
        raise SpecError("the document", "names no server")
    return str(servers[0]["url"]).rstrip("/")


def _key_header(document: Document) -> str:
    """The header of the API key, from the only security scheme that the document requires."""
    schemes = document.get("components", {}).get("securitySchemes", {})
    names = {name for requirement in document.get("security", []) for name in requirement}
    headers = [schemes[name]["name"] for name in names if schemes.get(name, {}).get("in") == "header"]
    if len(headers) != 1:
        raise SpecError("the document", "does not require exactly one API key in a header")
    return str(headers[0])


def _identifier(name: str) -> str:
    from openapi_python_client.strings import PythonIdentifier

    return str(PythonIdentifier(name, prefix="field_"))


def _class_name(title: str) -> str:
    from openapi_python_client.strings import ClassName

    return str(ClassName(title, prefix="field_"))
