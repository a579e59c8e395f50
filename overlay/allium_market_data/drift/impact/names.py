"""Which names of the generated package change: two trees of it, held against each other name by name with griffe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from ...errors import SpecError
from ..model import Names

if TYPE_CHECKING:
    import griffe


def names(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> Names:
    """The public names that appear, vanish or change their signature from one {path: bytes} tree to another.

    The trees are those of ``upstream.tree`` and ``upstream.wire``. Without griffe the result is a note that says so. Raises
    `SpecError` for a module that is no Python.
    """
    try:
        before, after = (dict(_names(tree)) for tree in (old, new))
    except ModuleNotFoundError as problem:
        if problem.name != "griffe":
            raise
        return Names(note="not compared: griffe is not installed")
    return Names(
        added=tuple(sorted(after.keys() - before.keys())),
        removed=tuple(sorted(before.keys() - after.keys())),
        changed=tuple(
            (name, before[name], after[name])
            for name in sorted(before.keys() & after.keys())
            if before[name] != after[name]
        ),
    )


def _names(tree: Mapping[str, bytes]) -> Iterator[tuple[str, str]]:
    import griffe

    for path, data in sorted(tree.items()):
        if path.endswith(".py"):
            parts = PurePosixPath(path).with_suffix("").parts
            dotted = ".".join(part for part in parts if part != "__init__")
            try:
                module = griffe.visit(dotted or "package", PurePosixPath(path), data.decode())  # type: ignore[arg-type]
            except (SyntaxError, UnicodeDecodeError) as problem:
                raise SpecError(path, f"is no Python: {problem}") from None
            yield from _members(module, dotted)


def _members(owner: Any, dotted: str) -> Iterator[tuple[str, str]]:
    """The public members that a module or class defines itself, each with its signature or value."""
    for name, member in owner.members.items():
        if member.is_alias or name.startswith("_"):
            continue
        full = f"{dotted}.{name}" if dotted else name
        yield full, _signature(member)
        if member.is_class:
            yield from _members(member, full)


def _signature(member: griffe.Object) -> str:
    import griffe

    if isinstance(member, griffe.Function):
        shown = ", ".join(_parameter(parameter) for parameter in member.parameters)
        return f"({shown}) -> {member.returns}"
    if isinstance(member, griffe.Attribute):
        return f"{member.annotation or ''} = {member.value}"
    if isinstance(member, griffe.Class):
        return f"class ({', '.join(str(base) for base in member.bases)})"
    return str(member.kind)


def _parameter(parameter: griffe.Parameter) -> str:
    star = {"variadic positional": "*", "variadic keyword": "**"}.get(str(parameter.kind and parameter.kind.value), "")
    default = "" if parameter.default is None or star else f" = {parameter.default}"
    return f"{star}{parameter.name}: {parameter.annotation}{default}"
