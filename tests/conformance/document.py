"""The OpenAPI document: parameters, examples, digest, and validation of response bodies."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import yaml
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT202012

ROOT: Final = Path(__file__).parents[2]
PATH: Final = "/api/v1/markets/{market_id}/perps/open_interest"

_URI: Final = "urn:conformance:document"
_RESPONSE: Final = (
    "#/paths/~1api~1v1~1markets~1%7Bmarket_id%7D~1perps~1open_interest/get/responses/200/content/application~1json"
)


@dataclass(frozen=True)
class Document:
    """The OpenAPI document of the specification."""

    tree: dict[str, Any]

    @classmethod
    def load(cls, path: Path = ROOT / "spec/openapi.yaml") -> Document:
        """Read the document that was extracted from the published pages."""
        return cls(yaml.safe_load(path.read_text(encoding="utf-8")))

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the document with sorted keys; equal to ``documents.merged`` in spec/lock.toml."""
        text = json.dumps(self.tree, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def server(self) -> str:
        """The address of the API."""
        return str(self.tree["servers"][0]["url"])

    @property
    def operation(self) -> dict[str, Any]:
        """The operation under test."""
        operation: dict[str, Any] = self.tree["paths"][PATH]["get"]
        return operation

    @property
    def parameters(self) -> dict[str, dict[str, Any]]:
        """The parameters by name, with references resolved."""
        resolved = (self._resolve(parameter) for parameter in self.operation["parameters"])
        return {parameter["name"]: parameter for parameter in resolved}

    @property
    def key_header(self) -> str:
        """The header that carries the API key."""
        return str(self.tree["components"]["securitySchemes"]["APIKeyBearer"]["name"])

    @property
    def row(self) -> dict[str, Any]:
        """The schema of an item."""
        schema: dict[str, Any] = self.tree["components"]["schemas"]["OpenInterest"]
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

    def __init__(self, document: Document) -> None:
        resource = DRAFT202012.create_resource(document.tree)
        registry: Registry[Any] = Registry().with_resource(_URI, resource)
        schema = document.operation["responses"]["200"]["content"]["application/json"]["schema"]
        self._validator = Draft202012Validator(
            {"$ref": f"{_URI}{_RESPONSE}/schema"}, registry=registry, format_checker=FormatChecker()
        )
        # A schema with rules for the array as a whole needs every item each time.
        self._may_skip_items = set(schema["properties"]["items"]) <= {"type", "items", "description"}
        self._valid_items: set[Hashable] = set()

    def errors(self, body: Any) -> list[str]:
        """Where ``body`` violates the schema. Items that were valid before are not validated again."""
        new_items: list[Any] = []
        if self._may_skip_items and isinstance(body, dict) and isinstance(body.get("items"), list):
            new_items = [item for item in body["items"] if json.dumps(item) not in self._valid_items]
            body = {**body, "items": new_items}
        errors = [f"{error.json_path}: {error.message[:200]}" for error in self._validator.iter_errors(body)]
        if not errors:
            self._valid_items.update(json.dumps(item) for item in new_items)
        return errors
