"""Several pages, documents without a page, and documents much larger than the published one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from allium_market_data.codegen.clauses import read_clauses
from allium_market_data.drift import Level, Source, judge
from allium_market_data.drift.diff.documents import compare_documents
from allium_market_data.errors import SpecError
from drift.page import CLAUSES_TEXT, PAGE, ROOT

CLAUSES = read_clauses(CLAUSES_TEXT)
OURS = ("get-open-interest.md", PAGE.encode())
CANDLES = ("get-ohlcv-candles.md", (Path(__file__).parent / "pages/get-ohlcv-candles.md").read_bytes())
MERGED = ("openapi.yaml", (ROOT / "spec/openapi.yaml").read_bytes())


def test_an_additional_page_is_compatible() -> None:
    found = judge(Source.of_bytes([OURS]), Source.of_bytes([OURS, CANDLES]), CLAUSES)
    assert [(change.level, change.kind) for change in found.changes] == [(Level.COMPATIBLE, "operation.added")]
    assert found.changes[0].sentence == "GET /api/v1/markets/{market_id}/ohlcv is new."


def test_another_page_instead_is_breaking() -> None:
    found = judge(Source.of_bytes([OURS]), Source.of_bytes([CANDLES]), CLAUSES)
    assert (found.verdict, found.changes[0].kind) == (Level.BREAKING, "operation.removed")


def test_two_pages_that_contradict_each_other_are_an_error() -> None:
    other = (CANDLES[0], CANDLES[1].replace(b"https://api.allium.so\n", b"https://api.allium.com\n"))
    with pytest.raises(SpecError, match="differ at /servers"):
        Source.of_bytes([OURS, other])


def test_the_merged_document_and_the_page_are_the_same() -> None:
    page, merged = Source.of_bytes([OURS]), Source.of_bytes([MERGED])
    for old, new in ((page, merged), (merged, page), (merged, merged)):
        assert judge(old, new, CLAUSES).verdict is Level.NONE
    assert "window.cap-1" in judge(page, merged, CLAUSES).notes[0]


def test_a_page_under_another_name_is_the_same_page() -> None:
    renamed = ("https://docs.example/other.md", PAGE.encode())
    assert judge(Source.of_bytes([OURS]), Source.of_bytes([renamed]), CLAUSES).changes == ()


def test_a_page_without_its_prose_loses_the_clauses() -> None:
    block = PAGE[PAGE.index("````yaml") :]
    found = judge(Source.of_bytes([OURS]), Source.of_bytes([("a.md", block.encode())]), CLAUSES)
    assert found.verdict is Level.BREAKING
    assert any("window.cap-1" in change.clauses for change in found.changes)


GET: dict[str, Any] = {"get": {"responses": {}}}
POST: dict[str, Any] = {"post": {"responses": {}}}
DEPRECATED: dict[str, Any] = {"get": {"responses": {}, "deprecated": True}}


def source(**parts: Any) -> Source:
    document = {"openapi": "3.1.0", "info": {"title": "T", "version": "1"}, **parts}
    return Source.of_bytes([("openapi.json", json.dumps(document).encode())])


def test_a_path_under_two_names_is_one_path() -> None:
    two = source(paths={"/a/{id}": GET, "/a/{name}": POST})
    assert judge(two, source(paths={"/a/{key}": {**GET, **POST}})).verdict < Level.COMPATIBLE
    (change,) = judge(two, source(paths={"/a/{id}": GET})).changes
    assert (change.kind, change.sentence) == ("operation.removed", "POST /a/{name} was removed.")


def test_operations_that_differ_only_in_names_are_both_compared() -> None:
    two = source(paths={"/a/{id}": GET, "/a/{name}": GET})
    assert judge(two, two).changes == ()
    for paths in ({"/a/{id}": DEPRECATED, "/a/{name}": GET}, {"/a/{id}": GET, "/a/{name}": DEPRECATED}):
        (change,) = judge(two, source(paths=paths)).changes
        assert change.kind == "operation.deprecated"


def test_webhooks_alone_are_a_document() -> None:
    old = source(webhooks={"filled": {"post": {"responses": {}}}})
    assert judge(old, old).changes == ()
    (change,) = judge(old, source(webhooks={"filled": {"post": {"responses": {"200": {"description": "ok"}}}}})).changes
    assert (change.level, change.kind) == (Level.BREAKING, "webhook")
    with pytest.raises(SpecError, match="describes no operation"):
        source(paths={}, webhooks={})


def test_anchors_and_aliases_mean_what_they_stand_for() -> None:
    text = "openapi: 3.1.0\ninfo: {title: T}\npaths:\n  /a: &a {get: {responses: {}}}\n  /b: *a\n"
    aliases = Source.of_bytes([("openapi.yaml", text.encode())])
    plain = source(info={"title": "T"}, paths={"/a": {"get": {"responses": {}}}, "/b": {"get": {"responses": {}}}})
    assert judge(aliases, plain).changes == ()


def large(operations: int, wide: int) -> dict[str, Any]:
    """Operations that share schemas, each of which refers to the next one twice: 2^wide paths."""
    schemas: dict[str, Any] = {
        f"S{at}": {
            "type": "object",
            "description": f"Schema {at}",
            "properties": {
                "left": {"$ref": f"#/components/schemas/S{(at + 1) % wide}"},
                "right": {"anyOf": [{"$ref": f"#/components/schemas/S{(at + 1) % wide}"}, {"type": "null"}]},
                "size": {"type": "integer", "maximum": 10},
            },
        }
        for at in range(wide)
    }
    answer = {"description": "", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/S0"}}}}
    paths = {f"/p{at}": {"get": {"responses": {"200": answer}}} for at in range(operations)}
    return {
        "openapi": "3.1.0",
        "info": {"title": "L", "version": "1"},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def test_schemas_that_share_each_other_do_not_take_forever() -> None:
    old, new = large(2, 24), large(2, 24)
    new["components"]["schemas"]["S23"]["properties"]["size"]["maximum"] = 20
    found = [finding.change for finding in compare_documents(old, new)]
    assert [change.place for change in found if change.level is Level.BREAKING] == [
        "/components/schemas/S23/properties/size/maximum"
    ]


def test_a_schema_nested_very_deep_is_refused() -> None:
    documents = []
    for kind in ("string", "integer"):
        schema: Any = {"type": kind}
        for _ in range(400):
            schema = {"type": "array", "items": schema}
        answer = {"description": "", "content": {"application/json": {"schema": schema}}}
        documents.append(source(paths={"/a": {"get": {"responses": {"200": answer}}}}))
    with pytest.raises(SpecError, match="nested too deep"):
        judge(documents[0], documents[1])
