"""The comparison of two documents: what the pairs in `drift.pairs` do not cover."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allium_market_data.drift.diff.documents import compare_documents
from allium_market_data.drift.model import Change, Level, ordered
from allium_market_data.errors import SpecError
from drift.pairs import pet
from support.budget import examples


def edited(changes: dict[str, Any] | None = None, version: str = "3.1.0") -> dict[str, Any]:
    """The shop with values set at places like ``paths|~pets|get``; None takes a key out."""
    made = pet(version)
    for way, value in (changes or {}).items():
        *keys, last = (key.replace("~", "/") for key in way.split("|"))
        holder: Any = made
        for key in keys:
            holder = holder[int(key) if isinstance(holder, list) else key]
        if value is None:
            del holder[last]
        else:
            holder[last] = value
    return made


def compare(old: dict[str, Any], new: dict[str, Any]) -> list[Change]:
    return [*ordered(finding.change for finding in compare_documents(old, new))]


def only(old: dict[str, Any], new: dict[str, Any]) -> Change:
    changes = compare(old, new)
    assert len(changes) == 1, changes
    return changes[0]


def kinds(old: dict[str, Any], new: dict[str, Any]) -> list[tuple[str, str]]:
    return [(str(change.level), change.kind) for change in compare(old, new)]


LIST = "paths|~pets|get"
RANGED = f"{LIST}|responses"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"200": {}}, {"2XX": {}}, [("breaking", "status.added")]),
        ({"2XX": {}}, {"200": {}}, [("compatible", "status.removed")]),
        ({"2xx": {}}, {"2XX": {}}, []),
        ({"2XX": {}, "404": {}}, {"404": {}}, [("breaking", "status.removed")]),
        ({"200": {}}, {"200": {}, "2XX": {}}, [("breaking", "status.added")]),
        ({"200": {}, "4XX": {}}, {"200": {}, "404": {}}, [("compatible", "status.removed")]),
        ({"200": {}, "404": {}}, {"200": {}, "default": {}}, [("compatible", "status.added")]),
        ({"200": {}, "default": {}}, {"200": {}}, [("compatible", "status.removed")]),
        ({"200": {}}, {"default": {}}, [("breaking", "status.removed"), ("compatible", "status.added")]),
        ({"200": {}}, {"200": {}, "100": {}}, [("compatible", "status.added")]),
        ({"200": {}}, {"200": {}, "x-note": {}}, []),
    ],
)
def test_statuses_and_their_ranges(before: Any, after: Any, expected: Any) -> None:
    assert kinds(edited({RANGED: before}), edited({RANGED: after})) == expected


@pytest.mark.parametrize("name", ["200", "2XX"])
def test_a_status_range_is_compared_with_the_statuses_it_covers(name: str) -> None:
    text, number = ({"content": {"application/json": {"schema": {"type": kind}}}} for kind in ("string", "number"))
    found = kinds(edited({RANGED: {"2XX": text}}), edited({RANGED: {name: number}}))
    assert ("breaking", "response.type") in found


@pytest.mark.parametrize(
    ("before", "after", "level"),
    [
        (["application/json"], ["application/*"], None),
        (["application/json"], ["*/*"], None),
        (["application/*"], ["application/json"], "breaking"),
        (["text/csv"], ["application/*"], "breaking"),
        (["Application/JSON"], ["application/json;charset=UTF-8"], None),
        (["application/json;v=1"], ["application/json;v=2"], "breaking"),
    ],
)
def test_media_types_and_their_ranges(before: list[str], after: list[str], level: str | None) -> None:
    old, new = (edited({f"{RANGED}|200": {"content": {name: {} for name in names}}}) for names in (before, after))
    found = [str(change.level) for change in compare(old, new) if change.kind == "media.removed"]
    assert found == ([level] if level else [])


def test_a_change_that_several_operations_share_is_reported_once() -> None:
    found = only(pet(), edited({"components|schemas|Pet|properties|id": {"readOnly": True}}, version="3.0.3"))
    assert found.operations == ("GET /pets", "GET /pets/{id}")
    assert found.place == "/components/schemas/Pet/properties/id"


def test_a_fingerprint_does_not_depend_on_other_changes() -> None:
    alone = only(pet(), edited({f"{LIST}|parameters|2|schema|maximum": 100}, version="3.0.3"))
    turned = edited({f"{LIST}|parameters|2|schema|maximum": 100, "paths|~pets~{id}|delete": None}, version="3.0.3")
    turned["paths"]["/pets"]["get"]["parameters"].reverse()
    turned["paths"] = dict(reversed(turned["paths"].items()))
    again = [change for change in compare(pet(), turned) if change.kind == alone.kind]
    assert [change.fingerprint for change in again] == [alone.fingerprint]


def test_different_changes_have_different_fingerprints() -> None:
    limits = [edited({f"{LIST}|parameters|2|schema|maximum": most}, version="3.0.3") for most in (50, 100)]
    more = {"name": "a", "in": "query", "schema": {}}
    added = [edited(version="3.0.3") for _ in range(2)]
    for must, document in zip((True, False), added, strict=True):
        document["paths"]["/pets"]["get"]["parameters"].append({**more, "required": must})
    prints = [only(pet(), document).fingerprint for document in [*limits, *added]]
    assert len(set(prints)) == 4
    assert all(len(one) == 12 for one in prints)


def test_the_worst_change_comes_first() -> None:
    new = edited(
        {f"{LIST}|deprecated": True, f"{LIST}|summary": "All", f"{LIST}|parameters|0|required": True}, version="3.0.3"
    )
    assert [str(change.level) for change in compare(pet(), new)] == ["breaking", "compatible", "docs"]


def test_callbacks_and_webhooks_are_compared_as_a_whole() -> None:
    called: dict[str, Any] = {f"{LIST}|callbacks": {"done": {"{$url}": {"post": {}}}}}
    other: dict[str, Any] = {f"{LIST}|callbacks": {"done": {"{$url}": {"put": {}}}}}
    assert kinds(edited(), edited(called)) == [("compatible", "operation.callbacks")]
    assert kinds(edited(called), edited(other)) == [("breaking", "operation.callbacks")]
    assert kinds(edited(called), edited(called)) == []
    hook: dict[str, Any] = {"webhooks": {"born": {"post": {}}}}
    another: dict[str, Any] = {"webhooks": {"born": {"put": {}}}}
    added = only(edited(), edited(hook))
    assert (added.level, added.cannot_tell, added.sentence) == (Level.COMPATIBLE, False, "The webhook born is new.")
    assert (added.place, added.where, added.old) == ("/webhooks/born", "webhook born", None)
    moved = only(edited(hook), edited(another))
    assert (moved.level, moved.cannot_tell, moved.sentence) == (
        Level.BREAKING,
        True,
        "The webhook born changed.",
    )
    gone = only(edited(hook), edited())
    assert (gone.level, gone.cannot_tell, gone.sentence) == (Level.BREAKING, False, "The webhook born was removed.")
    assert gone.new is None
    assert gone.old == moved.old != moved.new


def test_the_callbacks_name_their_operation() -> None:
    found = only(edited(), edited({f"{LIST}|callbacks": {"done": {}}}))
    assert (found.where, found.sentence) == ("GET /pets: callbacks", "The callbacks changed.")
    assert found.operations == ("GET /pets",)
    assert found.old is None
    assert isinstance(found.new, str)


def test_an_operation_that_is_no_longer_deprecated() -> None:
    found = only(edited({f"{LIST}|deprecated": True}), edited())
    assert (found.sentence, found.old, found.new) == ("GET /pets is no longer deprecated.", True, False)


def test_parameters_of_the_path_and_of_the_operation() -> None:
    shared = pet()
    of_path = {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}
    shared["paths"]["/pets/{id}"]["parameters"] = [of_path]
    assert compare(pet(), shared) == []  # the operation's own parameter wins


def test_header_parameters_that_openapi_ignores_do_not_count() -> None:
    new = pet()
    for name in ("Accept", "content-type", "AUTHORIZATION"):
        new["paths"]["/pets"]["get"]["parameters"].append(
            {"name": name, "in": "header", "required": True, "schema": {}}
        )
    assert compare(pet(), new) == []


def test_a_response_header_may_become_required() -> None:
    old = edited({f"{RANGED}|200|headers": {"X-A": {"schema": {}}}})
    new = edited({f"{RANGED}|200|headers": {"X-A": {"schema": {}, "required": True}}})
    found = only(old, new)
    assert (found.level, found.kind) == (Level.COMPATIBLE, "header.required")
    assert found.sentence == "The header X-A of the response 200 is now always present."


def test_removing_an_optional_header_is_compatible() -> None:
    old = edited({f"{RANGED}|200|headers": {"X-A": {"schema": {}}}})
    found = only(old, edited({f"{RANGED}|200|headers": {}}))
    assert (found.level, found.kind) == (Level.COMPATIBLE, "header.removed")


def test_the_content_type_is_not_compared_as_a_header() -> None:
    old, new = (edited({f"{RANGED}|200|headers": one}) for one in ({}, {"Content-Type": {"required": True}}))
    assert compare(old, new) == []


def test_a_parameter_with_content() -> None:
    plain = {"name": "q", "in": "query", "schema": {"type": "object"}}
    made = {"name": "q", "in": "query", "content": {"application/json": {"schema": {"type": "object"}}}}
    old, new = (edited({f"{LIST}|parameters": [one]}) for one in (plain, made))
    assert kinds(old, new) == [("breaking", "parameter.content")]
    narrower = copy.deepcopy(new)
    narrower["paths"]["/pets"]["get"]["parameters"][0]["content"]["application/json"]["schema"]["minProperties"] = 1
    assert kinds(new, narrower) == [("breaking", "parameter.minProperties")]


@pytest.mark.parametrize("flag", ["allowReserved", "allowEmptyValue"])
def test_flags_of_a_parameter(flag: str) -> None:
    set_one = edited({f"{LIST}|parameters|0|{flag}": True})
    assert kinds(edited(), set_one) == [("compatible", f"parameter.{flag}")]
    assert kinds(set_one, edited()) == [("breaking", f"parameter.{flag}")]


def test_servers_with_variables() -> None:
    url = "https://{region}.pets.example"
    first, second = ([{"url": url, "variables": {"region": {"default": name}}}] for name in ("eu", "us"))
    assert kinds(edited({"servers": first}), edited({"servers": second})) == [("breaking", "access.servers")]
    described = [{"url": url, "variables": {"region": {"default": "eu", "description": "Where"}}}]
    assert compare(edited({"servers": first}), edited({"servers": described})) == []


def test_removed_and_new_security_alternatives() -> None:
    old, new = edited({"security": [{"token": []}, {"key": []}]}), edited({"security": [{"token": []}]})
    for document in (old, new):
        document["components"]["securitySchemes"]["key"] = {"type": "apiKey", "in": "query", "name": "k"}
    lost, won = only(old, new), only(new, old)
    assert (lost.level, won.level) == (Level.BREAKING, Level.COMPATIBLE)
    assert lost.sentence.endswith("An API key in the query k is no longer enough.")
    assert lost.place == "/components/securitySchemes/token"
    assert won.place == "/security"


def test_needing_one_scheme_instead_of_two_is_compatible() -> None:
    old, new = edited({"security": [{"token": [], "key": []}]}), edited({"security": [{"key": []}]})
    for document in (old, new):
        document["components"]["securitySchemes"]["key"] = {"type": "http", "scheme": "Basic"}
    assert kinds(old, new) == [("compatible", "access.security")]
    assert kinds(new, old) == [("breaking", "access.security")]


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize(
    ("broken", "where"),
    [
        ({"openapi": "2.0", "paths": {}}, "the {} document"),
        ({"openapi": "3.1.0"}, "the {} document"),
        ({"openapi": "3.1.0", "paths": {"/a": {"get": {"parameters": [{"$ref": "#/nowhere"}]}}}}, "the {} document"),
    ],
)
def test_an_invalid_document_is_an_error_that_names_its_side(side: int, broken: Any, where: str) -> None:
    documents = [pet(), pet()]
    documents[side] = broken
    with pytest.raises(SpecError, match=where.format(("old", "new")[side])):
        compare(*documents)


def test_a_finding_has_its_pointer_into_the_old_document() -> None:
    found = compare_documents(pet(), edited({f"{LIST}|parameters|2|schema|minimum": None}, version="3.0.3"))
    assert [one.pointers[0] for one in found] == ["/paths/~1pets/get/parameters/2/schema/minimum"]
    assert [one.change.place for one in found] == ["/paths/~1pets/get/parameters/2/schema"]


def test_the_arguments_are_not_changed() -> None:
    old, new = pet(), edited({f"{LIST}|parameters": []}, version="3.0.3")
    before = copy.deepcopy((old, new))
    compare(old, new)
    assert (old, new) == before


def shuffled(value: Any, random: Any) -> Any:
    """The same document with its keys, and the lists that are sets, in another order."""
    if isinstance(value, dict):
        keys = list(value)
        random.shuffle(keys)
        return {key: shuffled(value[key], random) for key in keys}
    if isinstance(value, list):
        items = [shuffled(item, random) for item in value]
        random.shuffle(items)
        return items
    return value


def referenced(document: Any, random: Any) -> Any:
    """The same document with some of its inline parts moved to components."""
    made = copy.deepcopy(document)
    for number, (path, item) in enumerate(made["paths"].items()):
        for method, operation in item.items():
            for status, response in operation["responses"].items():
                if random.random() < 0.5:
                    name = f"R{number}{method}{status}"
                    made["components"].setdefault("responses", {})[name] = response
                    made["paths"][path][method]["responses"][status] = {"$ref": f"#/components/responses/{name}"}
            for at, parameter in enumerate(operation.get("parameters", [])):
                if random.random() < 0.5:
                    name = f"P{number}{method}{at}"
                    made["components"].setdefault("parameters", {})[name] = parameter
                    operation["parameters"][at] = {"$ref": f"#/components/parameters/{name}"}
    return made


@examples(25)
@given(st.randoms(use_true_random=False), st.sampled_from(["3.0.3", "3.1.0"]))
def test_order_and_references_do_not_matter(random: Any, version: str) -> None:
    assert compare(pet(version), shuffled(referenced(pet(version), random), random)) == []
