"""Times the drift check on made-up pairs of documents of the shapes and sizes that vendors publish.

``python tests/benchmarks/drift_documents.py [seed]`` prints one line for each pair: operations, size, seconds, and changes.
"""

from __future__ import annotations

import copy
import json
import random
import sys
import time
from typing import Any

from allium_market_data.drift import Source, judge

_WORDS = "account asset balance candle chain deposit fee fill index leverage margin order pool price swap token trade".split()  # noqa: SIM905
_CORS = ("Origin", "Methods", "Headers", "Max-Age", "Credentials")


class Maker:
    """Makes documents from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def words(self, count: int) -> str:
        """Some words."""
        return " ".join(self.random.choice(_WORDS) for _ in range(count))

    def field(self, depth: int, schemas: int, after: int = -1) -> dict[str, Any]:
        """A schema of a field: a plain one, a list, a choice, or a reference; now and then one that leads back."""
        kind = self.random.random()
        after = -1 if self.random.random() < 0.02 else after
        described = {"description": f"The {self.words(9)}."}
        if kind < 0.65 or depth == 0:
            plain: list[dict[str, Any]] = [
                {"type": "string", "examples": ["1.0"]},
                {"type": "integer", "minimum": 0},
                {"type": ["string", "null"], "format": "date-time"},
                {"type": "string", "enum": self.random.sample(_WORDS, 8)},
                {"type": "boolean"},
            ]
            return {**self.random.choice(plain), **described}
        if kind < 0.75:
            return {"type": "array", "items": self.field(depth - 1, schemas, after), **described}
        if kind < 0.85:
            return {"anyOf": [self.field(depth - 1, schemas, after), {"type": "null"}], **described}
        at = self.random.randrange(after + 1, schemas) if after + 1 < schemas else schemas - 1
        return {"$ref": f"#/components/schemas/S{at}"}

    def schema(self, schemas: int, after: int) -> dict[str, Any]:
        """An object with a dozen fields."""
        properties = {f"{self.random.choice(_WORDS)}_{at}": self.field(2, schemas, after) for at in range(12)}
        return {"type": "object", "properties": properties, "required": [*properties][:6]}

    def choice(self, schemas: int) -> dict[str, Any]:
        """A oneOf with a discriminator."""
        names = [f"S{self.random.randrange(schemas)}" for _ in range(6)]
        references = [{"$ref": f"#/components/schemas/{name}"} for name in names]
        return {"oneOf": references, "discriminator": {"propertyName": "kind"}}

    def operation(self, at: int, schemas: int) -> dict[str, Any]:
        """An operation with parameters, CORS headers, and several statuses."""
        headers = {f"Access-Control-Allow-{name}": {"schema": {"type": "string"}} for name in _CORS}
        parameters = [
            {"name": f"{self.random.choice(_WORDS)}_{n}", "in": "query", "schema": self.field(0, schemas)}
            for n in range(6)
        ]
        body = {"$ref": f"#/components/schemas/{'C' if at % 5 == 0 else 'S'}{at % (schemas // 5)}"}
        responses = {
            status: {
                "description": self.words(5),
                "headers": headers,
                "content": {"application/json": {"schema": body}},
            }
            for status in ("200", "400", "404")
        }
        return {
            "summary": self.words(4),
            "description": f"{self.words(60)}.",
            "parameters": parameters,
            "responses": responses,
        }

    def document(self, operations: int, schemas: int) -> dict[str, Any]:
        """A document; every tenth path stands under two names of its parameter."""
        paths: dict[str, Any] = {}
        for at in range(operations):
            paths[f"/v1/{self.random.choice(_WORDS)}/{at}/{{id}}"] = {"get": self.operation(at, schemas)}
        for path in [*paths][::10]:
            paths[path.replace("{id}", "{name}")] = {"post": self.operation(1, schemas)}
        return {
            "openapi": "3.1.0",
            "info": {"title": "Made up", "version": "1"},
            "paths": paths,
            "webhooks": {"tick": {"post": self.operation(2, schemas)}},
            "components": {
                "schemas": {f"S{at}": self.schema(schemas, at) for at in range(schemas)}
                | {f"C{at}": self.choice(schemas) for at in range(schemas // 5)}
            },
        }

    def changed(self, document: dict[str, Any], changes: int) -> dict[str, Any]:
        """A copy with changed schemas, a header less everywhere, and other descriptions."""
        new = copy.deepcopy(document)
        schemas = new["components"]["schemas"]
        for _ in range(changes):
            schema = schemas[f"S{self.random.randrange(len(schemas) * 5 // 6)}"]
            name = self.random.choice([*schema["properties"]])
            match self.random.randrange(5):
                case 0:
                    schema["properties"].pop(name)
                case 1:
                    schema["properties"][f"{name}_new"] = schema["properties"].pop(name)
                case 2:
                    schema["properties"][name] = {"type": "string"}
                case 3:
                    schema["required"] = [each for each in schema["required"] if each != name]
                case _:
                    schema["properties"][name] = {**schema["properties"][name], "description": self.words(9)}
        for item in new["paths"].values():
            for operation in item.values():
                for response in operation["responses"].values():
                    response["headers"].pop("Access-Control-Allow-Max-Age", None)
        return new


def main() -> None:
    """Time each pair."""
    maker = Maker(int(sys.argv[1]) if len(sys.argv) > 1 else 16)
    for operations, schemas, changes in ((30, 20, 5), (100, 60, 20), (300, 150, 40), (300, 400, 200)):
        old = maker.document(operations, schemas)
        new = maker.changed(old, changes)
        sides = [json.dumps(each).encode() for each in (old, new)]
        sources = [Source.of_bytes([(f"{name}.json", data)]) for name, data in zip(("old", "new"), sides, strict=True)]
        began = time.perf_counter()
        judgement = judge(sources[0], sources[1])
        took = time.perf_counter() - began
        kilobytes = len(sides[0]) // 1024
        print(
            f"{operations} operations, {kilobytes} KiB: {took:.1f} s, {judgement.verdict}, {len(judgement.changes)} changes"
        )


if __name__ == "__main__":
    main()
