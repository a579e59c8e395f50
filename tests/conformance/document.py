"""The OpenAPI document: parameters, examples, digest, and validation of response bodies."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import yaml
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from allium_market_data_wire.contract import Operation

ROOT: Final = Path(__file__).parents[2]
DOCUMENT: Final = ROOT / "spec/openapi.yaml"

_URI: Final = "urn:conformance:document"


@dataclass(frozen=True)
class Document:
    """The OpenAPI document of the specification."""

    tree: dict[str, Any]
    path: str
    """The path of the operation under test."""

    @classmethod
    def load(cls, operation: Operation, path: Path = DOCUMENT) -> Document:
        """Read the document that was extracted from the published pages."""
        return cls(yaml.safe_load(path.read_text(encoding="utf-8")), operation.path)

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the document with sorted keys; equal to ``documents.merged`` in spec/lock.toml."""
        text = json.dumps(self.tree, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def operation(self) -> dict[str, Any]:
        """The operation under test."""
        operation: dict[str, Any] = self.tree["paths"][self.path]["get"]
        return operation

    @property
    def parameters(self) -> dict[str, dict[str, Any]]:
        """The parameters by name, with references resolved."""
        resolved = (self._resolve(parameter) for parameter in self.operation["parameters"])
        return {parameter["name"]: parameter for parameter in resolved}

    @property
    def body(self) -> dict[str, Any]:
        """The schema of a response body."""
        schema: dict[str, Any] = self._resolve(
            self.operation["responses"]["200"]["content"]["application/json"]["schema"]
        )
        return schema

    def row(self, items: str) -> dict[str, Any]:
        """The schema of an item; ``items`` is the field that holds them."""
        schema: dict[str, Any] = self._resolve(self.body["properties"][items]["items"])
        return schema

    def _resolve(self, value: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in value:
            resolved = self.tree
            for key in value["$ref"].removeprefix("#/").split("/"):
                resolved = resolved[key]
            value = resolved
        return value


class BodyValidator:
    """Validates response bodies against the schema in the document (JSON Schema 2020-12, with formats)."""

    def __init__(self, document: Document, items: str) -> None:
        resource = DRAFT202012.create_resource(document.tree)
        registry: Registry[Any] = Registry().with_resource(_URI, resource)
        path = document.path.replace("~", "~0").replace("/", "~1")
        pointer = f"#/paths/{quote(path)}/get/responses/200/content/application~1json/schema"
        self._validator = Draft202012Validator(
            {"$ref": f"{_URI}{pointer}"}, registry=registry, format_checker=FormatChecker()
        )
        self._items = items
        # A schema with rules for the array as a whole needs every item each time.
        self._may_skip_items = set(document.body["properties"][items]) <= {"type", "items", "description"}
        self._valid_items: set[Hashable] = set()

    def errors(self, body: Any) -> list[str]:
        """Where ``body`` violates the schema. Items that were valid before are not validated again."""
        new_items: list[Any] = []
        if self._may_skip_items and isinstance(body, dict) and isinstance(body.get(self._items), list):
            new_items = [item for item in body[self._items] if json.dumps(item) not in self._valid_items]
            body = {**body, self._items: new_items}
        errors = [f"{error.json_path}: {error.message[:200]}" for error in self._validator.iter_errors(body)]
        if not errors:
            self._valid_items.update(json.dumps(item) for item in new_items)
        return errors
