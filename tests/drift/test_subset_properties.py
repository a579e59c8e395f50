"""A yes of the subset check is proven, a no has a find_counterexample, and nothing is ever less than itself."""

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from allium_market_data.drift.schema.counterexample import find_counterexample
from allium_market_data.drift.schema.problem import STRICT, Mode
from allium_market_data.drift.schema.schema import Resolver, Schema
from allium_market_data.drift.schema.subset import CannotTell, No, Yes, problems, subset
from allium_market_data.drift.schema.validation import accepts
from drift.schemas import instances, schemas


def parsed(schema: Any) -> Schema:
    return Resolver({"openapi": "3.1.0", "components": {"schemas": SHARED}}).schema(schema, "/here")


COUNT = int(os.environ.get("DRIFT_EXAMPLES", "80"))
SHARED: dict[str, Any] = {
    "Text": {"type": "string", "maxLength": 3},
    "Tree": {
        "type": "object",
        "properties": {"next": {"$ref": "#/components/schemas/Tree"}, "n": {"type": "integer"}},
        "required": ["n"],
    },
}


def validates(schema: Any, value: Any) -> bool:
    return Draft202012Validator({**_wrapped(schema), "components": {"schemas": SHARED}}).is_valid(value)


def _wrapped(schema: Any) -> dict[str, Any]:
    return {"allOf": [schema]}


@settings(max_examples=COUNT)
@given(schemas())
def test_every_schema_is_a_subset_of_itself(schema: Any) -> None:
    found = [problem for problem in problems(parsed(schema), parsed(schema)) if not problem.cannot]
    assert found == []


@settings(max_examples=COUNT)
@given(schemas(plain=True))
def test_every_schema_without_not_and_conditions_is_certainly_a_subset_of_itself(schema: Any) -> None:
    assert subset(parsed(schema), parsed(schema), Mode(lenient=True)) == Yes()


@settings(max_examples=COUNT)
@given(st.data())
def test_a_yes_is_proven(data: st.DataObject) -> None:
    small = data.draw(schemas(), "small")
    large = data.draw(st.just(small).flatmap(lambda schema: schemas(near=schema)), "large")
    if subset(parsed(small), parsed(large)) == Yes():
        value = data.draw(instances(small), "value")
        if validates(small, value):
            assert validates(large, value)


@settings(max_examples=COUNT)
@given(st.data())
def test_a_value_is_judged_as_jsonschema_judges_it(data: st.DataObject) -> None:
    schema = data.draw(schemas(), "schema")
    value = data.draw(instances(schema), "value")
    found = accepts(parsed(schema), value)
    assert found is None or found == validates(schema, value)


@settings(
    max_examples=20,
    derandomize=True,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.nested_given],
)
@given(schemas(), schemas())
def test_a_no_has_a_witness(small: Any, large: Any) -> None:
    answer = subset(parsed(small), parsed(large))
    if isinstance(answer, No):
        found = find_counterexample(parsed(small), parsed(large), ())
        if found is None:  # then nothing that the small schema allows can be found at all
            assert find_counterexample(parsed(small), parsed(False), ()) is None
            return
        assert validates(small, found[0])
        assert not validates(large, found[0])


@settings(max_examples=COUNT)
@given(schemas(), schemas(), schemas())
def test_it_is_transitive_where_it_is_sure(one: Any, two: Any, three: Any) -> None:
    if subset(parsed(one), parsed(two)) == subset(parsed(two), parsed(three)) == Yes():
        assert not isinstance(subset(parsed(one), parsed(three)), No)


@pytest.mark.parametrize("mode", [STRICT, Mode(lenient=True)])
def test_a_recursive_schema_is_compared(mode: Mode) -> None:
    tree = {"$ref": "#/components/schemas/Tree"}
    unrolled = {
        "type": "object",
        "properties": {"next": tree, "n": {"type": "integer"}},
        "required": ["n"],
    }
    assert subset(parsed(tree), parsed(unrolled), mode) == Yes()
    assert subset(parsed(unrolled), parsed(tree), mode) == Yes()
    narrower = {
        "type": "object",
        "properties": {"next": tree, "n": {"type": "integer", "minimum": 0}},
        "required": ["n"],
    }
    assert subset(parsed(narrower), parsed(tree), mode) == Yes()
    assert isinstance(subset(parsed(tree), parsed(narrower), mode), No)


def test_what_cannot_be_told_says_so() -> None:
    answer = subset(parsed({"type": "string", "pattern": "^a+$"}), parsed({"type": "string", "pattern": "^[ab]+$"}))
    assert isinstance(answer, CannotTell)
    assert answer.place == "/pattern"
