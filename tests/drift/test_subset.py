"""The subset check: no problems is a proof, a certain problem has a counterexample, a schema is a subset of itself."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, validators

from allium_market_data.drift.schema.counterexample import find_counterexample
from allium_market_data.drift.schema.schema import Resolver, Schema
from allium_market_data.drift.schema.subset import problems
from allium_market_data.drift.schema.validation import accepts
from allium_market_data.errors import SpecError
from drift.schemas import instances, schemas
from drift.strategies import search
from support.budget import examples

SHARED: dict[str, Any] = {
    "Text": {"type": "string", "maxLength": 3},
    "Tree": {
        "type": "object",
        "properties": {"next": {"$ref": "#/components/schemas/Tree"}, "n": {"type": "integer"}},
        "required": ["n"],
    },
}
_ANY_OF = Draft202012Validator.VALIDATORS["anyOf"]
AnyOfValidator: Any = validators.extend(Draft202012Validator, {"oneOf": _ANY_OF})  # type: ignore[no-untyped-call]
"""Takes the branches of a oneOf to exclude each other, as the subset check does."""
TREE = {"$ref": "#/components/schemas/Tree"}


def parsed(schema: Any) -> Schema:
    return Resolver({"openapi": "3.1.0", "components": {"schemas": SHARED}}).schema(schema, "/here")


def is_subset(small: Any, large: Any) -> bool | None:
    """None if that cannot be decided."""
    reasons = problems(parsed(small), parsed(large))
    return not reasons or (None if all(reason.unsure for reason in reasons) else False)


def validates(schema: Any, value: Any, validator: Any = Draft202012Validator) -> bool:
    return bool(validator({"allOf": [schema], "components": {"schemas": SHARED}}).is_valid(value))


@given(schemas())
def test_no_schema_is_certainly_not_a_subset_of_itself(schema: Any) -> None:
    assert is_subset(schema, schema) is not False


@given(schemas(plain=True))
def test_a_schema_without_conditions_is_a_subset_of_itself(schema: Any) -> None:
    assert is_subset(schema, schema)


@given(st.data())
def test_every_value_of_a_subset_is_one_of_the_other_schema(data: st.DataObject) -> None:
    small = data.draw(schemas(), "small")
    large = data.draw(schemas(near=small), "large")
    if is_subset(small, large):
        value = data.draw(instances(small), "value")
        if validates(small, value):
            assert validates(large, value, AnyOfValidator)


@settings(examples(15), derandomize=True, suppress_health_check=[HealthCheck.nested_given])
@given(schemas(one_of=False), schemas(one_of=False))
def test_a_certain_problem_has_a_counterexample(small: Any, large: Any) -> None:
    if is_subset(small, large) is False:
        found = find_counterexample(parsed(small), parsed(large), ()) or search(parsed(small), parsed(large))
        if found is None:  # then the small schema allows nothing that can be found
            assert search(parsed(small), parsed(False)) is None
            return
        assert validates(small, found[0])
        assert not validates(large, found[0])


@given(schemas(), schemas(), schemas())
def test_the_subset_relation_is_transitive(one: Any, two: Any, three: Any) -> None:
    if is_subset(one, two) and is_subset(two, three):
        assert is_subset(one, three) is not False


def test_a_recursive_schema_is_compared() -> None:
    unrolled = {"type": "object", "properties": {"next": TREE, "n": {"type": "integer"}}, "required": ["n"]}
    narrower = {**unrolled, "properties": {"next": TREE, "n": {"type": "integer", "minimum": 0}}}
    assert is_subset(TREE, unrolled)
    assert is_subset(unrolled, TREE)
    assert is_subset(narrower, TREE)
    assert is_subset(TREE, narrower) is False


def test_two_patterns_cannot_be_compared() -> None:
    (reason,) = problems(
        parsed({"type": "string", "pattern": "^a+$"}), parsed({"type": "string", "pattern": "^[ab]+$"})
    )
    assert (reason.keyword, reason.unsure) == ("pattern", "two patterns cannot be compared")


@pytest.mark.parametrize("narrow", ["boolean", "null", "integer"])
def test_a_type_that_may_also_be_null_is_a_problem_of_types(narrow: str) -> None:
    wide = {"type": [narrow, "null"]} if narrow != "null" else {"type": ["boolean", "null"]}
    (reason,) = problems(parsed(wide), parsed({"type": narrow}))
    assert (reason.keyword, reason.large) == ("type", [narrow])
    assert is_subset({"type": narrow}, wide)


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        ({"multipleOf": 0.1}, 0.3, True),
        ({"multipleOf": 0.1}, 0.35, False),
        ({"format": "date-time"}, "2026-05-01T00:00:00Z", True),
        ({"format": "date-time"}, "2026-05-01", False),
        ({"format": "date-time"}, "2026-02-30T00:00:00Z", False),
        ({"format": "uri"}, "https://example.com/", True),
        ({"format": "uri"}, "example", False),
        ({"format": "int32"}, 1, True),
        ({"format": "shoe-size"}, "44", None),
        ({"not": {"format": "shoe-size"}}, "44", None),
        ({"format": "shoe-size", "maxLength": 1}, "44", False),
        ({"format": "shoe-size"}, 44, True),
        ({"pattern": "(?<a>"}, "a", None),
        ({"pattern": "^a"}, "ba", False),
        (TREE, {"n": 1, "next": {"n": 1}}, True),
        (TREE, {"n": 1, "next": {}}, False),
    ],
)
def test_whether_a_schema_allows_a_value(schema: Any, value: Any, expected: bool | None) -> None:
    assert accepts(parsed(schema), value) is expected


def test_a_read_only_member_need_not_be_sent() -> None:
    schema = parsed({"properties": {"id": {"readOnly": True}}, "required": ["id"]})
    assert accepts(schema, {}, "request") is True
    assert accepts(schema, {}, "response") is accepts(schema, {}) is False


def test_a_schema_that_is_not_a_schema_is_an_error() -> None:
    with pytest.raises(SpecError, match="is not a valid JSON Schema"):
        accepts(parsed({"items": ["text"]}), [1])
