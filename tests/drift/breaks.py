"""Edits of the published page that break something, each with the change that reports it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from allium_market_data.drift.model import Effect
from drift.page import (
    PAGE,
    Document,
    Edit,
    answer,
    body,
    changed,
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
)


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
    yield Edit("minimum above all", swapped("minimum: 1\n", "minimum: 6000\n"), "breaking", "parameter.type", planner)
    yield Edit("limit in steps", put(limit, multipleOf=3), "breaking", "parameter.multipleOf", planner)
    yield Edit(
        "another default",
        swapped("default: 500", "default: 100"),
        "breaking",
        "parameter.default",
        harmless,
        "limit.default-1",
    )
    yield Edit("no default", drop(limit, "default"), "breaking", "parameter.default", harmless, "limit.default-1")
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
        changed(lambda spec: operation(spec)["parameters"].pop()),
        "breaking",
        "parameter.removed",
        planner,
    )
    yield Edit(
        "limit must be sent",
        put(lambda spec: parameter(spec, "limit"), required=True),
        "breaking",
        "parameter.required",
        harmless,
    )
    yield Edit("limit is one of three", put(limit, enum=[10, 100, 1000]), "breaking", "parameter.enum", planner)
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
        "the cap is no longer stated",
        swapped("The query window is currently capped at **7 days** per request.", "Enjoy."),
        "look",
        "prose.clause",
        Effect.NONE,
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


def _excluded(spec: Document) -> None:
    schema = limit(spec)
    schema["exclusiveMaximum"] = schema.pop("maximum")


def _breaking_access() -> Iterator[Edit]:
    request = Effect.REQUEST
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
        changed(lambda spec: spec["components"].pop("securitySchemes")),
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
    yield Edit("no server", changed(lambda spec: spec.pop("servers")), "breaking", "access.servers", request)
    yield Edit(
        "another server for the operation",
        put(operation, servers=[{"url": "https://x.example"}]),
        "breaking",
        "access.servers",
        request,
    )


def _bearer(spec: Document) -> None:
    spec["components"]["securitySchemes"]["APIKeyBearer"] = {"type": "http", "scheme": "bearer"}


def _both_needed(spec: Document) -> None:
    spec["components"]["securitySchemes"]["More"] = {"type": "apiKey", "in": "header", "name": "X-MORE"}
    spec["security"] = [{"APIKeyBearer": [], "More": []}]


def _breaking_answers() -> Iterator[Edit]:
    decoding = Effect.DECODING
    for name in ("market_id", "ts", "oi_base", "oi_quote_usd"):
        key = name.replace("_", "-")
        yield Edit(
            f"{name} is a number",
            put(field_of(name), type="number"),
            "breaking",
            "response.type",
            decoding,
            f"row.{key}-1",
        )
        yield Edit(
            f"{name} may be null", put(field_of(name), type=["string", "null"]), "breaking", "response.type", decoding
        )
        yield Edit(
            f"{name} is gone", changed(_without(name)), "breaking", "response.required", decoding, "row.required-1"
        )
        yield Edit(
            f"{name} may be missing",
            changed(_optional(name)),
            "breaking",
            "response.required",
            decoding,
            "row.required-1",
        )
        yield Edit(
            f"{name} is called otherwise",
            changed(_renamed(name)),
            "breaking",
            "response.renamed",
            decoding,
            "row.required-1",
        )
        yield Edit(f"{name} is an object", put(field_of(name), type="object"), "breaking", "response.type", decoding)
        yield Edit(f"{name} is one of two forms", changed(_two_forms(name)), "breaking", "", decoding)
        yield Edit(f"{name} may be anything", drop(field_of(name), "type"), "breaking", "response.type", decoding)
    yield Edit(
        "a time in seconds",
        put(field_of("ts"), type="integer", examples=[1777597200]),
        "breaking",
        "response.type",
        decoding,
    )
    yield Edit(
        "no reference any more",
        put(lambda spec: body(spec)["properties"]["items"], items={"type": "string"}),
        "breaking",
        "response.type",
        decoding,
    )
    yield Edit("items is an object", changed(_items_object), "breaking", "response.type", decoding)
    yield Edit(
        "items is called data",
        changed(_items_renamed),
        "breaking",
        "response.required",
        decoding,
        "answer.required-1",
    )
    yield Edit(
        "items may be missing", drop(body, "required"), "breaking", "response.required", decoding, "answer.required-1"
    )
    yield Edit("a bare list", changed(_bare_list), "breaking", "response.type", decoding, "answer.type-1")
    yield Edit("a list or an object", put(body, type=["object", "array"]), "breaking", "response.type", decoding)
    yield Edit("another status", swapped("'200':", "'202':"), "breaking", "status.removed", decoding, "answer.status-1")
    yield Edit(
        "a second success", responses({"204": {"description": "No samples"}}), "breaking", "status.added", decoding
    )
    yield Edit(
        "another media type",
        swapped("application/json:", "application/x-ndjson:"),
        "breaking",
        "media.removed",
        decoding,
        "answer.media-type-1",
    )
    yield Edit("no body", drop(answer, "content"), "breaking", "media.removed", decoding)
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
    def change(spec: Document) -> None:
        del row(spec)["properties"][name]
        row(spec)["required"].remove(name)

    return change


def _optional(name: str) -> Callable[[Document], None]:
    return lambda spec: row(spec)["required"].remove(name)


def _renamed(name: str) -> Callable[[Document], None]:
    def change(spec: Document) -> None:
        row(spec)["properties"][name + "_2"] = row(spec)["properties"].pop(name)
        row(spec)["required"].remove(name)
        row(spec)["required"].append(name + "_2")

    return change


def _two_forms(name: str) -> Callable[[Document], None]:
    def change(spec: Document) -> None:
        schema = row(spec)["properties"][name]
        schema["oneOf"] = [{"type": schema.pop("type")}, {"type": "number"}]

    return change


def _items_object(spec: Document) -> None:
    body(spec)["properties"]["items"] = {
        "type": "object",
        "additionalProperties": {"$ref": "#/components/schemas/OpenInterest"},
    }


def _items_renamed(spec: Document) -> None:
    body(spec)["properties"]["data"] = body(spec)["properties"].pop("items")
    body(spec)["required"] = ["data"]


def _bare_list(spec: Document) -> None:
    answer(spec)["content"]["application/json"]["schema"] = body(spec)["properties"]["items"]


def _meanings_swapped(spec: Document) -> None:
    one, other = field_of("oi_base")(spec), field_of("oi_quote_usd")(spec)
    one["description"], other["description"] = other["description"], one["description"]


def _breaking_requests() -> Iterator[Edit]:
    request, harmless = Effect.REQUEST, Effect.HARMLESS
    for value in ("1m", "5m", "15m", "1h", "4h", "1d"):
        kept = [one for one in ("1m", "5m", "15m", "1h", "4h", "1d") if one != value]
        yield Edit(
            f"no {value} any more", put(interval, enum=kept), "breaking", "parameter.enum", request, "interval.enum-1"
        )
    for name in ("interval", "start_timestamp", "end_timestamp"):
        group = name.partition("_")[0]
        yield Edit(
            f"{name} is called otherwise",
            swapped(f"name: {name}", f"name: {name}_2"),
            "breaking",
            "parameter.renamed",
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
            changed(_numbered(name)),
            "breaking",
            "parameter.type",
            request,
        )
        yield Edit(f"{name} is gone", changed(_parameter_gone(name)), "breaking", "parameter.removed", request)
    yield Edit(
        "intervals written otherwise",
        put(interval, enum=["1min", "5min", "15min", "1hour", "4hour", "1day"]),
        "breaking",
        "parameter.enum",
        request,
    )
    yield Edit(
        "only times with an offset",
        changed(lambda spec: parameter(spec, "start_timestamp")["schema"].update(format="date-time")),
        "breaking",
        "parameter.format",
        harmless,
    )
    yield Edit(
        "only days",
        changed(lambda spec: parameter(spec, "start_timestamp")["schema"].update(format="date")),
        "breaking",
        "parameter.format",
        request,
    )
    yield Edit(
        "a pattern for the market",
        changed(lambda spec: parameter(spec, "market_id")["schema"].update(pattern="^[a-z]+$")),
        "breaking",
        "parameter.pattern",
        request,
    )
    yield Edit(
        "a pattern that our market has",
        changed(lambda spec: parameter(spec, "market_id")["schema"].update(pattern="^[a-z]+:perp:.+$")),
        "breaking",
        "parameter.pattern",
        harmless,
    )
    yield Edit(
        "a short market",
        changed(lambda spec: parameter(spec, "market_id")["schema"].update(maxLength=10)),
        "breaking",
        "parameter.maxLength",
        request,
    )
    yield Edit(
        "a parameter that must be sent",
        changed(
            lambda spec: operation(spec)["parameters"].append(
                {"name": "venue", "in": "query", "required": True, "schema": {"type": "string"}}
            )
        ),
        "breaking",
        "parameter.added",
        request,
    )
    yield Edit(
        "a body that must be sent",
        put(operation, requestBody={"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}),
        "breaking",
        "body.added",
        request,
    )
    yield Edit(
        "intervals as a list",
        changed(
            lambda spec: parameter(spec, "interval").update(
                style="spaceDelimited", schema={"type": "array", "items": {"type": "string"}}
            )
        ),
        "breaking",
        "",
        request,
    )
    yield Edit(
        "a matrix in the path",
        put(lambda spec: parameter(spec, "market_id"), style="matrix"),
        "breaking",
        "parameter.style",
        request,
    )
    yield Edit(
        "another path",
        PAGE.replace("/perps/open_interest", "/perps/oi"),
        "breaking",
        "operation.renamed",
        request,
        "operation.path-2",
    )
    yield Edit(
        "another version in the path",
        PAGE.replace("/api/v1/", "/api/v2/"),
        "breaking",
        "operation.renamed",
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
        "another location": (
            "Returns the open interest timeseries",
            "Returns the funding timeseries",
            "series.open-interest-2",
            "prose.clause",
        ),
    }
    for name, (old, new, clause, kind) in words.items():
        yield Edit(f"said otherwise: {name}", swapped(old, new), "breaking", kind, None, clause)


def _numbered(name: str) -> Callable[[Document], None]:
    return lambda spec: parameter(spec, name).update(schema={"type": "integer"})


def _moved(name: str) -> Callable[[Document], None]:
    return lambda spec: parameter(spec, name).update({"in": "header"})


def _parameter_gone(name: str) -> Callable[[Document], None]:
    def change(spec: Document) -> None:
        kept = operation(spec)["parameters"]
        gone = parameter(spec, name)
        operation(spec)["parameters"] = [
            one
            for one in kept
            if one is not gone
            and not one.get("$ref", "").endswith(
                ("Start", "End")[name[0] == "e"] + "Timestamp" if name != "interval" else "?"
            )
        ]

    return change
