"""Edits of the published page, each with the verdict that it deserves: by hand, and over every part of it in turn."""

from __future__ import annotations

import copy
import json
import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from allium_market_data.drift.model import Effect
from allium_market_data.upstream.fences import fences
from allium_market_data.upstream.syntax import dump, parse

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "spec/upstream/get-open-interest.md").read_text()
CLAUSES_TEXT = (ROOT / "spec/clauses.toml").read_text()
CLAUSES = tomllib.loads(CLAUSES_TEXT)["clause"]
BLOCK = next(block for block in fences(PAGE) if "openapi" in block.info)
PATH = "/api/v1/markets/{market_id}/perps/open_interest"

Document = dict[str, Any]


@dataclass(frozen=True)
class Edit:
    """An edited page, and what is to be said of it: its verdict; the kind, effect and clause of the change that gives it."""

    name: str
    page: str
    verdict: str
    kind: str = ""
    effect: Effect | None = None
    clause: str = ""


def document() -> Document:
    """The document of the page, to be changed."""
    made: Document = parse(BLOCK.body, where="the page")
    return made


def with_block(text: str, info: str = BLOCK.info, fence: str = "````") -> str:
    """The page with another block."""
    lines = PAGE.split("\n")
    return "\n".join([*lines[: BLOCK.start - 1], f"{fence}{info}", text.rstrip("\n"), fence, *lines[BLOCK.end :]])


def swapped(old: str, new: str, count: int = 1) -> str:
    """The page with a text replaced, which must be there."""
    assert old in PAGE, old
    return PAGE.replace(old, new, count)


def changed(change: Callable[[Document], None]) -> str:
    """The page with its document changed in place."""
    made = document()
    before = copy.deepcopy(made)
    change(made)
    assert made != before
    return with_block(dump(made))


def operation(made: Document) -> Any:
    return made["paths"][PATH]["get"]


def parameter(made: Document, name: str) -> Any:
    shared = {"market_id": "MarketIdPath", "start_timestamp": "StartTimestamp", "end_timestamp": "EndTimestamp"}
    if name in shared:
        return made["components"]["parameters"][shared[name]]
    return next(one for one in operation(made)["parameters"] if one.get("name") == name)


def row(made: Document) -> Any:
    return made["components"]["schemas"]["OpenInterest"]


def answer(made: Document) -> Any:
    return operation(made)["responses"]["200"]


def body(made: Document) -> Any:
    return answer(made)["content"]["application/json"]["schema"]


def _put(target: Callable[[Document], Any], **values: Any) -> str:
    return changed(lambda made: target(made).update(values))


def _drop(target: Callable[[Document], Any], key: str) -> str:
    def change(made: Document) -> None:
        del target(made)[key]

    return changed(change)


def _limit(made: Document) -> Any:
    return parameter(made, "limit")["schema"]


def _interval(made: Document) -> Any:
    return parameter(made, "interval")["schema"]


def _field(name: str) -> Callable[[Document], Any]:
    return lambda made: row(made)["properties"][name]


# --- Nothing changed ---


def _shuffled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shuffled(value[key]) for key in reversed(value)}
    if isinstance(value, list):
        return [_shuffled(item) for item in value]
    return value


def _lists_turned(made: Document) -> Document:
    made = copy.deepcopy(made)
    operation(made)["parameters"].reverse()
    _interval(made)["enum"].reverse()
    row(made)["required"].reverse()
    return made


def _inlined(value: Any, made: Document) -> Any:
    if isinstance(value, dict):
        if "$ref" in value:
            target: Any = made
            for token in value["$ref"][2:].split("/"):
                target = target[token]
            return _inlined(target, made)
        return {key: _inlined(item, made) for key, item in value.items()}
    return [_inlined(item, made) for item in value] if isinstance(value, list) else value


def _all_inlined() -> str:
    made = document()
    made["paths"] = _inlined(made["paths"], made)
    made["components"] = {"securitySchemes": made["components"]["securitySchemes"]}
    return with_block(dump(made))


def _moved_into_components(made: Document) -> None:
    made["components"]["schemas"]["Page"] = body(made)
    answer(made)["content"]["application/json"]["schema"] = {"$ref": "#/components/schemas/Page"}
    made["components"]["responses"] = {"Samples": answer(made)}
    operation(made)["responses"]["200"] = {"$ref": "#/components/responses/Samples"}
    limit = parameter(made, "limit")
    made["components"]["parameters"]["Limit"] = limit
    operation(made)["parameters"][-1] = {"$ref": "#/components/parameters/Limit"}


