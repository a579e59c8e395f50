"""The public names are the same for type checkers and at run time."""

from __future__ import annotations

import ast
from pathlib import Path

import allium_market_data


def test_type_checkers_see_the_names_that_are_imported_lazily() -> None:
    module = ast.parse(Path(allium_market_data.__file__).read_text(encoding="utf-8"))
    (block,) = (node for node in module.body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    assert {name.asname: node.module for node in imports for name in node.names} == allium_market_data._MODULES
