"""The parts of an OpenAPI document that have names: parameters, fields and headers, with references followed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from .canonical import canonical, join, resolve
from .page import Document

_NO_SHAPE: Final = frozenset(
    {"title", "description", "example", "examples", "externalDocs", "deprecated", "xml", "$comment", "properties"}
    | {"required", "allOf"}
)
_DEPTH: Final = 4


@dataclass(frozen=True, slots=True)
class Node:
    """A value of a document after its references, and its pointer."""

    document: Document
    value: Any
    pointer: str

    def child(self, *tokens: str | int) -> Node:
        """The value at a key beneath, {} if there is none."""
        node = self
        for token in tokens:
            inner = node.value
            inner = inner if isinstance(inner, dict) else dict(enumerate(inner)) if isinstance(inner, list) else {}
            found = inner.get(token, {})
            node = Node(node.document, found, join(node.pointer, token)).followed()
        return node

    def followed(self) -> Node:
        """The node that a chain of references leads to; {} for one that leads nowhere."""
        node, seen = self, set[str]()
        while isinstance(node.value, dict) and isinstance(reference := node.value.get("$ref"), str):
            if reference in seen or not reference.startswith("#"):
                return Node(node.document, {}, node.pointer)
            seen.add(reference)
            pointer = reference[1:].replace("%7B", "{").replace("%7D", "}")
            try:
                node = Node(node.document, resolve(node.document, pointer), pointer)
            except LookupError:
                return Node(node.document, {}, node.pointer)
        return node

    def children(self) -> dict[str, Node]:
        """The values of a mapping by key."""
        return {key: self.child(key) for key in self.value} if isinstance(self.value, dict) else {}


@dataclass(frozen=True, slots=True)
class Part:
    """A parameter, field or header: its name, node, schema, and whether it has to be there."""

    name: str
    node: Node
    schema: Node
    required: bool

    @property
    def description(self) -> str:
        """Its description, or that of its schema; "" for none."""
        texts = (node.value.get("description") for node in (self.node, self.schema) if isinstance(node.value, dict))
        return next((text for text in texts if isinstance(text, str) and text.strip()), "")


def parameters(item: Node, operation: Node) -> dict[tuple[str, str], Part]:
    """The parameters of a path item and of its operation, by place and name."""
    parts = {}
    for owner in (item, operation):
        listed = owner.child("parameters")
        for at in range(len(listed.value) if isinstance(listed.value, list) else 0):
            node = listed.child(at)
            if isinstance(node.value, dict):
                place, name = str(node.value.get("in", "")), str(node.value.get("name", ""))
                parts[place, name] = Part(name, node, node.child("schema"), node.value.get("required") is True)
    return parts


def headers(response: Node) -> dict[str, Part]:
    """The headers of a response, by name."""
    return {
        name: Part(
            name, node, node.child("schema"), isinstance(node.value, dict) and node.value.get("required") is True
        )
        for name, node in response.child("headers").children().items()
    }


def members(schema: Node, seen: set[str]) -> dict[str, Part]:
    """The properties of a schema and of its ``allOf``, by name."""
    if schema.pointer in seen or not isinstance(schema.value, dict):
        return {}
    seen.add(schema.pointer)
    stated = schema.value.get("required")
    required = stated if isinstance(stated, list) else []
    found: dict[str, Part] = {}
    branches = schema.child("allOf")
    for at in range(len(branches.value) if isinstance(branches.value, list) else 0):
        found |= members(branches.child(at), seen)
    for name, node in schema.child("properties").children().items():
        place = Node(node.document, node.value, join(schema.pointer, "properties", name))
        found[name] = Part(name, place, node, name in required)
    return found


def shape(schema: Node) -> str:
    """What a schema allows, as text: references followed to a depth, without annotations and the members of objects."""
    return canonical(_shape_value(schema, _DEPTH))


def _shape_value(node: Node, depth: int) -> Any:
    value = node.value
    if isinstance(value, list):
        return [_shape_value(node.child(at), depth) for at in range(len(value))]
    if not isinstance(value, dict):
        return value
    if depth == 0:
        return str(value.get("type"))
    kept = (key for key in value if key not in _NO_SHAPE and not key.startswith("x-"))
    return {key: _shape_value(node.child(key), depth - 1) for key in kept}
