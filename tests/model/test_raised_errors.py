"""Everything that the package raises is in the tree of ``allium_market_data.errors``, or never reaches a user."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import allium_market_data
from allium_market_data import errors

TREE = {
    name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, errors.AlliumError)
}
PYTHON = {
    "AssertionError",
    "AttributeError",
    "CancelledError",
    "ImportError",
    "IndexError",
    "NotImplementedError",
    "SystemExit",
    "Exit",
}
"""What Python or the command-line library expects for its own purposes."""
CAUGHT = {
    "BadRowError": "sandbox.files counts it, or reports it as SandboxError",
    "CheckError": "the command turns it into an exit status",
    "PartlyError": "the command turns it into an exit status",
    "ProposalError": "the command writes or shows its proposal",
    "BrokenError": "client.transport turns the errors of client.http into ConnectionFailedError",
    "UntrustedError": "client.transport turns it into CertificateError",
    "HTTPError": "the sandbox turns it into a response",
    "ClosedClientError": "store.dask.cluster turns it into StoreError",
    "ConnectionAbortedError": "the sandbox's server ends the connection",
    "LookupError": "codegen resolves pointers",
    "ModuleNotFoundError": "codegen finds that an extra is missing",
    "OSError": "store.storage reports the full disk as StoreError",
    "ValueError": "parsers report it as their own error",
}
"""Errors with a public name that are caught within the package."""


def modules() -> Iterator[tuple[str, ast.Module]]:
    root = Path(allium_market_data.__file__).parent
    for path in sorted(root.rglob("*.py")):
        if path != root / "errors.py":
            yield str(path.relative_to(root)), ast.parse(path.read_text(encoding="utf-8"))


def error_name(node: ast.expr | None) -> str | None:
    """The class in ``raise Class`` or ``raise Class(...)``; None for a variable or a function that returns an error."""
    node = node.func if isinstance(node, ast.Call) else node
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    return name if name.endswith(("Error", "Exit")) else None


def test_every_raised_error_is_in_the_tree_or_caught() -> None:
    raised = {
        (where, name)
        for where, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise) and (name := error_name(node.exc)) and not name.startswith("_")
    }
    assert len(raised) > 50
    assert {pair for pair in raised if pair[1] not in TREE | PYTHON | CAUGHT.keys()} == set()


def test_every_public_error_class_is_in_the_tree() -> None:
    elsewhere = {
        node.name
        for _, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and node.name.endswith("Error") and not node.name.startswith("_")
    }
    assert elsewhere <= CAUGHT.keys()
