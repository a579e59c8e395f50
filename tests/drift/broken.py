"""Broken pages: each must raise an error."""

from __future__ import annotations

import json
import re

from allium_market_data.codegen.yaml_syntax import dump
from drift.page import (
    BLOCK,
    PAGE,
    PATH,
    Document,
    answer,
    changed,
    document,
    interval,
    limit,
    operation,
    row,
    swapped,
    with_block,
)


def broken() -> dict[str, bytes]:
    """Broken pages by what is wrong with them."""
    lines = PAGE.split("\n")
    html = "<!doctype html>\n<html><head><title>Open interest</title></head><body>" + PAGE + "</body></html>"
    spec = document()
    return {
        "empty": b"",
        "blank": b" \n\n\t\n",
        "a byte order mark": "\ufeff".encode(),
        "not UTF-8": PAGE.encode("utf-16"),
        "bytes": bytes(range(256)),
        "HTML": b"<!doctype html><html><body><h1>Open interest</h1></body></html>",
        "a page as HTML": re.sub("`{3,}", "<pre>", html).encode(),
        "404 as text": b"404: Not Finding",
        "404 as JSON": b'{"detail": "Not Finding"}',
        "an error as YAML": b"error: gone\n",
        "a list": b"[]",
        "null": b"null",
        "a number": b"{}",
        "no block": "\n".join([*lines[: BLOCK.start - 1], *lines[BLOCK.end :]]).encode(),
        "cut in the block": "\n".join(lines[: BLOCK.start + 40]).encode(),
        "cut behind the fence": "\n".join(lines[: BLOCK.start]).encode(),
        "cut in the prose": PAGE[:400].encode(),
        "an empty block": with_block("").encode(),
        "a block of prose": with_block("See the site.").encode(),
        "Swagger 2": with_block(dump({**spec, "swagger": "2.0"})).encode(),
        "Swagger 2 alone": with_block('swagger: "2.0"\ninfo: {}\npaths: {}\n').encode(),
        "OpenAPI 4": swapped("openapi: 3.1.0", "openapi: 4.0.0").encode(),
        "OpenAPI 3.2": swapped("openapi: 3.1.0", "openapi: 3.2.0").encode(),
        "no version": swapped("openapi: 3.1.0\n", "").encode(),
        "a version as a number": swapped("openapi: 3.1.0", "openapi: 3.1").encode(),
        "broken YAML": swapped("    get:\n", "    get: [\n").encode(),
        "tabs": swapped("    get:\n", "\tget:\n").encode(),
        "a key twice": swapped("    get:\n", "    get: {}\n    get:\n").encode(),
        "an alias": swapped("type: integer", "type: *any").encode(),
        "no paths": with_block(dump({key: value for key, value in spec.items() if key != "paths"})).encode(),
        "empty paths": with_block(dump({**spec, "paths": {}})).encode(),
        "paths is a list": with_block(dump({**spec, "paths": []})).encode(),
        "a path without its slash": swapped("  /api/v1/markets", "  api/v1/markets").encode(),
        "a path without methods": with_block(dump({**spec, "paths": {PATH: {}}})).encode(),
        "a reference to nothing": swapped("parameters/StartTimestamp'", "parameters/Start'").encode(),
        "a reference to another file": swapped("'#/components/schemas/OpenInterest'", "other.yaml#/X").encode(),
        "a reference to itself": changed(
            lambda one: one["components"]["schemas"].update(OpenInterest={"$ref": "#/components/schemas/OpenInterest"})
        ).encode(),
        "parameters are no list": changed(lambda one: operation(one).update(parameters={})).encode(),
        "a parameter is a text": changed(lambda one: operation(one)["parameters"].append("limit")).encode(),
        "an operation is a text": changed(lambda one: one["paths"][PATH].update(get="x")).encode(),
        "responses are a list": changed(lambda one: operation(one).update(responses=[])).encode(),
        "an answer is a text": changed(lambda one: operation(one)["responses"].update({"200": "x"})).encode(),
        "content is a list": changed(lambda one: answer(one).update(content=[])).encode(),
        "a schema is a text": changed(lambda one: row(one)["properties"].update(ts="string")).encode(),
        "a schema is a list": changed(lambda one: row(one)["properties"].update(ts=[])).encode(),
        "properties are a list": changed(lambda one: row(one).update(properties=[])).encode(),
        "required is a text": changed(lambda one: row(one).update(required="ts")).encode(),
        "an enum is a text": changed(lambda one: interval(one).update(enum="1m")).encode(),
        "a type that is none": changed(lambda one: limit(one).update(type="int")).encode(),
        "a maximum in words": changed(lambda one: limit(one).update(maximum="5000")).encode(),
        "security is a text": changed(lambda one: one.update(security="key")).encode(),
        "a server is a text": changed(lambda one: one.update(servers=["https://api.allium.so"])).encode(),
        "headers are a list": changed(lambda one: answer(one).update(headers=[])).encode(),
        "schemes are a list": changed(lambda one: one["components"].update(securitySchemes=[])).encode(),
        "components are a text": swapped("components:\n", "x-components:\n").encode(),
        "nested too deep": with_block(
            json.dumps({**spec, "x-deep": None}).replace("null", "[" * 3000 + "]" * 3000)
        ).encode(),
        "two blocks that contradict": (
            PAGE + "\n\n````yaml openapi\n" + BLOCK.body.replace("maximum: 5000", "maximum: 10") + "````\n"
        ).encode(),
        "a duplicate of the operation's id": changed(_two_ids).encode(),
    }


def _two_ids(spec: Document) -> None:
    operation(spec)["operationId"] = "a"
    spec["paths"]["/b"] = {"get": {"operationId": "a", "responses": {}}}
