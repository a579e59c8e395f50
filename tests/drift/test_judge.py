"""How changes are presented: equal ones as one, the branch of a choice by name, and examples until a deadline."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from typing import Any

import pytest

import allium_market_data.drift.diff.annotations as annotations_module
import allium_market_data.drift.schema.schema as schema_module
from allium_market_data.codegen.clauses import read_clauses
from allium_market_data.drift import Source, judge
from allium_market_data.drift.schema.schema import Schema
from allium_market_data.drift.schema.subset import _Comparison
from drift.page import CLAUSES_TEXT, PAGE, PATH, changed, parameter, row

TEXT = {"type": "string"}


def source(paths: dict[str, Any], schemas: dict[str, Any]) -> Source:
    document = {"openapi": "3.1.0", "info": {"title": "T", "version": "1"}, "paths": paths}
    return Source.of_bytes([("a.json", json.dumps({**document, "components": {"schemas": schemas}}).encode())])


def get(schema: Any, **headers: Any) -> dict[str, Any]:
    answer = {"description": "", "headers": headers, "content": {"application/json": {"schema": schema}}}
    return {"get": {"responses": {"200": answer}}}


def test_equal_changes_of_many_operations_are_one() -> None:
    header = {"schema": {"type": "string"}}
    old = source({f"/{at}": get({"type": "string"}, **{"Access-Control-Max-Age": header}) for at in range(30)}, {})
    new = source({f"/{at}": get({"type": "string"}) for at in range(30)}, {})
    (change,) = judge(old, new).changes
    assert (change.kind, len(change.operations)) == ("header.removed", 30)
    assert change.where == "30 operations: header Access-Control-Max-Age of the response 200"


def test_a_lost_value_of_a_choice_is_named_with_its_branch() -> None:
    def schemas(*kinds: str) -> dict[str, Any]:
        cat = {
            "type": "object",
            "properties": {"kind": {"enum": [*kinds]}, "n": {"type": "integer"}},
            "required": ["kind"],
        }
        return {"Cat": cat, "Dog": {"type": "object", "properties": {"kind": {"enum": ["dog"]}}, "required": ["kind"]}}

    choice = {"oneOf": [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Dog"}]}
    old, new = (source({"/a": get(choice)}, schemas(*kinds)) for kinds in (("lion", "cat"), ("lion", "cat", "lynx")))
    (change,) = judge(old, new).changes
    assert change.sentence == 'The field (Cat).kind of the response 200 may now also be "lynx".'


@pytest.mark.parametrize(("title", "name"), [({"title": "Cat"}, "Cat"), ({}, "branch 1")])
def test_a_value_of_an_inline_branch_is_named_with_its_branch(title: dict[str, str], name: str) -> None:
    def kind(*values: str) -> dict[str, Any]:
        return {"type": "object", "properties": {"kind": {"enum": [*values]}}, "required": ["kind"]}

    def choice(*values: str) -> Source:
        cat = kind(*values)
        cat["properties"]["lives"] = {"type": "integer"}
        return source({"/a": get({"oneOf": [{**cat, **title}, kind("dog")]})}, {})

    few, many = choice("lion"), choice("lion", "cat")
    subject = f"The field ({name}).kind of the response 200"
    (gained,), (lost,) = judge(few, many).changes, judge(many, few).changes
    assert (str(gained.level), gained.sentence) == ("breaking", f'{subject} may now also be "cat".')
    assert (str(lost.level), lost.sentence) == ("compatible", f'{subject} may no longer be "cat".')


def test_a_renamed_field_parameter_and_path_are_one_change_each() -> None:
    def rename(spec: Any) -> None:
        parameter(spec, "start_timestamp")["name"] = "from"
        fields = row(spec)["properties"]
        fields["open_interest_base"] = fields.pop("oi_base")
        row(spec)["required"] = [*fields]

    (old, new) = (Source.of_bytes([("a.md", text.encode())]) for text in (PAGE, changed(rename)))
    found = judge(old, new, read_clauses(CLAUSES_TEXT)).changes
    assert sorted((str(each.level), each.kind, each.old, each.new) for each in found) == [
        ("breaking", "parameter.renamed", "start_timestamp", "from"),
        ("breaking", "response.renamed", "oi_base", "open_interest_base"),
    ]
    moved = changed(lambda spec: spec.update(paths={PATH.replace("v1", "v2"): spec["paths"][PATH]}))
    (change,) = judge(old, Source.of_bytes([("a.md", moved.encode())])).changes
    assert change.sentence == f"GET {PATH} is now called GET {PATH.replace('v1', 'v2')}; it is otherwise the same."


def test_examples_end_at_the_deadline() -> None:
    def edit(spec: Any) -> None:
        for value in row(spec)["properties"].values():
            value["type"] = "number"

    edited = changed(edit)
    sides = [Source.of_bytes([("a.md", text.encode())]) for text in (PAGE, edited)]
    late = itertools.chain([0.0, 0.0, 0.0], itertools.repeat(1e6))  # the comparison is in time
    found = judge(sides[0], sides[1], read_clauses(CLAUSES_TEXT), clock=lambda: next(late)).changes
    assert {change.example for change in found} == {None}
    in_time = judge(sides[0], sides[1], read_clauses(CLAUSES_TEXT), clock=lambda: 0.0).changes
    assert any(change.example for change in in_time)


def test_operations_that_are_not_compared_in_time_are_named() -> None:
    old, new = (source({"/a": get(TEXT), "/b": get(schema)}, {}) for schema in (TEXT, {"type": "integer"}))
    late = itertools.chain([0.0, 0.0], itertools.repeat(1e6))
    judgement = judge(old, new, clock=lambda: next(late))
    (change,) = judgement.changes
    assert (str(judgement.verdict), change.kind, change.new) == ("look", "unfinished", ["GET /b"])
    assert str(judge(old, new).verdict) == "breaking"


def test_shared_schemas_are_visited_once_however_many_operations(monkeypatch: pytest.MonkeyPatch) -> None:
    visits: Counter[str] = Counter()

    def counted(owner: Any, name: str) -> None:
        original = getattr(owner, name)

        def counting(*arguments: Any, **options: Any) -> Any:
            visits[name] += 1
            return original(*arguments, **options)

        monkeypatch.setattr(owner, name, counting)

    counted(Schema, "_children")
    counted(schema_module, "combine")
    counted(_Comparison, "_judge")
    counted(annotations_module, "_walked")

    def schemas(name: str) -> dict[str, Any]:
        fields: dict[str, Any] = {str(at): {"$ref": f"#/components/schemas/{at}"} for at in range(3)}
        return {str(at): {"type": "object", "properties": {name: {"title": name}, **fields}} for at in range(3)}

    def visited(count: int) -> Counter[str]:
        visits.clear()
        paths = {f"/{at}": get({"$ref": f"#/components/schemas/{at % 3}"}) for at in range(count)}
        assert judge(source(paths, schemas("old")), source(paths, schemas("new"))).changes
        return visits.copy()

    few = visited(3)
    assert min(few[name] for name in ("_children", "combine", "_judge", "_walked")) > 0
    assert visited(30) == few
