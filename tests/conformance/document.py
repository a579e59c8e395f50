"""The document and the clauses: schemas, examples, fingerprint, sentences."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Hashable, Iterator
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
_ANSWER: Final = (
    "#/paths/~1api~1v1~1markets~1%7Bmarket_id%7D~1perps~1open_interest/get/responses/200/content/application~1json"
)


@dataclass(frozen=True)
class Document:
    """The OpenAPI document of the specification."""

    tree: dict[str, Any]

    @classmethod
    def load(cls, path: Path = ROOT / "spec/openapi.yaml") -> Document:
        """The document as the pages have it."""
        return cls(yaml.safe_load(path.read_text(encoding="utf-8")))

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the document with sorted keys; the same as ``documents.merged`` of spec/lock.toml."""
        text = json.dumps(self.tree, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def server(self) -> str:
        """The address of the API."""
        return str(self.tree["servers"][0]["url"])

    @property
    def operation(self) -> dict[str, Any]:
        """The operation that the suite is about."""
        operation: dict[str, Any] = self.tree["paths"][PATH]["get"]
        return operation

    @property
    def parameters(self) -> dict[str, dict[str, Any]]:
        """The parameters by name, references followed."""
        found = (self._follow(parameter) for parameter in self.operation["parameters"])
        return {parameter["name"]: parameter for parameter in found}

    @property
    def key_header(self) -> str:
        """The header that carries the key."""
        return str(self.tree["components"]["securitySchemes"]["APIKeyBearer"]["name"])

    @property
    def row(self) -> dict[str, Any]:
        """The schema of an item."""
        schema: dict[str, Any] = self.tree["components"]["schemas"]["OpenInterest"]
        return schema

    def _follow(self, value: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in value:
            place = self.tree
            for key in value["$ref"].removeprefix("#/").split("/"):
                place = place[key]
            value = place
        return value


class Checker:
    """Holds answers against the document's own schema: JSON Schema, draft 2020-12, formats checked."""

    def __init__(self, document: Document) -> None:
        resource = DRAFT202012.create_resource(document.tree)
        registry: Registry[Any] = Registry().with_resource(_URI, resource)
        schema = document.operation["responses"]["200"]["content"]["application/json"]["schema"]
        self._validator = Draft202012Validator(
            {"$ref": f"{_URI}{_ANSWER}/schema"}, registry=registry, format_checker=FormatChecker()
        )
        # Where a schema speaks of the whole array, no item may be left out.
        self._may_skip = set(schema["properties"]["items"]) <= {"type", "items", "description"}
        self._sound: set[Hashable] = set()

    def faults(self, body: Any) -> list[str]:
        """Where ``body`` departs from the schema. An item that was found sound before is not looked at again."""
        fresh: list[Any] = []
        if self._may_skip and isinstance(body, dict) and isinstance(body.get("items"), list):
            fresh = [item for item in body["items"] if json.dumps(item) not in self._sound]
            body = {**body, "items": fresh}
        faults = [f"{error.json_path}: {error.message[:200]}" for error in self._validator.iter_errors(body)]
        if not faults:
            self._sound.update(json.dumps(item) for item in fresh)
        return faults


@dataclass(frozen=True)
class Clause:
    """One normative sentence."""

    id: str
    quote: str


@dataclass(frozen=True)
class OpenQuestion:
    """What no sentence answers, and the readings by their names."""

    id: str
    question: str
    plain: str
    readings: tuple[str, ...]


@dataclass(frozen=True)
class Clauses:
    """spec/clauses.toml."""

    clauses: dict[str, Clause]
    questions: dict[str, OpenQuestion]

    @classmethod
    def load(cls, path: Path = ROOT / "spec/clauses.toml") -> Clauses:
        """The file as it stands."""
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        clauses = {entry["id"]: Clause(entry["id"], entry["quote"]) for entry in raw["clause"]}
        return cls(clauses, {question.id: question for question in _questions(raw["open_question"])})


def _questions(entries: list[dict[str, Any]]) -> Iterator[OpenQuestion]:
    for entry in entries:
        yield OpenQuestion(entry["id"], entry["question"], entry["plain"], tuple(entry["readings"]))


def folded(text: str) -> str:
    """``text`` with every run of white space made one space."""
    return " ".join(text.split())
