"""A merge does not depend on the order of pages, nor a digest on the notation of a document."""

import copy
import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from allium_market_data.codegen import SpecError
from allium_market_data.codegen.canonical import canonical, differences, digest, same
from allium_market_data.codegen.document import merge, render
from allium_market_data.codegen.page import Part

LEAF = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.0, 1.0, 2.5]) | st.text("ab/~", max_size=2)
VALUE = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab/~", max_size=2), inner, max_size=3)
)
PAGE = st.fixed_dictionaries(
    {
        "openapi": st.just("3.1.0"),
        "info": st.just({"title": "T", "version": "1"}),
        "paths": st.dictionaries(
            st.sampled_from(["/a", "/b", "/c/{d}"]),
            st.dictionaries(
                st.sampled_from(["get", "post"]), st.sampled_from([{"x": 1}, {"x": 1.0}, {"y": 2}]), max_size=2
            ),
        ),
    },
    optional={
        "components": st.dictionaries(
            st.sampled_from(["schemas", "parameters"]),
            st.dictionaries(st.sampled_from("ABC"), st.sampled_from([{}, {"z": 1}])),
        ),
        "tags": st.lists(st.sampled_from("mno").map(lambda name: {"name": name}), max_size=3),
        "servers": st.just([{"url": "u"}]),
    },
)


def shuffled(value: Any, chance: random.Random) -> Any:
    if isinstance(value, dict):
        keys = list(value)
        chance.shuffle(keys)
        return {key: shuffled(value[key], chance) for key in keys}
    return [shuffled(item, chance) for item in value] if isinstance(value, list) else value


def outcome(parts: list[Part]) -> bytes | str:
    try:
        return render(merge(parts))
    except SpecError as problem:
        return str(problem)


@given(st.lists(PAGE, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_merge_does_not_depend_on_the_order_of_pages(pages: list[Any], chance: random.Random) -> None:
    parts = [Part(f"page {number}", page) for number, page in enumerate(pages)]
    first = outcome(parts)
    chance.shuffle(parts)
    assert outcome(parts) == first


@given(st.lists(PAGE, min_size=1, max_size=3), st.randoms(use_true_random=False))
def test_merge_does_not_depend_on_the_order_of_keys(pages: list[Any], chance: random.Random) -> None:
    parts = [Part(f"page {number}", page) for number, page in enumerate(pages)]
    mixed = [Part(part.where, shuffled(part.document, chance)) for part in parts]
    try:
        merged = merge(parts)
    except SpecError:
        assert isinstance(outcome(mixed), str)
    else:
        assert same(merge(mixed), merged)


@given(PAGE)
def test_merging_a_page_with_itself_changes_nothing(page: Any) -> None:
    assert same(merge([Part("a", page), Part("b", copy.deepcopy(page))]), merge([Part("a", page)]))


@given(st.lists(PAGE, min_size=1, max_size=3))
def test_merge_loses_nothing(pages: list[Any]) -> None:
    try:
        merged = merge([Part(str(number), page) for number, page in enumerate(pages)])
    except SpecError:
        return
    for page in pages:
        for path, item in page["paths"].items():
            assert all(same(merged["paths"][path][method], operation) for method, operation in item.items())
        for section, named in page.get("components", {}).items():
            assert all(same(merged["components"][section][name], value) for name, value in named.items())


@given(VALUE, st.randoms(use_true_random=False))
def test_digest_does_not_depend_on_the_order_of_keys(value: Any, chance: random.Random) -> None:
    assert digest(shuffled(value, chance)) == digest(value)


@given(VALUE, VALUE)
def test_values_are_the_same_if_and_only_if_they_have_no_differences(one: Any, other: Any) -> None:
    assert (canonical(one) == canonical(other)) == (not list(differences(one, other)))
