"""The tests of the suite, read from their source, so that a test counts as present even where it does not run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
# These test the suite itself and send no requests.
_NOT_ABOUT_A_SERVER: Final = ("test_clauses",)


@dataclass(frozen=True)
class SuiteTest:
    """One test function, with the marks and docstrings of its class added to its own."""

    name: str
    """As in a file of expected failures: ``module.py::Class::test``."""
    clauses: tuple[str, ...]
    open_questions: tuple[str, ...]
    docstring: str


def suite() -> list[SuiteTest]:
    """Every test of the suite that is about a server."""
    paths = [path for path in sorted(HERE.glob("test_*.py")) if not path.stem.startswith(_NOT_ABOUT_A_SERVER)]
    return [test for path in paths for test in tests_in(path.read_text(encoding="utf-8"), path.name)]


def tests_in(source: str, module: str) -> Iterator[SuiteTest]:
    """The tests in the source code of one module."""
    yield from _tests_in(ast.parse(source), SuiteTest(module, (), (), ""))


def _tests_in(node: ast.Module | ast.ClassDef, outer: SuiteTest) -> Iterator[SuiteTest]:
    for child in node.body:
        if isinstance(child, ast.ClassDef | ast.FunctionDef):
            test = SuiteTest(
                f"{outer.name}::{child.name}",
                outer.clauses + tuple(_marks(child, "clause")),
                outer.open_questions + tuple(_marks(child, "open_question")),
                f"{outer.docstring}\n{ast.get_docstring(child) or ''}",
            )
            if isinstance(child, ast.ClassDef):
                yield from _tests_in(child, test)
            elif child.name.startswith("test_"):
                yield test


def _marks(node: ast.ClassDef | ast.FunctionDef, name: str) -> Iterator[str]:
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == f"pytest.mark.{name}":
            yield from (ast.literal_eval(argument) for argument in decorator.args)
