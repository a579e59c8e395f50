"""Which names of the generated package change."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from allium_market_data.codegen.file_tree import read
from allium_market_data.drift.impact.names import compare_names
from allium_market_data.drift.model import Names
from allium_market_data.errors import SpecError

GENERATED = Path(__file__).parents[2] / "generated/allium_market_data_wire"
griffe = pytest.importorskip("griffe")


def test_a_tree_has_no_changes_against_itself() -> None:
    tree = read(GENERATED)
    assert compare_names(tree, tree) == Names()


def test_added_removed_and_changed_names() -> None:
    old = {
        "__init__.py": b"from .a import f\n",
        "a.py": b"LIMIT: int = 5\ndef f(x: int, *rest: str, y: str = 'a', **more: int) -> None: ...\ndef _g(): ...\n",
        "b.py": b"class Row:\n    ts: str\n    def read(self) -> str: ...\nclass Old: ...\n",
        "openapi.json": b"{}",
    }
    new = {
        "__init__.py": b"from .a import f\n",
        "a.py": b"LIMIT: int = 6\ndef f(x: int, *rest: str, y: str = 'b', **more: int) -> None: ...\ndef _h(): ...\n",
        "b.py": b"class Row(dict):\n    ts: int\n    def read(self) -> str: ...\n    extra: str\n",
        "c.py": b"class New: ...\n",
    }
    found = compare_names(old, new)
    assert found.added == ("b.Row.extra", "c.New")
    assert found.removed == ("b.Old",)
    assert [name for name, _, _ in found.changed] == ["a.LIMIT", "a.f", "b.Row", "b.Row.ts"]
    assert found.changed[0] == ("a.LIMIT", "int = 5", "int = 6")
    assert found.changed[1][1] == "(x: int, *rest: str, y: str = 'a', **more: int) -> None"
    assert found.changed[2] == ("b.Row", "class ()", "class (dict)")
    assert found.note == ""


@pytest.mark.parametrize("data", [b"def (", b"\xff"])
def test_invalid_python_is_an_error(data: bytes) -> None:
    with pytest.raises(SpecError, match=r"a\.py: not valid Python"):
        compare_names({}, {"a.py": data})


def test_note_says_that_griffe_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "griffe", None)
    found = compare_names({"a.py": b""}, {"a.py": b""})
    assert found.note == "not compared: griffe is not installed"
