"""Edits of the published page with their verdicts: no change, changes of wording, and compatible additions."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from allium_market_data.codegen.yaml_syntax import dump
from allium_market_data.drift.model import Effect
from drift.breaks import breaking
from drift.page import (
    BLOCK,
    CLAUSES,
    PAGE,
    PATH,
    Document,
    Edit,
    answer,
    body,
    changed,
    document,
    drop,
    field_of,
    interval,
    limit,
    operation,
    parameter,
    put,
    responses,
    row,
    swapped,
    with_block,
)
from drift.page_edits import page_edits

# --- Nothing changed ---


def _shuffled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shuffled(value[key]) for key in reversed(value)}
    if isinstance(value, list):
        return [_shuffled(item) for item in value]
    return value


def _lists_turned(spec: Document) -> Document:
    spec = copy.deepcopy(spec)
    operation(spec)["parameters"].reverse()
    interval(spec)["enum"].reverse()
    row(spec)["required"].reverse()
    return spec


def _inlined(value: Any, spec: Document) -> Any:
    if isinstance(value, dict):
        if "$ref" in value:
            target: Any = spec
            for token in value["$ref"][2:].split("/"):
                target = target[token]
            return _inlined(target, spec)
        return {key: _inlined(item, spec) for key, item in value.items()}
    return [_inlined(item, spec) for item in value] if isinstance(value, list) else value


def _all_inlined() -> str:
    spec = document()
    spec["paths"] = _inlined(spec["paths"], spec)
    spec["components"] = {"securitySchemes": spec["components"]["securitySchemes"]}
    return with_block(dump(spec))


def _moved_into_components(spec: Document) -> None:
    spec["components"]["schemas"]["Page"] = body(spec)
    answer(spec)["content"]["application/json"]["schema"] = {"$ref": "#/components/schemas/Page"}
    spec["components"]["responses"] = {"Samples": answer(spec)}
    operation(spec)["responses"]["200"] = {"$ref": "#/components/responses/Samples"}
    limit = parameter(spec, "limit")
    spec["components"]["parameters"]["Limit"] = limit
    operation(spec)["parameters"][-1] = {"$ref": "#/components/parameters/Limit"}


def _wrapped(spec: Document) -> None:
    body(spec)["properties"]["items"]["items"] = {"allOf": [{"$ref": "#/components/schemas/OpenInterest"}]}


def _split(spec: Document) -> None:
    schema = row(spec)
    first = {"type": "object", "properties": {"ts": schema["properties"].pop("ts")}, "required": ["ts"]}
    schema["required"].remove("ts")
    schema["allOf"] = [first]


def _on_the_path(spec: Document) -> None:
    item = spec["paths"][PATH]
    item["parameters"] = [operation(spec)["parameters"].pop(0)]


def _own_security(spec: Document) -> None:
    operation(spec)["security"] = spec.pop("security")


def _other_scheme_name(spec: Document) -> None:
    schemes = spec["components"]["securitySchemes"]
    schemes["Key"] = schemes.pop("APIKeyBearer")
    spec["security"] = [{"Key": []}]


def _defaults_spelled(spec: Document) -> None:
    parameter(spec, "limit").update(required=False, style="form", explode=True, deprecated=False, allowReserved=False)
    parameter(spec, "market_id").update(style="simple", explode=False)


def unchanged() -> Iterator[Edit]:
    spec = document()
    flow = yaml.safe_dump(spec, default_flow_style=True, allow_unicode=True, sort_keys=True)
    flow = flow.replace("'200'", '"200"')
    pages = {
        "the same page": PAGE,
        "JSON instead of YAML": with_block(
            json.dumps(spec, ensure_ascii=False, indent=2), BLOCK.info.replace("yaml", "json")
        ),
        "JSON in a YAML block": with_block(json.dumps(spec)),
        "YAML in flow style": with_block(flow),
        "keys in another order": with_block(dump(_shuffled(spec))),
        "parameters, values and required names in another order": with_block(dump(_lists_turned(spec))),
        "Windows line ends": PAGE.replace("\n", "\r\n"),
        "old Mac line ends": PAGE.replace("\n", "\r"),
        "a byte order mark": "\ufeff" + PAGE,
        "a longer fence": with_block(BLOCK.body, fence="```````"),
        "tildes for a fence": with_block(BLOCK.body, fence="~~~~"),
        "blank lines more": PAGE.replace("\n\n", "\n\n\n\n"),
        "prose wrapped at another column": swapped(
            "Open interest is a stock variable, so", "Open interest is\na stock variable, so"
        ),
        "no blank line at the end": PAGE.rstrip(),
        "references in place": _all_inlined(),
        "parts moved into components": changed(_moved_into_components),
        "a reference wrapped in allOf": changed(_wrapped),
        "a schema split by allOf": changed(_split),
        "a parameter moved to its path": changed(_on_the_path),
        "security at the operation": changed(_own_security),
        "another name for the scheme": changed(_other_scheme_name),
        "defaults spelled out": changed(_defaults_spelled),
        "numbers spelled otherwise": swapped("maximum: 5000", "maximum: 5000.0"),
        "a trailing slash at the server": swapped("https://api.allium.so\n", "https://api.allium.so/\n"),
        "the key's header in lower case": swapped("name: X-API-KEY", "name: x-api-key"),
        "a component that nothing uses": changed(
            lambda spec: spec["components"]["schemas"].update(New={"type": "string"})
        ),
        "bounds stated twice": put(limit, allOf=[{"minimum": 0}, {"maximum": 9000}]),
        "exclusive bounds for whole numbers": changed(_exclusive),
        "const for a single value": changed(lambda spec: limit(spec).update(anyOf=[{}, {"const": 5}])),
        "additionalProperties spelled out": put(row, additionalProperties=True),
        "a type list of one": put(field_of("ts"), type=["string"]),
        "the operation in another place of the page": _moved_block(),
        "emphasis taken away": swapped("**7 days**", "7 days"),
        "sentences in tags": swapped("Perp markets only.", "<Tip>\n  Perp markets only.\n</Tip>"),
    }
    for name, page in pages.items():
        yield Edit(name, page, "none")


def _exclusive(spec: Document) -> None:
    schema = limit(spec)
    schema["exclusiveMinimum"] = schema.pop("minimum") - 1
    schema["exclusiveMaximum"] = schema.pop("maximum") + 1


def _moved_block() -> str:
    lines = PAGE.split("\n")
    block = lines[BLOCK.start - 1 : BLOCK.end]
    rest = lines[: BLOCK.start - 1] + lines[BLOCK.end :]
    return "\n".join([*rest[:3], "", *block, "", *rest[3:]])


# --- Words alone ---


def worded() -> Iterator[Edit]:
    hand = {
        "another title": (swapped("# Get open interest", "# Open interest of a market"), "prose.wording"),
        "another way to a key": (swapped("To request access,", "For access,"), "prose.wording"),
        "another link": (swapped("https://www.allium.so/contact", "https://www.allium.so/hello"), "prose.wording"),
        "a sentence more": (swapped("Perp markets only.", "Perp markets only. See also the candles."), "prose.wording"),
        "a note more": (PAGE.replace("</Note>", "</Note>\n\n<Tip>Try it in the console.</Tip>"), "prose.wording"),
        "a sentence of no consequence less": (
            swapped("**Alpha** — The Market Data API is in alpha. ", ""),
            "prose.wording",
        ),
        "sentences in another order": (
            swapped(
                "# Get open interest\n\n> Historical open interest timeseries for a perpetual market.",
                "> Historical open interest timeseries for a perpetual market.\n\n# Get open interest",
            ),
            "prose.wording",
        ),
        "another version": (swapped("version: 0.1.0", "version: 0.2.0"), "words.version"),
        "another title of the API": (swapped("title: Allium Market Data API", "title: Market Data"), "words.title"),
        "another summary": (swapped("summary: Get open interest", "summary: Open interest"), "words.summary"),
        "another description of the API": (swapped("Unified market data", "Market data"), "words.description"),
        "another example of a request": (swapped("example: 1h", "example: 4h"), "words.example"),
        "another example of a market": (
            swapped("example: hl:perp:BTC-USDC", "example: hl:perp:ETH-USDC"),
            "words.example",
        ),
        "another example of a start": (
            swapped("example: '2026-05-01T00:00:00Z'", "example: '2026-06-01T00:00:00Z'"),
            "words.example",
        ),
        "another example of a row": (swapped("- '12483.50'", "- '99.1'"), "words.examples"),
        "another example of a time": (
            swapped("'2026-05-01T01:00:00.000000+00:00'", "'2026-05-01T01:00:00Z'"),
            "words.examples",
        ),
        "another example of a row's market": (
            swapped("            - hl:perp:BTC-USDC", "            - bybit:perp:BTC-USDT"),
            "words.examples",
        ),
        "no example": (drop(lambda spec: parameter(spec, "interval"), "example"), "words.example"),
        "an example more": (put(lambda spec: parameter(spec, "limit"), example=100), "words.example"),
        "an example of a whole answer": (
            put(lambda spec: answer(spec)["content"]["application/json"], example={"items": []}),
            "words.example",
        ),
        "a description of a row": (put(row, description="A row of the answer."), "words.description"),
        "a title of a row": (put(row, title="A row"), "words.title"),
        "a description of the scheme": (
            put(lambda spec: spec["components"]["securitySchemes"]["APIKeyBearer"], description="Ask us."),
            "words.description",
        ),
        "a description of the server": (
            changed(lambda spec: spec["servers"][0].update(description="Production")),
            "words.description",
        ),
        "an operationId": (put(operation, operationId="get_oi"), "words.operationId"),
        "tags": (put(operation, tags=["perps"]), "words.tags"),
        "contact of the API": (changed(lambda spec: spec["info"].update(contact={"name": "Allium"})), "words.contact"),
        "external documentation": (put(operation, externalDocs={"url": "https://docs.example"}), "words.externalDocs"),
        "an extension": (put(operation, **{"x-internal": True}), "words.x-internal"),
        "a harmless word in a description": (
            swapped("description: Bucket interval.", "description: Bucket interval. See the guide."),
            "words.description",
        ),
        "the path parameter called otherwise": (
            PAGE.replace("market_id}", "slug}").replace("name: market_id", "name: slug"),
            "parameter.renamed",
        ),
        "explode of a single text": (
            put(lambda spec: parameter(spec, "interval"), explode=False),
            "parameter.explode",
        ),
    }
    for name, (page, kind) in hand.items():
        yield Edit(f"words: {name}", page, "docs", kind, Effect.NONE)


# --- What a tolerant resolver and yesterday's requests survive ---


def compatible() -> Iterator[Edit]:
    other = {"get": {"responses": {"200": {"description": "OK"}}}}
    hand = {
        "maximum of limit raised": (swapped("maximum: 5000", "maximum: 10000"), "parameter.maximum"),
        "maximum of limit gone": (drop(limit, "maximum"), "parameter.maximum"),
        "minimum of limit lowered": (swapped("minimum: 1\n", "minimum: 0\n"), "parameter.minimum"),
        "limit may be any number": (swapped("type: integer", "type: number"), "parameter.type"),
        "an interval more": (put(interval, enum=["1m", "5m", "15m", "30m", "1h", "4h", "1d"]), "parameter.enum"),
        "any interval": (drop(interval, "enum"), "parameter.enum"),
        "interval may be left out": (drop(lambda spec: parameter(spec, "interval"), "required"), "parameter.required"),
        "the end may be left out": (
            drop(lambda spec: parameter(spec, "end_timestamp"), "required"),
            "parameter.required",
        ),
        "limit may be null": (put(limit, type=["integer", "null"]), "parameter.type"),
        "an optional parameter more": (
            changed(
                lambda spec: operation(spec)["parameters"].append(
                    {"name": "order", "in": "query", "schema": {"type": "string"}}
                )
            ),
            "parameter.added",
        ),
        "an optional header more": (
            changed(
                lambda spec: operation(spec)["parameters"].append({"name": "X-Trace", "in": "header", "schema": {}})
            ),
            "parameter.added",
        ),
        "a body that may be left out": (
            put(operation, requestBody={"content": {"application/json": {"schema": {}}}}),
            "body.added",
        ),
        "a parameter is deprecated": (
            put(lambda spec: parameter(spec, "limit"), deprecated=True),
            "parameter.deprecated",
        ),
        "a field is deprecated": (put(field_of("oi_base"), deprecated=True), "words.deprecated"),
        "the operation is deprecated": (put(operation, deprecated=True), "operation.deprecated"),
        "a field more": (
            changed(lambda spec: row(spec)["properties"].update(funding={"type": "string"})),
            "response.new-field",
        ),
        "a field beside the items": (
            changed(lambda spec: body(spec)["properties"].update(note={"type": "string"})),
            "response.new-field",
        ),
        "a field that is always there": (changed(_one_more), "response.new-field"),
        "rows become closed": (put(row, additionalProperties=False), "response.additionalProperties"),
        "a format for the time": (put(field_of("ts"), format="date-time"), "response.format"),
        "a pattern for a decimal": (put(field_of("oi_base"), pattern="^[0-9]+(\\.[0-9]+)?$"), "response.pattern"),
        "fewer rows at most": (
            changed(lambda spec: body(spec)["properties"]["items"].update(maxItems=1000)),
            "response.maxItems",
        ),
        "an error is documented": (responses({"422": {"description": "Refused"}}), "status.added"),
        "a default answer": (responses({"default": {"description": "An error"}}), "status.added"),
        "a redirect is documented": (responses({"302": {"description": "Elsewhere"}}), "status.added"),
        "another media type as well": (
            changed(lambda spec: answer(spec)["content"].update({"text/csv": {"schema": {"type": "string"}}})),
            "media.added",
        ),
        "a header of the answer": (put(answer, headers={"X-Rate": {"schema": {"type": "integer"}}}), "header.added"),
        "no key needed": (changed(lambda spec: spec.update(security=[])), "access.security"),
        "the key may be left out": (
            changed(lambda spec: spec.update(security=[{"APIKeyBearer": []}, {}])),
            "access.security",
        ),
        "another way to be let in": (changed(_another_way), "access.security"),
        "a second server": (
            changed(lambda spec: spec["servers"].append({"url": "https://eu.api.allium.so"})),
            "access.servers",
        ),
        "a new path": (changed(lambda spec: spec["paths"].update({"/api/v1/markets": other})), "operation.added"),
        "a new method": (changed(lambda spec: spec["paths"][PATH].update(post=other["get"])), "operation.added"),
        "a webhook": (changed(lambda spec: spec.update(webhooks={"tick": {"post": {"responses": {}}}})), "webhook"),
        "a callback": (put(operation, callbacks={"done": {}}), "operation.callbacks"),
        "reserved characters may be sent": (
            put(lambda spec: parameter(spec, "start_timestamp"), allowReserved=True),
            "parameter.allowReserved",
        ),
    }
    for name, (page, kind) in hand.items():
        yield Edit(f"compatible: {name}", page, "compatible", kind, Effect.NONE)


def _one_more(spec: Document) -> None:
    row(spec)["properties"]["venue"] = {"type": "string"}
    row(spec)["required"].append("venue")


def _another_way(spec: Document) -> None:
    spec["components"]["securitySchemes"]["OAuth"] = {"type": "http", "scheme": "bearer"}
    spec["security"].append({"OAuth": []})


# --- By generator ---


_SAID_TWICE = {"series.open-interest-1", "series.open-interest-2", "window.cap-1", "window.cap-2"}
"""Clauses that another sentence of the page repeats in other words."""


def lost_clauses() -> Iterator[Edit]:
    """Each quoted sentence taken out, and each number in one put up."""
    for entry in CLAUSES:
        quote = " ".join(entry["quote"].split())
        if entry["stands"] != "prose" and not entry["stands"].endswith("description"):
            continue
        if quote not in PAGE:
            continue
        verdict = "look" if entry["id"] in _SAID_TWICE else "breaking"
        yield Edit(
            f"without {entry['id']}",
            swapped(quote, "Text."),
            verdict,
            "",
            None,
            "" if entry["id"] == "series.open-interest-3" else entry["id"],
        )  # the prose says it too
        more = re.sub(r"\d+", lambda found: str(int(found[0]) + 1), quote)
        if more != quote:
            yield Edit(f"one more in {entry['id']}", swapped(quote, more), "breaking", "", None, entry["id"])


def edits() -> list[Edit]:
    return [*unchanged(), *worded(), *compatible(), *breaking(), *lost_clauses(), *page_edits()]


EDITS = edits()