def _wrapped(made: Document) -> None:
    body(made)["properties"]["items"]["items"] = {"allOf": [{"$ref": "#/components/schemas/OpenInterest"}]}


def _split(made: Document) -> None:
    schema = row(made)
    first = {"type": "object", "properties": {"ts": schema["properties"].pop("ts")}, "required": ["ts"]}
    schema["required"].remove("ts")
    schema["allOf"] = [first]


def _on_the_path(made: Document) -> None:
    item = made["paths"][PATH]
    item["parameters"] = [operation(made)["parameters"].pop(0)]


def _own_security(made: Document) -> None:
    operation(made)["security"] = made.pop("security")


def _other_scheme_name(made: Document) -> None:
    schemes = made["components"]["securitySchemes"]
    schemes["Key"] = schemes.pop("APIKeyBearer")
    made["security"] = [{"Key": []}]


def _defaults_spelled(made: Document) -> None:
    parameter(made, "limit").update(required=False, style="form", explode=True, deprecated=False, allowReserved=False)
    parameter(made, "market_id").update(style="simple", explode=False)


def unchanged() -> Iterator[Edit]:
    made = document()
    flow = yaml.safe_dump(made, default_flow_style=True, allow_unicode=True, sort_keys=True)
    flow = flow.replace("'200'", '"200"')
    pages = {
        "the same page": PAGE,
        "JSON instead of YAML": with_block(
            json.dumps(made, ensure_ascii=False, indent=2), BLOCK.info.replace("yaml", "json")
        ),
        "JSON in a YAML block": with_block(json.dumps(made)),
        "YAML in flow style": with_block(flow),
        "keys in another order": with_block(dump(_shuffled(made))),
        "parameters, values and required names in another order": with_block(dump(_lists_turned(made))),
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
            lambda made: made["components"]["schemas"].update(New={"type": "string"})
        ),
        "bounds stated twice": _put(_limit, allOf=[{"minimum": 0}, {"maximum": 9000}]),
        "exclusive bounds for whole numbers": changed(_exclusive),
        "const for a single value": changed(lambda made: _limit(made).update(anyOf=[{}, {"const": 5}])),
        "additionalProperties spelled out": _put(row, additionalProperties=True),
        "a type list of one": _put(_field("ts"), type=["string"]),
        "the operation in another place of the page": _moved_block(),
        "emphasis taken away": swapped("**7 days**", "7 days"),
        "sentences in tags": swapped("Perp markets only.", "<Tip>\n  Perp markets only.\n</Tip>"),
    }
    for name, page in pages.items():
        yield Edit(name, page, "none")


def _exclusive(made: Document) -> None:
    schema = _limit(made)
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
        "no example": (_drop(lambda made: parameter(made, "interval"), "example"), "words.example"),
        "an example more": (_put(lambda made: parameter(made, "limit"), example=100), "words.example"),
        "an example of a whole answer": (
            _put(lambda made: answer(made)["content"]["application/json"], example={"items": []}),
            "words.example",
        ),
        "a description of a row": (_put(row, description="A row of the answer."), "words.description"),
        "a title of a row": (_put(row, title="A row"), "words.title"),
        "a description of the scheme": (
            _put(lambda made: made["components"]["securitySchemes"]["APIKeyBearer"], description="Ask us."),
            "words.description",
        ),
        "a description of the server": (
            changed(lambda made: made["servers"][0].update(description="Production")),
            "words.description",
        ),
        "an operationId": (_put(operation, operationId="get_oi"), "words.operationId"),
        "tags": (_put(operation, tags=["perps"]), "words.tags"),
        "contact of the API": (changed(lambda made: made["info"].update(contact={"name": "Allium"})), "words.contact"),
        "external documentation": (_put(operation, externalDocs={"url": "https://docs.example"}), "words.externalDocs"),
        "an extension": (_put(operation, **{"x-internal": True}), "words.x-internal"),
        "a harmless word in a description": (
            swapped("description: Bucket interval.", "description: Bucket interval. See the guide."),
            "words.description",
        ),
        "the path parameter called otherwise": (
            PAGE.replace("market_id}", "slug}").replace("name: market_id", "name: slug"),
            "parameter.renamed",
        ),
        "explode of a single text": (
            _put(lambda made: parameter(made, "interval"), explode=False),
            "parameter.explode",
        ),
    }
    for name, (page, kind) in hand.items():
        yield Edit(f"words: {name}", page, "docs", kind, Effect.NONE)


# --- What a tolerant reader and yesterday's requests survive ---


