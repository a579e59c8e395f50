"""YAML and JSON are read with the types of JSON, not with those of YAML 1.1."""

import json

import pytest
import yaml

from allium_market_data.codegen import SpecError
from allium_market_data.codegen.yaml_syntax import dump, parse


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2026-05-01", "2026-05-01"),
        ("2026-05-01T00:00:00Z", "2026-05-01T00:00:00Z"),
        ("yes", "yes"),
        ("on", "on"),
        ("No", "No"),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("1e3", 1000.0),
        ("-.5", -0.5),
        ("'1'", "1"),
        ("!!str 1", "1"),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("", None),
        ("=", "="),
    ],
)
def test_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    read = parse(f"[a, {text}]" if text == "~" else f"- a\n- {text}\n", where="x")[1]
    assert read == value
    assert type(read) is type(value)


def test_keys_are_always_text() -> None:
    assert parse("200: a\non: b\nnull: c\n2026-05-01: d\n", where="x") == {
        "200": "a",
        "on": "b",
        "null": "c",
        "2026-05-01": "d",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "x: line 12: the key 'a' appears twice"),
        ("a:\n  200: 1\n  '200': 2\n", "x: line 12: the key '200' appears twice"),
        ('{"a": 1, "a": 2}', "x: the key 'a' appears twice"),
        ("a: &a [*a]\n", "x: line 10: the alias *a is within its own anchor"),
        ("a: &a [1]\nb: &a {c: [*a]}\n", "x: line 11: the alias *a is within its own anchor"),
        ("a: *b\nb: &b 1\n", "x: line 10: unreadable: found undefined alias"),
        ("*a : 1\n", "x: line 10: unreadable: found undefined alias"),
        ("<<: {a: 1}\n", "x: line 10: a merge key"),
        ("a: .inf\n", "x: line 10: .inf is not a finite number"),
        ("a: 1e999\n", "x: line 10: 1e999 is not a finite number"),
        ('{"a": 1e999}', "x: 1e999 is not a finite number"),
        ('{"a": NaN}', "x: NaN is not a number"),
        ("a: !!timestamp 2026-05-01\n", "x: line 10: the tag tag:yaml.org,2002:timestamp is not allowed"),
        ("a: !!python/object:os.system {}\n", "x: line 10: the tag"),
        ("!!set {a: null}\n", "x: line 10: the tag"),
        ("a: !secret {}\n", "x: line 10: the tag !secret is not allowed"),
        ("? [a, b]\n: 1\n", "x: line 10: a key is not text"),
        ("a: [1\nb: 2\n", "x: line 11: unreadable"),
        ("a: 'open\n", "x: line 11: unreadable"),
        ("a: 1\n---\nb: 2\n", "x: line 11: unreadable"),
        ("a: \x00\n", "x: unreadable"),
        ('{"a": 1,}x', "x: line 10: unreadable"),
        ('{"a": "\\ud800"}', "x: a text has half of a surrogate pair"),
        ('a: "\\ud800"\n', "x: line 10: a text has half of a surrogate pair"),
        ('a: "\\udc00": 1\n', "x: line 10"),
        ('{"a": ' + "9" * 5000 + "}", "x: a number has 5000 digits"),
        ("[" * 100_000, "x: unreadable: nested too deep"),
        ("- " * 100_000, "x: unreadable: nested too deep"),
    ],
)
def test_invalid_or_ambiguous_text_is_an_error_with_its_line(text: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse(text, where="x", first_line=10)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_flow_style_that_is_not_json_is_yaml() -> None:
    assert parse("{a: [1, b], 'c': 2026-05-01}", where="x") == {"a": [1, "b"], "c": "2026-05-01"}


HARD_TEXTS = [
    "yes",
    "2026-05-01",
    "1e3",
    "0o7",
    "010",
    "<<",
    ".inf",
    ".nan",
    "=",
    "~",
    "",
    " a ",
    "a\n",
    "\n a\nb",
    "a: b",
    "# c",
    "9" * 5000,
    "null",
]


@pytest.mark.parametrize("text", HARD_TEXTS)
def test_written_yaml_reads_the_same_under_yaml_1_1_and_1_2(text: str) -> None:
    written = dump({"key": text, text: ["x", text]})
    assert parse(written, where="x") == {"key": text, text: ["x", text]}
    assert yaml.safe_load(written) == {"key": text, text: ["x", text]}


def test_an_alias_is_a_copy_of_the_last_anchor_of_its_name() -> None:
    value = parse("a: &a {x: [1]}\nb: *a\nc: &a [2]\nd: *a\ne: &b {f: *a}\ng: *b\n", where="x")
    assert value == {"a": {"x": [1]}, "b": {"x": [1]}, "c": [2], "d": [2], "e": {"f": [2]}, "g": {"f": [2]}}
    value["a"]["x"].append(3)
    assert value["b"] == {"x": [1]}


def test_aliases_that_stand_for_a_billion_values_are_an_error() -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{number}: &a{number} [{', '.join([f'*a{number - 1}'] * 10)}]" for number in range(1, 10)]
    with pytest.raises(SpecError, match="its aliases stand for more than 200000 values"):
        parse("\n".join(lines), where="x")


def test_written_yaml_is_in_block_style_without_aliases_or_wraps() -> None:
    shared = {"text": "long " * 60 + "end"}
    written = dump({"b": [shared, shared], "a": shared})
    assert "&" not in written
    assert written.splitlines()[:2] == ["b:", "  - text: " + shared["text"]]
    assert json.dumps(parse(written, where="x")) == json.dumps({"b": [shared, shared], "a": shared})
