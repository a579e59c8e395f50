"""Which tests of this suite there are, read from their source: so that a test is missed even when it is not run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
# About the suite itself, not about a server.
OWN_BUSINESS: Final = ("test_clauses", "test_recordings", "test_kill_matrix")


@dataclass(frozen=True)
class Case:
    """One test function: its name as an expected failure would give it, its marks, and what its docstrings say."""

    name: str
    clauses: tuple[str, ...]
    questions: tuple[str, ...]
    said: str


def suite() -> list[Case]:
    """Every test of the suite that is about a server."""
    paths = [path for path in sorted(HERE.glob("test_*.py")) if not path.stem.startswith(OWN_BUSINESS)]
    return [case for path in paths for case in cases(path.read_text(encoding="utf-8"), path.name)]


def cases(source: str, module: str) -> Iterator[Case]:
    """The tests in the source of one module."""
    yield from _cases(ast.parse(source), Case(module, (), (), ""))


def _cases(node: ast.Module | ast.ClassDef, outer: Case) -> Iterator[Case]:
    for child in node.body:
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            case = Case(
                f"{outer.name}::{child.name}",
                outer.clauses + tuple(_marked(child, "clause")),
                outer.questions + tuple(_marked(child, "open_question")),
                f"{outer.said}\n{ast.get_docstring(child) or ''}",
            )
            if isinstance(child, ast.ClassDef):
                yield from _cases(child, case)
            elif child.name.startswith("test_"):
                yield case


def _marked(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef, name: str) -> Iterator[str]:
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == f"pytest.mark.{name}":
            yield from (ast.literal_eval(argument) for argument in decorator.args)
