"""The short run: every kept input again, and what becomes of them when they are changed at random."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz import oracle
from fuzz.reach import fewest, reach
from fuzz.run import LONGEST, NAMES, WORDS
from fuzz.targets import CORPUS, TARGETS, corpus

QUICK = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "400")),
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def words(name: str) -> list[bytes]:
    """The words of a target's language, out of libFuzzer's file."""
    found = re.findall(r'^"(.*)"$', (WORDS / f"{name}.dict").read_text(encoding="ascii"), re.MULTILINE)
    return [word.encode("ascii").decode("unicode_escape").encode("latin-1") for word in found]


@st.composite
def changed(draw: st.DrawFn, inputs: list[bytes], tokens: list[bytes]) -> bytes:
    """A kept input with a few pieces cut out, put in, written over, or taken from another one."""
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


def test_every_target_has_a_corpus_and_a_dictionary() -> None:
    assert sorted(TARGETS) == NAMES == sorted(path.name for path in CORPUS.iterdir())
    for name in NAMES:
        assert words(name)
        assert 20 <= len(corpus(name)) <= 150
        assert all(len(data) <= LONGEST for data in corpus(name).values())


@pytest.mark.parametrize("name", NAMES)
def test_no_kept_input_fails_its_target(name: str) -> None:
    for file, data in corpus(name).items():
        try:
            TARGETS[name](data)
        except BaseException as error:
            error.add_note(f"tests/fuzz/corpus/{name}/{file}")
            raise


@pytest.mark.parametrize("name", NAMES)
def test_no_changed_input_fails_its_target(name: str) -> None:
    inputs = list(corpus(name).values())

    @QUICK
    @given(changed(inputs, words(name)))
    def run(data: bytes) -> None:
        TARGETS[name](data)

    run()


GOOD = b'{"items":[{"market_id":"m","ts":"2026-05-01T00:00Z","oi_base":"1.50","oi_quote_usd":"2"}]}'
MAY = datetime(2026, 5, 1, tzinfo=UTC)
ASKED = oracle.Asked("m", timedelta(hours=1), MAY, MAY, 1, MAY)


def test_the_oracle_takes_a_good_answer_and_no_other() -> None:
    found = oracle.told(GOOD, ASKED)
    assert found is not None
    assert [row.values for row in found.rows] == [("1.50", "2")]
    assert oracle.is_plain(GOOD)
    for old, new in [
        (b'"m"', b'"n"'),
        (b"1.50", b"1e5"),
        (b"00Z", b"00"),
        (b"00Z", b"30Z"),
        (b"00:", b"24:"),
        (b"}]}", b"}]"),
    ]:
        assert oracle.told(GOOD.replace(old, new), ASKED) is None


def test_of_many_inputs_the_few_are_kept_that_reach_as_much() -> None:
    target, inputs = TARGETS["refusal"], list(corpus("refusal").values())
    chosen = fewest([*inputs, *(data + b" " for data in inputs)], target)
    assert 5 < len(chosen) < len(inputs)
    reached = [
        frozenset[tuple[str, int, int]]().union(*(reach(target, data) for data in some)) for some in (chosen, inputs)
    ]
    assert reached[0] == reached[1]


def test_an_input_that_fails_is_told_with_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "decode").mkdir()
    (tmp_path / "decode" / "crash-1").write_bytes(b"x")
    monkeypatch.setattr("fuzz.targets.CORPUS", tmp_path)
    monkeypatch.setitem(TARGETS, "decode", lambda data: 1 / 0)
    with pytest.raises(ZeroDivisionError) as caught:
        test_no_kept_input_fails_its_target("decode")
    assert caught.value.__notes__ == ["tests/fuzz/corpus/decode/crash-1"]