def compatible() -> Iterator[Edit]:
    other = {"get": {"responses": {"200": {"description": "OK"}}}}
    hand = {
        "maximum of limit raised": (swapped("maximum: 5000", "maximum: 10000"), "parameter.maximum"),
        "maximum of limit gone": (_drop(_limit, "maximum"), "parameter.maximum"),
        "minimum of limit lowered": (swapped("minimum: 1\n", "minimum: 0\n"), "parameter.minimum"),
        "limit may be any number": (swapped("type: integer", "type: number"), "parameter.type"),
        "an interval more": (_put(_interval, enum=["1m", "5m", "15m", "30m", "1h", "4h", "1d"]), "parameter.enum"),
        "any interval": (_drop(_interval, "enum"), "parameter.enum"),
        "interval may be left out": (_drop(lambda made: parameter(made, "interval"), "required"), "parameter.required"),
        "the end may be left out": (
            _drop(lambda made: parameter(made, "end_timestamp"), "required"),
            "parameter.required",
        ),
        "limit may be null": (_put(_limit, type=["integer", "null"]), "parameter.type"),
        "an optional parameter more": (
            changed(
                lambda made: operation(made)["parameters"].append(
                    {"name": "order", "in": "query", "schema": {"type": "string"}}
                )
            ),
            "parameter.added",
        ),
        "an optional header more": (
            changed(
                lambda made: operation(made)["parameters"].append({"name": "X-Trace", "in": "header", "schema": {}})
            ),
            "parameter.added",
        ),
        "a body that may be left out": (
            _put(operation, requestBody={"content": {"application/json": {"schema": {}}}}),
            "body.added",
        ),
        "a parameter is deprecated": (
            _put(lambda made: parameter(made, "limit"), deprecated=True),
            "parameter.deprecated",
        ),
        "a field is deprecated": (_put(_field("oi_base"), deprecated=True), "words.deprecated"),
        "the operation is deprecated": (_put(operation, deprecated=True), "operation.deprecated"),
        "a field more": (
            changed(lambda made: row(made)["properties"].update(funding={"type": "string"})),
            "answer.new-field",
        ),
        "a field beside the items": (
            changed(lambda made: body(made)["properties"].update(note={"type": "string"})),
            "answer.new-field",
        ),
        "a field that is always there": (changed(_one_more), "answer.new-field"),
        "rows become closed": (_put(row, additionalProperties=False), "answer.additionalProperties"),
        "a format for the time": (_put(_field("ts"), format="date-time"), "answer.format"),
        "a pattern for a decimal": (_put(_field("oi_base"), pattern="^[0-9]+(\\.[0-9]+)?$"), "answer.pattern"),
        "fewer rows at most": (
            changed(lambda made: body(made)["properties"]["items"].update(maxItems=1000)),
            "answer.maxItems",
        ),
        "an error is documented": (_responses({"422": {"description": "Refused"}}), "status.added"),
        "a default answer": (_responses({"default": {"description": "An error"}}), "status.added"),
        "a redirect is documented": (_responses({"302": {"description": "Elsewhere"}}), "status.added"),
        "another media type as well": (
            changed(lambda made: answer(made)["content"].update({"text/csv": {"schema": {"type": "string"}}})),
            "media.added",
        ),
        "a header of the answer": (_put(answer, headers={"X-Rate": {"schema": {"type": "integer"}}}), "header.added"),
        "no key needed": (changed(lambda made: made.update(security=[])), "access.security"),
        "the key may be left out": (
            changed(lambda made: made.update(security=[{"APIKeyBearer": []}, {}])),
            "access.security",
        ),
        "another way to be let in": (changed(_another_way), "access.security"),
        "a second server": (
            changed(lambda made: made["servers"].append({"url": "https://eu.api.allium.so"})),
            "access.servers",
        ),
        "a new path": (changed(lambda made: made["paths"].update({"/api/v1/markets": other})), "operation.added"),
        "a new method": (changed(lambda made: made["paths"][PATH].update(post=other["get"])), "operation.added"),
        "a webhook": (changed(lambda made: made.update(webhooks={"tick": {"post": {"responses": {}}}})), "webhook"),
        "a callback": (_put(operation, callbacks={"done": {}}), "operation.callbacks"),
        "reserved characters may be sent": (
            _put(lambda made: parameter(made, "start_timestamp"), allowReserved=True),
            "parameter.allowReserved",
        ),
    }
    for name, (page, kind) in hand.items():
        yield Edit(f"compatible: {name}", page, "compatible", kind, Effect.NONE)


