"""Renames between two documents: the same part under another name is found, two different parts are never one."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allium_market_data.codegen.page import read
from allium_market_data.codegen.renames import Rename, renames

PAGE = Path(__file__).parents[2] / "spec" / "upstream" / "get-open-interest.md"
BASE = read(PAGE.name, PAGE.read_bytes()).parts[0].document
PATH = "/api/v1/markets/{market_id}/perps/open_interest"
QUERY = f"query of GET {PATH}"
ROW = f"response 200 of GET {PATH}: items[]"


def edited() -> Any:
    return copy.deepcopy(BASE)


def row(document: Any) -> Any:
    return document["components"]["schemas"]["OpenInterest"]


def rename_field(document: Any, old: str, new: str, **changes: Any) -> None:
    schema = row(document)
    schema["properties"] = {
        new if name == old else name: {**value, **(changes if name == old else {})}
        for name, value in schema["properties"].items()
    }
    schema["required"] = [new if name == old else name for name in schema["required"]]


def found(new: Any, old: Any = BASE) -> list[tuple[str, str, str, str]]:
    return [(each.kind, each.where, each.old, each.new) for each in renames(old, new)]


def test_a_document_has_no_renames_from_itself() -> None:
    assert renames(BASE, edited()) == []


def test_parameters_are_found_behind_references() -> None:
    new = edited()
    new["components"]["parameters"]["StartTimestamp"]["name"] = "from"
    new["components"]["parameters"]["EndTimestamp"]["name"] = "to"
    assert renames(BASE, new) == [
        Rename("parameter", QUERY, was, now, (f"/components/parameters/{key}",) * 2)
        for key, was, now in (("StartTimestamp", "start_timestamp", "from"), ("EndTimestamp", "end_timestamp", "to"))
    ]


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ("oi_base", "open_interest_base", {}),
        ("ts", "bucket_start", {}),
        ("market_id", "marketId", {}),
        ("oi_base", "oiBase", {"description": "Base units."}),
        ("ts", "timestamp", {"description": "ISO-8601 timestamp, at the bucket boundary"}),
        ("market_id", "instrument", {}),  # no description, but the same example
    ],
)
def test_fields_are_found(old: str, new: str, changes: dict[str, Any]) -> None:
    document = edited()
    rename_field(document, old, new, **changes)
    assert found(document) == [("field", ROW, old, new)]
    place = "/components/schemas/OpenInterest/properties/"
    assert renames(BASE, document)[0].pointers == (place + old, place + new)


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ("oi_base", "oi_usd", {"description": "Open interest in USD."}),  # another quantity
        ("oi_base", "oi_contracts", {"description": "Open interest in contract units."}),
        ("ts", "ts_ms", {"type": "integer"}),  # another type
        ("oi_base", "volume", {"description": ""}),
    ],
)
def test_other_fields_are_no_renames(old: str, new: str, changes: dict[str, Any]) -> None:
    document = edited()
    rename_field(document, old, new, **changes)
    assert found(document) == []


def test_a_field_that_became_optional_is_not_a_rename() -> None:
    document = edited()
    rename_field(document, "oi_base", "open_interest_base")
    row(document)["required"].remove("open_interest_base")
    assert found(document) == []


def test_two_equal_candidates_are_no_rename() -> None:
    document = edited()
    rename_field(document, "oi_base", "aa")
    row(document)["properties"]["ab"] = row(document)["properties"]["aa"]
    row(document)["required"].append("ab")
    assert found(document) == []


def test_the_path_its_parameter_and_a_field_can_be_renamed_at_once() -> None:
    new = edited()
    new["paths"] = {PATH.replace("v1", "v2").replace("market_id", "market"): new["paths"][PATH]}
    new["components"]["parameters"]["MarketIdPath"]["name"] = "market"
    rename_field(new, "ts", "time")
    pointers = "/components/parameters/MarketIdPath"
    assert [(each.kind, each.old, each.new) for each in renames(BASE, new)] == [
        ("path", PATH, PATH.replace("v1", "v2").replace("market_id", "market")),
        ("parameter", "market_id", "market"),
        ("field", "ts", "time"),
    ]
    assert renames(BASE, new)[1].pointers == (pointers, pointers)


def test_another_operation_is_not_the_path_renamed() -> None:
    new = edited()
    other = new["paths"].pop(PATH)["get"]
    other["parameters"] = other["parameters"][:1]
    other["summary"] = "Get funding rates"
    other["description"] = "Funding rates."
    new["paths"]["/api/v1/markets/{market_id}/perps/funding"] = {"get": other}
    assert found(new) == []


def test_headers_of_a_response_and_of_the_key_are_found() -> None:
    old, new = edited(), edited()
    for document, name in ((old, "X-Rate-Limit"), (new, "RateLimit")):
        header = {"description": "Requests left.", "schema": {"type": "integer"}}
        document["paths"][PATH]["get"]["responses"]["200"]["headers"] = {name: header}
    new["components"]["securitySchemes"]["APIKeyBearer"]["name"] = "Allium-Key"
    assert found(new, old) == [
        ("header", f"response 200 of GET {PATH}", "X-Rate-Limit", "RateLimit"),
        ("header", "API key of the scheme APIKeyBearer", "X-API-KEY", "Allium-Key"),
    ]


def test_schemas_that_contain_themselves_end() -> None:
    old, new = edited(), edited()
    for document, name in ((old, "parent_row"), (new, "parentRow")):
        row(document)["properties"][name] = {"$ref": "#/components/schemas/OpenInterest"}
        row(document)["allOf"] = [{"$ref": "#/components/schemas/OpenInterest"}]
    assert found(new, old) == [("field", ROW, "parent_row", "parentRow")]


NAMES = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=12)


@given(st.sampled_from(["market_id", "ts", "oi_base", "oi_quote_usd"]), NAMES)
def test_any_new_name_of_one_field_is_found_both_ways(old: str, new: str) -> None:
    """One field that keeps its description, type and example is found under whatever name."""
    if new in row(BASE)["properties"]:
        return
    document = edited()
    rename_field(document, old, new)
    assert found(document) == [("field", ROW, old, new)]
    assert found(BASE, document) == [("field", ROW, new, old)]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
PLACES = ("parameters", "responses", "requestBody", "summary")


@given(st.sampled_from(PLACES), JSON, st.sampled_from(["properties", "required", "allOf", "oneOf", "items"]), JSON)
def test_no_shape_of_a_document_ends_in_an_exception(place: str, value: Any, keyword: str, other: Any) -> None:
    new = edited()
    row(new)[keyword] = other
    new["paths"][PATH]["get"][place] = value
    assert json.dumps(found(new)) is not None
    assert json.dumps(found(BASE, new)) is not None
