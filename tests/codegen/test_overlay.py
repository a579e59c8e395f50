"""A patch that no longer applies is an error with its number, target and reason."""

import copy
import importlib.util
from pathlib import Path
from typing import Any

import pytest

from allium_market_data.codegen import SpecError
from allium_market_data.codegen import overlay as patch
from allium_market_data.codegen.canonical import ABSENT, differences
from allium_market_data.codegen.document import merge
from allium_market_data.codegen.overlay import Action, apply, read
from allium_market_data.codegen.page import Document
from allium_market_data.codegen.page import read as read_page

ROOT = Path(__file__).parents[2]
OVERLAY = (ROOT / "spec/overlay.yaml").read_text()
DOCUMENT: Document = {
    "openapi": "3.1.0",
    "paths": {"/a/{b}": {"get": {"parameters": [{"name": "x", "schema": {"type": "string"}}, {"$ref": "#/p"}]}}},
    "tags": ["one"],
}


def published() -> Document:
    return merge(read_page("p.md", (ROOT / "spec/upstream/get-open-interest.md").read_bytes()).parts)


def patched(target: str, update: Any) -> Document:
    return apply(DOCUMENT, (Action(target, "why", update),))[0]


def test_our_overlay_adds_names_and_extensions_only() -> None:
    document = published()
    result, applied = apply(document, read(OVERLAY))
    found = list(differences(document, result))
    assert {difference.old for difference in found} == {ABSENT}
    names = {difference.pointer.rpartition("/")[2] for difference in found}
    assert {name for name in names if not name.startswith("x-")} == {"operationId", "title"}
    assert all(len(action.places) == 1 for action in applied)
    assert document == published()


def test_target_can_be_a_filter() -> None:
    result = patched("$.paths['/a/{b}'].get.parameters[?(@.name == 'x')].schema", {"title": "X"})
    assert result["paths"]["/a/{b}"]["get"]["parameters"][0]["schema"] == {"type": "string", "title": "X"}


def test_lists_are_extended_and_targets_removed() -> None:
    assert patched("$", {"tags": ["two"]})["tags"] == ["one", "two"]
    assert patched("$.tags", ["two"])["tags"] == ["one", "two"]
    assert "tags" not in patched("$.tags", None)
    assert patched("$.paths['/a/{b}'].get.parameters[*]", None)["paths"]["/a/{b}"]["get"]["parameters"] == []


@pytest.mark.parametrize(
    ("target", "update", "message"),
    [
        ("$.paths['/gone'].get", {"operationId": "x"}, "no longer matches anything"),
        ("$.paths['/a/{b}'].get.parameters[?(@.name == 'gone')]", {"a": 1}, "no longer matches anything"),
        ("$", {"openapi": "3.1.0"}, "already has this value; the patch is no longer needed"),
        ("$", {"openapi": "3.0.0"}, "would replace '3.1.0' at /openapi by '3.0.0'"),
        ("$", None, "is the whole document, which cannot be removed"),
        ("$[", {"a": 1}, "is not a JSONPath"),
    ],
)
def test_patch_that_does_not_apply_is_an_error(target: str, update: Any, message: str) -> None:
    before = copy.deepcopy(DOCUMENT)
    with pytest.raises(SpecError, match=message) as caught:
        apply(DOCUMENT, (Action("$", "fits", {"x-new": 1}), Action(target, "a readable name", update)), where="o.yaml")
    assert str(caught.value).startswith(f"o.yaml, action 2: target {target} ")
    assert str(caught.value).endswith("(why it is patched: a readable name)")
    assert before == DOCUMENT


@pytest.mark.parametrize(
    ("tool", "message"),
    [
        (lambda document, _: document, "was patched incorrectly by oas-patch at /x-new"),
        (
            lambda document, _: {**document, "x-new": 1, "openapi": "2"},
            "was patched incorrectly by oas-patch at /openapi",
        ),
        (lambda document, _: document["gone"], "cannot be patched by oas-patch"),
    ],
)
def test_wrong_result_of_the_tool_is_an_error(monkeypatch: pytest.MonkeyPatch, tool: Any, message: str) -> None:
    monkeypatch.setattr(patch, "_tool", lambda: tool)
    with pytest.raises(SpecError, match=message):
        patched("$", {"x-new": 1})


@pytest.mark.parametrize("found", [None, importlib.util.spec_from_loader("oas_patch", None)])
def test_missing_tool_is_an_import_error(monkeypatch: pytest.MonkeyPatch, found: object) -> None:
    patch._tool.cache_clear()
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: found)
    with pytest.raises(ModuleNotFoundError, match="oas-patch is not installed"):
        patched("$", {"x-new": 1})


HEAD = "overlay: 1.0.0\ninfo: {title: t, version: '1'}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- 1", "o: not an OpenAPI Overlay 1.0 document"),
        ("overlay: 2.0.0\nactions: []\n", "o: not an OpenAPI Overlay 1.0 document"),
        ("overlay: 1.0.0\ninfo: {title: t}\n", "o: an overlay needs `info`"),
        (HEAD, "o: an overlay needs at least one action"),
        (HEAD + "actions: []\n", "o: an overlay needs at least one action"),
        (HEAD + "actions: [1]\n", "o, action 1: is not a mapping"),
        (HEAD + "actions: [{target: $, description: d, copy: $.a}]\n", "o, action 1: has the unknown key 'copy'"),
        (HEAD + "actions: [{target: a, description: d, update: {a: 1}}]\n", "o, action 1: needs a `target`"),
        (HEAD + "actions: [{target: $, update: {a: 1}}]\n", "o, action 1: needs a `description`"),
        (HEAD + "actions: [{target: $.a, description: d}]\n", "o, action 1: needs either `update` or `remove: true`"),
        (HEAD + "actions: [{target: $.a, description: d, remove: true, update: 1}]\n", "o, action 1: needs either"),
        (HEAD + "actions:\n  - target: [\n", "o: line 5: unreadable"),
    ],
)
def test_invalid_overlay_is_an_error(text: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        read(text, where="o")
    assert str(caught.value).startswith(message)


def test_action_has_target_reason_and_update() -> None:
    text = HEAD + "actions: [{target: $.a, description: ' so  it\n is ', remove: true, x-more: 1}]\n"
    assert read(text) == (Action("$.a", "so it is", None),)