def _one_more(made: Document) -> None:
    row(made)["properties"]["venue"] = {"type": "string"}
    row(made)["required"].append("venue")


def _responses(more: dict[str, Any]) -> str:
    return changed(lambda made: operation(made)["responses"].update(more))


def _another_way(made: Document) -> None:
    made["components"]["securitySchemes"]["OAuth"] = {"type": "http", "scheme": "bearer"}
    made["security"].append({"OAuth": []})


# --- Breaks ---


def breaking() -> Iterator[Edit]:
    yield from _breaking_numbers()
    yield from _breaking_access()
    yield from _breaking_answers()
    yield from _breaking_requests()


def _breaking_numbers() -> Iterator[Edit]:
    planner, harmless = Effect.PLANNER, Effect.HARMLESS
    yield Edit(
        "maximum of limit lowered",
        swapped("maximum: 5000", "maximum: 1000"),
        "breaking",
        "parameter.maximum",
        planner,
        "limit.maximum-1",
    )
    yield Edit(
        "maximum of limit one less", swapped("maximum: 5000", "maximum: 4999"), "breaking", "parameter.maximum", planner
    )
    yield Edit("maximum of limit excluded", changed(_excluded), "breaking", "parameter.maximum", planner)
    yield Edit(
        "minimum of limit raised",
        swapped("minimum: 1\n", "minimum: 10\n"),
        "breaking",
        "parameter.minimum",
        harmless,
        "limit.minimum-1",
    )
    yield Edit(
        "minimum above all", swapped("minimum: 1\n", "minimum: 6000\n"), "breaking", "parameter.minimum", planner
    )
    yield Edit("limit in steps", _put(_limit, multipleOf=3), "breaking", "parameter.multipleOf", planner)
    yield Edit(
        "another default",
        swapped("default: 500", "default: 100"),
        "breaking",
        "parameter.default",
        harmless,
        "limit.default-1",
    )
    yield Edit("no default", _drop(_limit, "default"), "breaking", "parameter.default", harmless, "limit.default-1")
    yield Edit(
        "limit is a text",
        swapped("type: integer", "type: string"),
        "breaking",
        "parameter.type",
        planner,
        "limit.type-1",
    )
    yield Edit(
        "limit is gone",
        changed(lambda made: operation(made)["parameters"].pop()),
        "breaking",
        "parameter.removed",
        planner,
    )
    yield Edit(
        "limit must be sent",
        _put(lambda made: parameter(made, "limit"), required=True),
        "breaking",
        "parameter.required",
        harmless,
    )
    yield Edit("limit is one of three", _put(_limit, enum=[10, 100, 1000]), "breaking", "parameter.enum", planner)
    cap = [("31 days", planner), ("1 day", planner), ("7 hours", planner), ("30 days", planner), ("14 weeks", planner)]
    for new, effect in cap:
        yield Edit(
            f"cap of {new} in the prose",
            swapped("**7 days**", f"**{new}**"),
            "breaking",
            "prose.clause",
            effect,
            "window.cap-1",
        )
    both = PAGE.replace("7 days", "31 days")
    yield Edit("another cap everywhere", both, "breaking", "prose.clause", planner, "window.cap-1")
    yield Edit(
        "another cap in the description",
        swapped("Query window capped at 7 days", "Query window capped at 31 days"),
        "breaking",
        "prose.description",
        planner,
        "window.cap-2",
    )
    yield Edit(
        "another range in the description",
        swapped("(1–5000)", "(1–1000)"),
        "breaking",
        "prose.description",
        planner,
        "limit.range-1",
    )
    yield Edit(
        "the cap is no longer told",
        swapped("The query window is currently capped at **7 days** per request.", "Enjoy."),
        "breaking",
        "prose.clause",
        planner,
        "window.cap-1",
    )
    yield Edit(
        "the cap is negated",
        swapped("is currently capped", "is currently not capped"),
        "breaking",
        "prose.clause",
        planner,
        "window.cap-1",
    )


def _excluded(made: Document) -> None:
    schema = _limit(made)
    schema["exclusiveMaximum"] = schema.pop("maximum")


