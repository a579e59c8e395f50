"""Who may call an operation, and at which addresses: security requirements and servers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from ...codegen.canonical import canonical, join
from ..model import Level
from ..schema.constraints import mapping
from ..schema.schema import Resolver
from .finding import Finding, Location, finding
from .operations import Operation

Alternative: TypeAlias = frozenset[tuple[str, frozenset[str]]]
"""One way to be authorized: all of these schemes (by what they are, not by name) with their scopes."""


def access_findings(old: Operation, new: Operation) -> Iterator[Finding]:
    """What changed in who may call an operation, and at which addresses."""
    yield from _security(old, new)
    yield from _servers(old, new)


def security_alternatives(operation: Operation) -> dict[Alternative, str]:
    """Every way to be authorized, each in words; an empty one needs no key."""
    resolver = operation.resolver
    alternatives = {}
    for requirement in operation.security or ({},):
        schemes = (
            (_identity(resolver, name), frozenset(map(str, scopes or []))) for name, scopes in requirement.items()
        )
        texts = sorted(_described(resolver, name, scopes) for name, scopes in requirement.items())
        alternatives[frozenset(schemes)] = " and ".join(texts) or "no key"
    return alternatives


def scheme(resolver: Resolver, name: str) -> Mapping[str, Any]:
    """A security scheme by its name in the document; empty if there is none."""
    components = mapping(resolver.document.get("components", {}), "/components")
    schemes = mapping(components.get("securitySchemes", {}), "/components/securitySchemes")
    value, pointer = resolver.follow(schemes.get(name, {}), join("/components/securitySchemes", name))
    return mapping(value, pointer)


def _identity(resolver: Resolver, name: str) -> str:
    """A scheme by what it is, not by what it is called."""
    raw = dict(scheme(resolver, name)) or {"undefined": name}
    for key in ("description", "bearerFormat"):
        raw.pop(key, None)
    for key in ("name", "scheme"):
        if isinstance(raw.get(key), str) and (key == "scheme" or raw.get("in") == "header"):
            raw[key] = raw[key].lower()
    if isinstance(raw.get("flows"), dict):
        flows = {name: flow for name, flow in raw["flows"].items() if isinstance(flow, dict)}
        raw["flows"] = {name: {key: flow[key] for key in flow if key != "scopes"} for name, flow in flows.items()}
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


def _is_authorized(credentials: Alternative, alternatives: Mapping[Alternative, str]) -> bool:
    """Whether a caller with these credentials satisfies one of the alternatives."""
    held = dict(credentials)
    return any(all(name in held and scopes <= held[name] for name, scopes in one) for one in alternatives)


def _security(old: Operation, new: Operation) -> Iterator[Finding]:
    before, after = security_alternatives(old), security_alternatives(new)
    lost = [text for alternative, text in before.items() if not _is_authorized(alternative, after)]
    if before.keys() == after.keys():
        return
    old_text, new_text = sorted(before.values()), sorted(after.values())
    if old_text == new_text:  # the words are the same: the difference is in how the schemes are set up
        old_text, new_text = (sorted(map(_spelled, side)) for side in (before, after))
    sentence = f"A call needed {' or '.join(old_text)}, and now needs {' or '.join(new_text)}."
    if lost and len(before) > 1:
        sentence += f" {lost[0][0].upper() + lost[0][1:]} is no longer enough."
    yield finding(
        Level.BREAKING if lost else Level.COMPATIBLE,
        "access.security",
        ("security", *old.key),
        f"{old.name}: access",
        sentence,
        (old_text, new_text),
        (_pointer(old), _pointer(new)),
        Location(old, new, "access"),
    )


def _spelled(alternative: Alternative) -> str:
    return " and ".join(sorted(f"{name} {sorted(scopes)}" for name, scopes in alternative))


def _pointer(operation: Operation) -> str:
    """The pointer of the scheme that an operation needs if there is only one, otherwise of its requirements."""
    names = [name for requirement in operation.security or () for name in requirement]
    if len(names) == 1 and scheme(operation.resolver, names[0]):
        return join("/components/securitySchemes", names[0])
    return operation.security_pointer


def _servers(old: Operation, new: Operation) -> Iterator[Finding]:
    before, after = (frozenset(map(_address, operation.servers)) for operation in (old, new))
    if before == after:
        return
    gone, added = sorted(before - after), sorted(after - before)
    parts = [f"{', '.join(gone)} is no longer a server"] if gone else []
    parts += [f"{', '.join(added)} is a new server"] if added else []
    yield finding(
        Level.BREAKING if gone else Level.COMPATIBLE,
        "access.servers",
        ("servers", *old.key),
        f"{old.name}: servers",
        f"{', and '.join(parts)}.",
        (sorted(before), sorted(after)),
        (old.servers_pointer, new.servers_pointer),
        Location(old, new, "access", "servers"),
    )


def _address(server: Mapping[str, Any]) -> str:
    """The address of a server, with the values that its variables may have."""
    url = str(server.get("url", "/")).rstrip("/") or "/"
    variables = server.get("variables")
    stated = {name: raw for name, raw in (variables or {}).items() if isinstance(raw, dict)}
    values = {name: {key: raw[key] for key in raw if key != "description"} for name, raw in stated.items()}
    return url + (f" with {canonical(values)}" if values else "")
