"""Pages that agree are merged; a conflict names both pages and the place."""

import copy
from typing import Any

import pytest

from allium_market_data.codegen import SpecError
from allium_market_data.codegen.canonical import differences, digest, join, resolve, same
from allium_market_data.codegen.document import merge, render
from allium_market_data.codegen.page import Document, Part
from allium_market_data.codegen.yaml_syntax import parse


def document(path: str = "/a", **changes: Any) -> Document:
    return {
        "openapi": "3.1.0",
        "info": {"title": "T", "version": "1"},
        "servers": [{"url": "https://x.example"}],
        "security": [{"Key": []}],
        "paths": {path: {"get": {"parameters": [{"$ref": "#/components/parameters/Shared"}], "responses": {}}}},
        "components": {
            "parameters": {"Shared": {"name": "s", "in": "query", "schema": {"type": "integer", "maximum": 5}}},
            "securitySchemes": {"Key": {"type": "apiKey", "in": "header", "name": "K"}},
        },
        **changes,
    }


def merged(*documents: Document) -> Document:
    return merge([Part(name, one) for name, one in zip("abcdef", documents, strict=False)])


def test_single_page_is_unchanged() -> None:
    assert merged(document()) == document()


def test_equal_parts_are_shared() -> None:
    both = merged(document("/b"), document("/a"))
    assert list(both["paths"]) == ["/a", "/b"]
    assert both["components"] == document()["components"]


def test_methods_of_one_path_are_merged() -> None:
    other = document()
    other["paths"]["/a"] = {"post": {"responses": {}}}
    assert set(merged(document(), other)["paths"]["/a"]) == {"get", "post"}


def test_tags_are_merged_by_name() -> None:
    both = merged(document(tags=[{"name": "z"}, {"name": "m"}]), document("/b", tags=[{"name": "m"}, {"name": "a"}]))
    assert both["tags"] == [{"name": "a"}, {"name": "m"}, {"name": "z"}]


def test_notation_of_a_number_does_not_matter() -> None:
    other = document("/b")
    other["components"]["parameters"]["Shared"]["schema"]["maximum"] = 5.0
    assert merged(document(), other)["components"]["parameters"]["Shared"]["schema"]["maximum"] == 5


def altered(pointer: str, value: Any) -> Document:
    other = document("/b")
    parent, _, key = pointer.rpartition("/")
    resolve(other, parent)[key] = value
    return other


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (altered("/openapi", "3.1.1"), "a and b: differ at /openapi: '3.1.0' against '3.1.1'"),
        (altered("/info/version", "2"), "a and b: differ at /info/version: '1' against '2'"),
        (altered("/servers", [{"url": "https://y.example"}]), "a and b: differ at /servers/0/url"),
        (altered("/security", [{"Key": []}, {}]), "a and b: differ at /security/1: absent against {}"),
        (
            altered("/components/parameters/Shared/schema/maximum", True),
            "a and b: differ at /components/parameters/Shared/schema/maximum: 5 against True",
        ),
        (
            altered("/components/securitySchemes/Key/name", "L"),
            "a and b: differ at /components/securitySchemes/Key/name: 'K' against 'L'",
        ),
        (
            altered("/paths", {"/a": {"get": {"responses": {"200": {}}}}}),
            "a and b: differ at /paths/~1a/get/parameters: [{'$ref': '#/components/parameters/Shared'}] against absent",
        ),
        (
            altered("/paths", {"/a": {"post": {}, "parameters": []}}),
            "b and a: differ at /paths/~1a/parameters: only the first has it",
        ),
        (altered("/components/parameters", 1), "a and b: differ at /components/parameters"),
        (altered("/tags", [{"name": 1}]), "b: /tags has a tag without a name"),
        (altered("/tags", "no"), "b: /tags has a tag without a name"),
        (
            altered("/components/schemas", {"S": {"$ref": "#/components/schemas/Gone"}}),
            "a and b: /components/schemas/S refers to #/components/schemas/Gone, which does not exist",
        ),
        (
            altered("/components/schemas", {"S": {"items": [{"$ref": "other.yaml#/S"}]}}),
            "a and b: /components/schemas/S/items/0 refers to other.yaml#/S, outside of the document",
        ),
    ],
)
def test_conflict_names_both_pages_and_the_place(other: Document, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        merged(document(), other)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("key", ["servers", "security"])
@pytest.mark.parametrize("first", [True, False])
def test_setting_of_a_document_must_be_on_every_page(key: str, first: bool) -> None:
    lacking = document("/b")
    del lacking[key]
    with pytest.raises(SpecError, match=f"differ at /{key}: only the first has it"):
        merged(*([document(), lacking] if first else [lacking, document()]))


def test_path_with_two_parameter_names_is_an_error() -> None:
    with pytest.raises(SpecError, match="a and b: have the same path with different parameter names"):
        merged(document("/m/{id}/x"), document("/m/{market}/x"))


def test_one_page_may_name_the_parameter_of_a_path_in_two_ways() -> None:
    part = document("/m/{id}/x")
    part["paths"]["/m/{market}/x"] = {"post": {"responses": {}}}
    assert set(merged(part)["paths"]) == {"/m/{id}/x", "/m/{market}/x"}


def test_duplicate_operation_id_is_an_error() -> None:
    one, other = document("/a"), document("/b")
    one["paths"]["/a"]["get"]["operationId"] = other["paths"]["/b"]["get"]["operationId"] = "same"
    with pytest.raises(SpecError, match="GET /a and GET /b have the same operationId same"):
        merged(one, other)


def test_no_page_is_an_error() -> None:
    with pytest.raises(SpecError, match="has no page"):
        merge([])


def test_data_that_looks_like_a_reference_is_ignored() -> None:
    merged({**document(), "x-e": {"example": {"$ref": "anything"}}})


def test_arguments_are_not_changed() -> None:
    one, other = document(), document("/b")
    before = copy.deepcopy((one, other))
    merged(one, other)
    assert (one, other) == before


def test_file_has_a_header_and_reads_back() -> None:
    data = render(document())
    assert data.startswith(b"# Extracted from the pages in spec/upstream/ by `nox -s update_spec`.")
    assert parse(data.decode(), where="x") == document()


def test_digest_is_the_hash_of_canonical_json() -> None:
    assert digest({"b": 5000.0, "a": "\u2014"}) == digest({"a": "\u2014", "b": 5000})
    assert digest({"a": True}) != digest({"a": 1})
    assert digest([1, 2]) != digest([2, 1])
    assert digest({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


def test_differences_are_the_innermost_places() -> None:
    old, new = {"a": [1, {"b/c": 2}], "d": 1}, {"a": [1, {"b/c": 3}, 4], "e": 1}
    assert [found.pointer for found in differences(old, new)] == ["/a/1/b~1c", "/a/2", "/d", "/e"]
    assert not same(True, 1)


@pytest.mark.parametrize("pointer", ["/b", "/a/2", "/a/-1", "/a/x", "/a/0/y"])
def test_pointer_without_a_target_is_an_error(pointer: str) -> None:
    with pytest.raises(LookupError):
        resolve({"a": [1, 2]}, pointer)


def test_pointers_are_escaped() -> None:
    assert resolve({"a/b": {"~": [7]}}, join("", "a/b", "~", 0)) == 7