def _breaking_access() -> Iterator[Edit]:
    request = Effect.REQUEST
    scheme = "/components/securitySchemes"
    yield Edit(
        "another header for the key",
        swapped("name: X-API-KEY", "name: X-KEY"),
        "breaking",
        "access.security",
        request,
        "access.key-name-1",
    )
    yield Edit(
        "the key in the query",
        swapped("in: header\n      name", "in: query\n      name"),
        "breaking",
        "access.security",
        request,
        "access.key-place-1",
    )
    yield Edit("a bearer token", changed(_bearer), "breaking", "access.security", request, "access.key-kind-1")
    yield Edit(
        "a second scheme as well", changed(_both_needed), "breaking", "access.security", request, "access.key-needed-1"
    )
    yield Edit(
        "the scheme is not there",
        changed(lambda made: made["components"].pop("securitySchemes")),
        "breaking",
        "access.security",
        request,
    )
    yield Edit(
        "another server",
        swapped("url: https://api.allium.so", "url: https://api.allium.com"),
        "breaking",
        "access.servers",
        request,
        "server.address-1",
    )
    yield Edit(
        "another scheme of the server", swapped("url: https://", "url: http://"), "breaking", "access.servers", request
    )
    yield Edit(
        "a base path at the server",
        swapped("https://api.allium.so\n", "https://api.allium.so/v2\n"),
        "breaking",
        "access.servers",
        request,
    )
    yield Edit("no server", changed(lambda made: made.pop("servers")), "breaking", "access.servers", request)
    yield Edit(
        "another server for the operation",
        _put(operation, servers=[{"url": "https://x.example"}]),
        "breaking",
        "access.servers",
        request,
    )
    del scheme


def _bearer(made: Document) -> None:
    made["components"]["securitySchemes"]["APIKeyBearer"] = {"type": "http", "scheme": "bearer"}


def _both_needed(made: Document) -> None:
    made["components"]["securitySchemes"]["More"] = {"type": "apiKey", "in": "header", "name": "X-MORE"}
    made["security"] = [{"APIKeyBearer": [], "More": []}]


def _breaking_answers() -> Iterator[Edit]:
    decoding = Effect.DECODING
    for name in ("market_id", "ts", "oi_base", "oi_quote_usd"):
        key = name.replace("_", "-")
        yield Edit(
            f"{name} is a number",
            _put(_field(name), type="number"),
            "breaking",
            "answer.type",
            decoding,
            f"row.{key}-1",
        )
        yield Edit(
            f"{name} may be null", _put(_field(name), type=["string", "null"]), "breaking", "answer.type", decoding
        )
        yield Edit(
            f"{name} is gone", changed(_without(name)), "breaking", "answer.required", decoding, "row.required-1"
        )
        yield Edit(
            f"{name} may be missing",
            changed(_optional(name)),
            "breaking",
            "answer.required",
            decoding,
            "row.required-1",
        )
        yield Edit(
            f"{name} is called otherwise",
            changed(_renamed(name)),
            "breaking",
            "answer.required",
            decoding,
            "row.required-1",
        )
        yield Edit(f"{name} is an object", _put(_field(name), type="object"), "breaking", "answer.type", decoding)
        yield Edit(f"{name} is one of two forms", changed(_two_forms(name)), "breaking", "", decoding)
        yield Edit(f"{name} may be anything", _drop(_field(name), "type"), "breaking", "answer.type", decoding)
    yield Edit(
        "a time in seconds",
        _put(_field("ts"), type="integer", examples=[1777597200]),
        "breaking",
        "answer.type",
        decoding,
    )
    yield Edit(
        "no reference any more",
        _put(lambda made: body(made)["properties"]["items"], items={"type": "string"}),
        "breaking",
        "answer.type",
        decoding,
    )
    yield Edit("items is an object", changed(_items_object), "breaking", "answer.type", decoding)
    yield Edit(
        "items is called data", changed(_items_renamed), "breaking", "answer.required", decoding, "answer.required-1"
    )
    yield Edit(
        "items may be missing", _drop(body, "required"), "breaking", "answer.required", decoding, "answer.required-1"
    )
    yield Edit("a bare list", changed(_bare_list), "breaking", "answer.type", decoding, "answer.type-1")
    yield Edit("a list or an object", _put(body, type=["object", "array"]), "breaking", "answer.type", decoding)
    yield Edit("another status", swapped("'200':", "'202':"), "breaking", "status.removed", decoding, "answer.status-1")
    yield Edit(
        "a second success", _responses({"204": {"description": "No samples"}}), "breaking", "status.added", decoding
    )
    yield Edit(
        "another media type",
        swapped("application/json:", "application/x-ndjson:"),
        "breaking",
        "media.removed",
        decoding,
        "answer.media-type-1",
    )
    yield Edit("no body", _drop(answer, "content"), "breaking", "media.removed", decoding)
    yield Edit(
        "an example that cannot be read",
        swapped("- '12483.50'", "- '1.24835e4'"),
        "breaking",
        "words.examples",
        decoding,
        "row.oi-base-example-1",
    )
    yield Edit(
        "an example in seconds",
        swapped("'2026-05-01T01:00:00.000000+00:00'", "'1777597200'"),
        "breaking",
        "words.examples",
        decoding,
    )
    meaning = Effect.MEANING
    words = {
        "thousands": ("in USD notional", "in thousand USD notional", "row.oi-quote-usd-unit-1"),
        "contracts": ("in base-asset units", "in contracts", "row.oi-base-unit-1"),
        "euros": ("in USD notional", "in EUR notional", "row.oi-quote-usd-unit-1"),
        "inside the bucket": ("at the bucket boundary", "within the bucket", "row.ts-boundary-1"),
        "another format of time": ("ISO 8601 timestamp at", "Unix timestamp at", "row.ts-iso-8601-1"),
        "the first sample": ("(last sample per", "(first sample per", "bucket.last-sample-3"),
    }
    for name, (old, new, clause) in words.items():
        yield Edit(
            f"described otherwise: {name}",
            swapped(old, new),
            "breaking",
            "prose.description",
            meaning if name != "the first sample" else None,
            clause,
        )
    yield Edit(
        "a unit is added",
        swapped("USD notional.", "USD notional. In millions."),
        "breaking",
        "prose.description",
        meaning,
        "row.oi-quote-usd-unit-1",
    )
    yield Edit("fields change their meaning", changed(_meanings_swapped), "breaking", "prose.description", meaning)
    yield Edit(
        "prose: the first sample",
        swapped("reports the last sample within", "reports the first sample within"),
        "breaking",
        "prose.clause",
        meaning,
        "bucket.last-sample-1",
    )
    yield Edit(
        "prose: the start of the bucket",
        swapped("as of the end of the bucket", "as of the start of the bucket"),
        "breaking",
        "prose.clause",
        meaning,
        "bucket.last-sample-2",
    )
    yield Edit(
        "prose: a flow",
        swapped("is a stock variable", "is a flow variable"),
        "breaking",
        "prose.clause",
        meaning,
        "bucket.stock-variable-1",
    )


