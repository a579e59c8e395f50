"""The contract is stated once: outside of spec/ and generated/ no file of the product knows its names and values.

The suite, the benchmarks and the fuzzers read them from the contract too. What may name them is what quotes the page: tests
that edit its text, recordings, fuzzing corpora, and the published results of a run.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from allium_market_data.model.intervals import DAY
from allium_market_data_wire.contract import KEY_HEADER, OPEN_INTEREST

ROOT = Path(__file__).parents[2]
FILES = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
QUOTES_THE_PAGE = re.compile(
    r"spec/|generated/|tests/(cassettes|drift|codegen|system/drift|fuzz/(corpus|words)|support/(funding|moves|pages))|"
    r"tests/conformance/KILL_MATRIX\.md|tests/repository/test_contract_words\.py|CHANGELOG\.md"
)
WORDS = {
    "a parameter": rf"\b({OPEN_INTEREST.start_parameter}|{OPEN_INTEREST.end_parameter})\b",
    "the path": re.escape(OPEN_INTEREST.path.rpartition("}")[2]),
    "the header of the key": rf"\b{re.escape(KEY_HEADER)}\b",
}
IN_THE_PRODUCT = {
    "the limit": rf"\b({OPEN_INTEREST.limit_maximum}|{OPEN_INTEREST.limit_maximum:_})\b",
    "the list of intervals": r"\W{1,5}".join(OPEN_INTEREST.intervals[:3]),
    "the cap": rf"\b{OPEN_INTEREST.window_cap // DAY}( days|.{{0,3}} \* DAY)\b|days={OPEN_INTEREST.window_cap // DAY}\b",
}
OF_THEIR_OWN = re.compile(r".*/(codegen|drift)/|.*\.md|.*/sandbox/instants\.py|.*/cli/options\.py")
"""Files with numbers that happen to be the same: bounds of a search, durations in general, examples."""


def naming(pattern: str, files: list[str]) -> list[str]:
    """The files with a text that matches."""
    return [file for file in files if re.search(pattern, (ROOT / file).read_text(encoding="utf-8", errors="replace"))]


@pytest.mark.parametrize("word", WORDS)
def test_no_file_but_the_specification_names(word: str) -> None:
    files = [file for file in FILES if not QUOTES_THE_PAGE.match(file) and (ROOT / file).is_file()]
    assert naming(WORDS[word], files) == []


@pytest.mark.parametrize("word", IN_THE_PRODUCT)
def test_no_file_of_the_product_states(word: str) -> None:
    files = [file for file in FILES if file.startswith("overlay/") and not OF_THEIR_OWN.match(file)]
    assert naming(IN_THE_PRODUCT[word], files) == []


@pytest.mark.parametrize("pattern", [*WORDS.values(), *IN_THE_PRODUCT.values()])
def test_the_pattern_finds_what_it_looks_for(pattern: str) -> None:
    assert naming(pattern, ["spec/clauses.toml", "spec/openapi.yaml", "generated/allium_market_data_wire/contract.py"])
