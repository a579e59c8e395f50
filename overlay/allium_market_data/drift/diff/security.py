"""Who may call, and where: security requirements and servers of two operations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...codegen.canonical import canonical, join
from ..model import Level
from ..schema.constraints import mapping
from ..schema.schema import Resolver
from .finding import Draft, Location
from .operations import Operation

Way = frozenset[tuple[str, frozenset[str]]]
"""One way to be let in: all of these schemes, by what they are, with their scopes."""


def access(old: Operation, new: Operation) -> Iterator[Draft]:
    """What changed in who may call an operation, and at which addresses."""
    yield from _security(old, new)
    yield from _servers(old, new)


def security_alternatives(operation: Operation) -> dict[Way, str]:
    """Every way to be let in, with its wording; the empty one needs nothing."""
    resolver = operation.resolver
    stated = operation.security or ({},)
    made = {}
    for requirement in stated:
        parts = frozenset(
            (_scheme(resolver, name), frozenset(map(str, scopes or []))) for name, scopes in requirement.items()
        )
        made[parts] = (
            " and ".join(sorted(_described(resolver, name, scopes) for name, scopes in requirement.items())) or "no key"
        )
    return made


def scheme(resolver: Resolver, name: str) -> Mapping[str, Any]:
    """A security scheme by its name in the document; empty where there is none."""
    components = mapping(resolver.document.get("components", {}), "/components")
    schemes = mapping(components.get("securitySchemes", {}), "/components/securitySchemes")
    value, pointer = resolver.follow(schemes.get(name, {}), join("/components/securitySchemes", name))
    return mapping(value, pointer)


def _scheme(resolver: Resolver, name: str) -> str:
    """A scheme by what it is, not by what it is called."""
    raw = dict(scheme(resolver, name)) or {"undefined": name}
    for key in ("description", "bearerFormat"):
        raw.pop(key, None)
    if raw.get("in") == "header" and isinstance(raw.get("name"), str):
        raw["name"] = raw["name"].lower()
    if isinstance(raw.get("scheme"), str):
        raw["scheme"] = raw["scheme"].lower()
    flows = raw.get("flows")
    if isinstance(flows, dict):
        raw["flows"] = {
            name: {key: value for key, value in flow.items() if key != "scopes"}
            for name, flow in flows.items()
            if isinstance(flow, dict)
        }
    return canonical(raw)


def _described(resolver: Resolver, name: str, scopes: Any) -> str:
    raw = scheme(resolver, name)
    match raw.get("type"):
        case "apiKey":
            text = f"an API key in the {raw.get('in')} {raw.get('name')}"
        case "http":
            text = f"HTTP {raw.get('scheme')} authentication"
        case "oauth2":
            text = f"OAuth 2 ({', '.join(sorted(raw.get('flows', {})))})"
        case kind:
            text = f"{name} ({kind})"
    return text + (f" with the scopes {', '.join(sorted(map(str, scopes)))}" if scopes else "")


def _let_in(by: Way, security_alternatives: Mapping[Way, str]) -> bool:
    """Whether who brings ``by`` satisfies some way."""
    carried = dict(by)
    return any(
        all(name in carried and scopes <= carried[name] for name, scopes in way) for way in security_alternatives
    )


def _security(old: Operation, new: Operation) -> Iterator[Draft]:
    before, after = security_alternatives(old), security_alternatives(new)
    lost = [text for way, text in before.items() if not _let_in(way, after)]
    won = [text for way, text in after.items() if not _let_in(way, before)]
    if not lost and not won and before.keys() == after.keys():
        return
    level = Level.BREAKING if lost else Level.COMPATIBLE
    old_text, new_text = ([*sorted(side.values())] for side in (before, after))
    if old_text == new_text:  # the same in words: what differs is how it is set up
        old_text, new_text = ([*sorted(_spelled(way) for way in side)] for side in (before, after))
    sentence = f"A call needed {_either(old_text)}, and needs {_either(new_text)} now."
    if lost and len(before) > 1:
        sentence += f" {lost[0][0].upper() + lost[0][1:]} is no longer enough."
    yield Draft(
        level,
        "access.security",
        ("security", *old.key),
        f"{old.name}: access",
        sentence,
        old_text,
        new_text,
        _access_spot(new),
        _access_spot(old),
        location=Location(old, new, "access"),
    )


def _spelled(way: Way) -> str:
    return " and ".join(sorted(f"{name} {sorted(scopes)}" for name, scopes in way))


def _access_spot(operation: Operation) -> str:
    """The pointer of the one scheme that an operation needs, or of its requirements."""
    names = [name for requirement in operation.security or () for name in requirement]
    if len(names) == 1 and scheme(operation.resolver, names[0]):
        return join("/components/securitySchemes", names[0])
    return operation.security_pointer


def _either(texts: list[str]) -> str:
    return " or ".join(texts)


def _servers(old: Operation, new: Operation) -> Iterator[Draft]:
    before, after = (_addresses(operation) for operation in (old, new))
    if before == after:
        return
    gone, added = sorted(before - after), sorted(after - before)
    parts = ([f"{', '.join(gone)} is no longer a server"] if gone else []) + (
        [f"{', '.join(added)} is a new server"] if added else []
    )
    yield Draft(
        Level.BREAKING if gone else Level.COMPATIBLE,
        "access.servers",
        ("servers", *old.key),
        f"{old.name}: servers",
        f"{', and '.join(parts)}.",
        sorted(before),
        sorted(after),
        new.servers_pointer,
        old.servers_pointer,
        location=Location(old, new, "access", "servers"),
    )


def _addresses(operation: Operation) -> frozenset[str]:
    """The addresses, each with what its variables may be."""
    found = set()
    for server in operation.servers:
        url = str(server.get("url", "/")).rstrip("/") or "/"
        variables = server.get("variables")
        kept = {
            name: {key: value for key, value in variable.items() if key != "description"}
            for name, variable in (variables.items() if isinstance(variables, dict) else ())
            if isinstance(variable, dict)
        }
        found.add(url + (f" with {canonical(kept)}" if kept else ""))
    return frozenset(found)