def _without(name: str) -> Callable[[Document], None]:
    def change(made: Document) -> None:
        del row(made)["properties"][name]
        row(made)["required"].remove(name)

    return change


def _optional(name: str) -> Callable[[Document], None]:
    return lambda made: row(made)["required"].remove(name)


def _renamed(name: str) -> Callable[[Document], None]:
    def change(made: Document) -> None:
        row(made)["properties"][name + "_2"] = row(made)["properties"].pop(name)
        row(made)["required"].remove(name)
        row(made)["required"].append(name + "_2")

    return change


def _two_forms(name: str) -> Callable[[Document], None]:
    def change(made: Document) -> None:
        schema = row(made)["properties"][name]
        schema["oneOf"] = [{"type": schema.pop("type")}, {"type": "number"}]

    return change


def _items_object(made: Document) -> None:
    body(made)["properties"]["items"] = {
        "type": "object",
        "additionalProperties": {"$ref": "#/components/schemas/OpenInterest"},
    }


def _items_renamed(made: Document) -> None:
    body(made)["properties"]["data"] = body(made)["properties"].pop("items")
    body(made)["required"] = ["data"]


def _bare_list(made: Document) -> None:
    answer(made)["content"]["application/json"]["schema"] = body(made)["properties"]["items"]


def _meanings_swapped(made: Document) -> None:
    one, other = _field("oi_base")(made), _field("oi_quote_usd")(made)
    one["description"], other["description"] = other["description"], one["description"]


