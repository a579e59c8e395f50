"""The document of a page does not depend on how the page is written."""

import contextlib
import json

from hypothesis import example, given
from hypothesis import strategies as st

from allium_market_data.codegen import SpecError
from allium_market_data.codegen.page import read
from allium_market_data.codegen.yaml_syntax import dump, parse

WORDS = "yes on NO 2026-05-01 12:30:45 1e3 0o17 0x1f 1_000 << = ~ null .nan -.inf ``` ~~~ — 😀"
SPACED = ["", "a\nb", "a\n\n b\n", " lead", "trail ", "tab\there", "\u2028", "\x85", "\x7f", "\ufeff", "a: b", "# no"]
HARD = st.sampled_from([*WORDS.split(), *SPACED])
TEXT = HARD | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NUMBER = st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)
VALUE = st.recursive(
    st.none() | st.booleans() | NUMBER | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
DOCUMENT = st.builds(
    lambda extra, paths: {"openapi": "3.1.0", "paths": paths, **{f"x-{key}": value for key, value in extra.items()}},
    st.dictionaries(TEXT, VALUE, max_size=4),
    st.dictionaries(
        st.text("ab{}-", max_size=5).map("/".__add__),
        st.dictionaries(st.sampled_from(["get", "post"]), st.dictionaries(TEXT, VALUE, max_size=2)),
        max_size=3,
    ),
)


@given(VALUE)
@example({"a": ["\n", {" ": "\n\n"}]})
def test_written_yaml_reads_back(value: object) -> None:
    again = parse(dump([value]), where="x")[0]
    assert again == value
    assert json.dumps(again) == json.dumps(value)


@given(VALUE)
def test_written_json_reads_back(value: object) -> None:
    for ascii_only in (True, False):
        assert parse(json.dumps([value], ensure_ascii=ascii_only), where="x") == [value]


@given(
    document=DOCUMENT,
    tick=st.sampled_from("`~"),
    length=st.integers(3, 9),
    longer=st.integers(0, 3),
    indent=st.integers(0, 7),
    info=st.sampled_from(["yaml", "yml", "json", "YAML", "yaml openapi.json GET /a", " json {1,2} title=x", "yaml{1}"]),
    newline=st.sampled_from(["\n", "\r\n", "\r"]),
    as_json=st.booleans(),
    before=st.sampled_from(
        ["", "# Title\n\n", "---\nopenapi: GET /a\n---\n", "````text\n```yaml\nopenapi: [\n```\n````\n"]
    ),
    after=st.sampled_from(["", "\n", "\n\nmore\n", "  \n"]),
    mark=st.booleans(),
)
def test_document_of_a_rendered_page_is_restored(
    document: dict[str, object],
    tick: str,
    length: int,
    longer: int,
    indent: int,
    info: str,
    newline: str,
    as_json: bool,
    before: str,
    after: str,
    mark: bool,
) -> None:
    # A fence must be longer than any in what it holds; JSON is written in ASCII, since YAML folds some line ends.
    body = json.dumps(document, indent=1) if as_json else dump(document)
    while tick * length in body:
        length += 1
    pad = " " * indent
    lines = [tick * length + info, *body.rstrip("\n").split("\n"), tick * (length + longer)]
    text = before + "\n".join(pad + line if line else line for line in lines) + after
    data = ("\ufeff" * mark + text.replace("\n", newline)).encode()
    [part] = read("p.md", data).parts
    assert part.document == document


@given(DOCUMENT, st.booleans())
def test_bare_document_is_read(document: dict[str, object], as_json: bool) -> None:
    data = (json.dumps(document) if as_json else dump(document)).encode()
    assert read("d", data).parts[0].document == document


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_other_input_is_a_spec_error(data: bytes) -> None:
    with contextlib.suppress(SpecError):
        assert read("x.md", data).parts
