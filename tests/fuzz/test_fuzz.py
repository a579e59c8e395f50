"""The short run: replay the corpus, and random mutations of it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from allium_market_data_wire.contract import OPEN_INTEREST
from fuzz import oracle
from fuzz.reach import fewest, reach
from fuzz.run import LONGEST, NAMES, WORDS
from fuzz.targets import CORPUS, TARGETS, corpus


def words(name: str) -> list[bytes]:
    """The tokens of a target's dictionary for libFuzzer."""
    tokens = re.findall(r'^"(.*)"$', (WORDS / f"{name}.dict").read_text(encoding="ascii"), re.MULTILINE)
    return [word.encode("ascii").decode("unicode_escape").encode("latin-1") for word in tokens]


@st.composite
def mutated(draw: st.DrawFn, inputs: list[bytes], tokens: list[bytes]) -> bytes:
    """An input with a few pieces removed, inserted, overwritten, or copied from another one."""
    data = draw(st.sampled_from(inputs))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.sampled_from([0, 0, 1, 2, 8, 40])))
        other = draw(st.sampled_from(inputs))
        cut = draw(st.integers(0, len(other)))
        piece = draw(
            st.sampled_from([b"", other[cut : cut + 60], data[start:end] * 2])
            | st.sampled_from(tokens)
            | st.binary(max_size=4)
        )
        data = data[:start] + piece + data[end:]
    return data[:LONGEST]


def test_each_target_has_a_corpus_and_a_dictionary() -> None:
    assert sorted(TARGETS) == NAMES == sorted(path.name for path in CORPUS.iterdir())
    for name in NAMES:
        assert words(name)
        assert 20 <= len(corpus(name)) <= 150
        assert all(len(data) <= LONGEST for data in corpus(name).values())


@pytest.mark.parametrize("name", NAMES)
def test_corpus_passes(name: str) -> None:
    for file, data in corpus(name).items():
        try:
            TARGETS[name](data)
        except BaseException as error:
            error.add_note(f"tests/fuzz/corpus/{name}/{file}")
            raise


@pytest.mark.parametrize("name", NAMES)
def test_mutated_inputs_pass(name: str) -> None:
    inputs = list(corpus(name).values())

    # Failing inputs belong into the corpus, not into a database. Inputs are long, and none is filtered.
    @settings(database=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
    @given(mutated(inputs, words(name)))
    def run(data: bytes) -> None:
        TARGETS[name](data)

    run()


AMOUNTS = dict(zip((field.name for field in OPEN_INTEREST.decimals), ("1.50", "2"), strict=True))
ITEM = {OPEN_INTEREST.market_field: "m", OPEN_INTEREST.timestamp_field: "2026-05-01T00:00Z", **AMOUNTS}
GOOD = json.dumps({OPEN_INTEREST.items_field: [ITEM]}).encode()
MAY = datetime(2026, 5, 1, tzinfo=UTC)
REQUEST = oracle.Request(replace(OPEN_INTEREST, limit_maximum=1), "m", timedelta(hours=1), MAY, MAY, MAY)


def test_oracle_accepts_only_a_valid_page() -> None:
    page = oracle.decode(GOOD, REQUEST)
    assert page is not None
    assert [row.values for row in page.rows] == [("1.50", "2")]
    assert oracle.is_plain(GOOD, REQUEST)
    for old, new in [
        (b'"m"', b'"n"'),
        (b"1.50", b"1e5"),
        (b"00Z", b"00"),
        (b"00Z", b"30Z"),
        (b"00:", b"24:"),
        (b"}]}", b"}]"),
    ]:
        assert oracle.decode(GOOD.replace(old, new), REQUEST) is None


def test_oracle_reads_timestamps_as_the_contract_says() -> None:
    numbers = replace(REQUEST, operation=replace(REQUEST.operation, timestamp_format="epoch-milliseconds"))
    instant = json.dumps(int(MAY.timestamp() * 1000)).encode()
    page = oracle.decode(GOOD.replace(b'"2026-05-01T00:00Z"', instant), numbers)
    assert page is not None
    assert page.rows[0].ts == MAY
    assert oracle.decode(GOOD, numbers) is None
    assert oracle.decode(GOOD.replace(b'"2026-05-01T00:00Z"', b"true"), numbers) is None


def test_fewest_inputs_reach_as_much_as_all() -> None:
    target, inputs = TARGETS["error_response"], list(corpus("error_response").values())
    chosen = fewest([*inputs, *(data + b" " for data in inputs)], target)
    assert 5 < len(chosen) < len(inputs)
    reached = [
        frozenset[tuple[str, int, int]]().union(*(reach(target, data) for data in group)) for group in (chosen, inputs)
    ]
    assert reached[0] == reached[1]


def test_failing_input_is_named_by_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "decode").mkdir()
    (tmp_path / "decode" / "crash-1").write_bytes(b"x")
    monkeypatch.setattr("fuzz.targets.CORPUS", tmp_path)
    monkeypatch.setitem(TARGETS, "decode", lambda data: 1 / 0)
    with pytest.raises(ZeroDivisionError) as caught:
        test_corpus_passes("decode")
    assert caught.value.__notes__ == ["tests/fuzz/corpus/decode/crash-1"]