def _breaking_requests() -> Iterator[Edit]:
    request, harmless = Effect.REQUEST, Effect.HARMLESS
    for value in ("1m", "5m", "15m", "1h", "4h", "1d"):
        kept = [one for one in ("1m", "5m", "15m", "1h", "4h", "1d") if one != value]
        yield Edit(
            f"no {value} any more", _put(_interval, enum=kept), "breaking", "parameter.enum", request, "interval.enum-1"
        )
    for name in ("interval", "start_timestamp", "end_timestamp"):
        group = name.partition("_")[0]
        yield Edit(
            f"{name} is called otherwise",
            swapped(f"name: {name}", f"name: {name}_2"),
            "breaking",
            "parameter.removed",
            request,
            f"{group}.name-1",
        )
        yield Edit(
            f"{name} moves to a header",
            changed(_moved(name)),
            "breaking",
            "parameter.removed",
            request,
            f"{group}.place-1",
        )
        yield Edit(
            f"{name} is a number",
            changed(lambda made, name=name: parameter(made, name).update(schema={"type": "integer"})),
            "breaking",
            "parameter.type",
            request,
        )
        yield Edit(f"{name} is gone", changed(_parameter_gone(name)), "breaking", "parameter.removed", request)
    yield Edit(
        "intervals written otherwise",
        _put(_interval, enum=["1min", "5min", "15min", "1hour", "4hour", "1day"]),
        "breaking",
        "parameter.enum",
        request,
    )
    yield Edit(
        "only times with an offset",
        changed(lambda made: parameter(made, "start_timestamp")["schema"].update(format="date-time")),
        "breaking",
        "parameter.format",
        harmless,
    )
    yield Edit(
        "only days",
        changed(lambda made: parameter(made, "start_timestamp")["schema"].update(format="date")),
        "breaking",
        "parameter.format",
        request,
    )
    yield Edit(
        "a pattern for the market",
        changed(lambda made: parameter(made, "market_id")["schema"].update(pattern="^[a-z]+$")),
        "breaking",
        "parameter.pattern",
        request,
    )
    yield Edit(
        "a pattern that our market has",
        changed(lambda made: parameter(made, "market_id")["schema"].update(pattern="^[a-z]+:perp:.+$")),
        "breaking",
        "parameter.pattern",
        harmless,
    )
    yield Edit(
        "a short market",
        changed(lambda made: parameter(made, "market_id")["schema"].update(maxLength=10)),
        "breaking",
        "parameter.maxLength",
        request,
    )
    yield Edit(
        "a parameter that must be sent",
        changed(
            lambda made: operation(made)["parameters"].append(
                {"name": "venue", "in": "query", "required": True, "schema": {"type": "string"}}
            )
        ),
        "breaking",
        "parameter.added",
        request,
    )
    yield Edit(
        "a body that must be sent",
        _put(
            operation, requestBody={"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
        ),
        "breaking",
        "body.added",
        request,
    )
    yield Edit(
        "intervals as a list",
        changed(
            lambda made: parameter(made, "interval").update(
                style="spaceDelimited", schema={"type": "array", "items": {"type": "string"}}
            )
        ),
        "breaking",
        "",
        request,
    )
    yield Edit(
        "a matrix in the path",
        _put(lambda made: parameter(made, "market_id"), style="matrix"),
        "breaking",
        "parameter.style",
        request,
    )
    yield Edit(
        "another path",
        PAGE.replace("/perps/open_interest", "/perps/oi"),
        "breaking",
        "operation.removed",
        request,
        "operation.path-2",
    )
    yield Edit(
        "another version in the path",
        PAGE.replace("/api/v1/", "/api/v2/"),
        "breaking",
        "operation.removed",
        request,
        "operation.path-2",
    )
    yield Edit(
        "another method",
        PAGE.replace("    get:\n", "    post:\n").replace("GET /api", "POST /api"),
        "breaking",
        "operation.removed",
        request,
        "operation.method-1",
    )
    words = {
        "market slug": (
            "Canonical market slug, {venue}:{instrument_type}:{pair}.",
            "Market number.",
            "market.slug-1",
            "prose.description",
        ),
        "naive times": (
            "naive datetimes treated as UTC",
            "naive datetimes refused",
            "start.naive-is-utc-1",
            "prose.description",
        ),
        "times of another kind": ("(ISO 8601).", "(RFC 2822).", "end.iso-8601-1", "prose.description"),
        "spot markets as well": (
            "Perp markets only.",
            "Perp and spot markets.",
            "market.perpetual-only-1",
            "prose.clause",
        ),
        "no note of change": ("Schema and response format may change.", "", "alpha.may-change-1", "prose.clause"),
        "another subject": (
            "Returns the open interest timeseries",
            "Returns the funding timeseries",
            "series.open-interest-2",
            "prose.clause",
        ),
    }
    for name, (old, new, clause, kind) in words.items():
        yield Edit(f"said otherwise: {name}", swapped(old, new), "breaking", kind, None, clause)


def _moved(name: str) -> Callable[[Document], None]:
    return lambda made: parameter(made, name).update({"in": "header"})


def _parameter_gone(name: str) -> Callable[[Document], None]:
    def change(made: Document) -> None:
        kept = operation(made)["parameters"]
        gone = parameter(made, name)
        operation(made)["parameters"] = [
            one
            for one in kept
            if one is not gone
            and not one.get("$ref", "").endswith(
                ("Start", "End")[name[0] == "e"] + "Timestamp" if name != "interval" else "?"
            )
        ]

    return change


# --- By generator ---


def lost_clauses() -> Iterator[Edit]:
    """Each quoted sentence taken out, and each number in one put up."""
    for entry in CLAUSES:
        quote = " ".join(entry["quote"].split())
        if entry["stands"] != "prose" and not entry["stands"].endswith("description"):
            continue
        if quote not in PAGE:
            continue
        yield Edit(f"without {entry['id']}", swapped(quote, "Text."), "breaking", "", None, entry["id"])
        more = re.sub(r"\d+", lambda found: str(int(found[0]) + 1), quote)
        if more != quote:
            yield Edit(f"one more in {entry['id']}", swapped(quote, more), "breaking", "", None, entry["id"])


def edits() -> list[Edit]:
    return [*unchanged(), *worded(), *compatible(), *breaking(), *lost_clauses()]


EDITS = edits()


def broken() -> dict[str, bytes]:
    """Pages that are none: each must be an error, whatever else it is."""
    lines = PAGE.split("\n")
    html = "<!doctype html>\n<html><head><title>Open interest</title></head><body>" + PAGE + "</body></html>"
    made = document()
    return {
        "empty": b"",
        "blank": b" \n\n\t\n",
        "a byte order mark": "\ufeff".encode(),
        "not UTF-8": PAGE.encode("utf-16"),
        "bytes": bytes(range(256)),
        "HTML": b"<!doctype html><html><body><h1>Open interest</h1></body></html>",
        "a page as HTML": re.sub("`{3,}", "<pre>", html).encode(),
        "404 as text": b"404: Not Found",
        "404 as JSON": b'{"detail": "Not Found"}',
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
        "Swagger 2": with_block(dump({**made, "swagger": "2.0"})).encode(),
        "Swagger 2 alone": with_block('swagger: "2.0"\ninfo: {}\npaths: {}\n').encode(),
        "OpenAPI 4": swapped("openapi: 3.1.0", "openapi: 4.0.0").encode(),
        "OpenAPI 3.2": swapped("openapi: 3.1.0", "openapi: 3.2.0").encode(),
        "no version": swapped("openapi: 3.1.0\n", "").encode(),
        "a version as a number": swapped("openapi: 3.1.0", "openapi: 3.1").encode(),
        "broken YAML": swapped("    get:\n", "    get: [\n").encode(),
        "tabs": swapped("    get:\n", "\tget:\n").encode(),
        "a key twice": swapped("    get:\n", "    get: {}\n    get:\n").encode(),
        "an alias": swapped("type: integer", "type: *any").encode(),
        "no paths": with_block(dump({key: value for key, value in made.items() if key != "paths"})).encode(),
        "empty paths": with_block(dump({**made, "paths": {}})).encode(),
        "paths is a list": with_block(dump({**made, "paths": []})).encode(),
        "a path without its slash": swapped("  /api/v1/markets", "  api/v1/markets").encode(),
        "a path without methods": with_block(dump({**made, "paths": {PATH: {}}})).encode(),
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
        "an enum is a text": changed(lambda one: _interval(one).update(enum="1m")).encode(),
        "a type that is none": changed(lambda one: _limit(one).update(type="int")).encode(),
        "a maximum in words": changed(lambda one: _limit(one).update(maximum="5000")).encode(),
        "security is a text": changed(lambda one: one.update(security="key")).encode(),
        "a server is a text": changed(lambda one: one.update(servers=["https://api.allium.so"])).encode(),
        "headers are a list": changed(lambda one: answer(one).update(headers=[])).encode(),
        "schemes are a list": changed(lambda one: one["components"].update(securitySchemes=[])).encode(),
        "components are a text": swapped("components:\n", "x-components:\n").encode(),
        "nested too deep": with_block(
            json.dumps({**made, "x-deep": None}).replace("null", "[" * 3000 + "]" * 3000)
        ).encode(),
        "two blocks that contradict": (
            PAGE + "\n\n````yaml openapi\n" + BLOCK.body.replace("maximum: 5000", "maximum: 10") + "````\n"
        ).encode(),
        "a duplicate of the operation's id": changed(_two_ids).encode(),
        "a path twice": changed(
            lambda one: one["paths"].update({PATH.replace("market_id", "other"): one["paths"][PATH]})
        ).encode(),
    }


def _two_ids(made: Document) -> None:
    operation(made)["operationId"] = "a"
    made["paths"]["/b"] = {"get": {"operationId": "a", "responses": {}}}
