"""Which public names of the generated package change. griffe reads them from the source, without importing it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from ...codegen import overlay as patch
from ...codegen import package
from ...codegen.file_tree import Tree
from ...codegen.file_tree import read as read_tree
from ...codegen.page import Document
from ...errors import SpecError
from .. import spec_files
from ..model import Names

if TYPE_CHECKING:
    import griffe


def changed_names(document: Document) -> Names:
    """The names that change if the client is generated from this document.

    If it cannot be generated (a tool is missing, or the overlay or the generator fails), a note gives the reason.
    """
    try:
        overlay = patch.read(spec_files.read_text(spec_files.folder() / "overlay.yaml"))
        patched, _ = patch.apply(document, overlay)
        return compare_names(_installed(), package.generate(patched))
    except ModuleNotFoundError as problem:
        return Names(note=f"not compared: {problem.name} is not installed")
    except SpecError as problem:
        return Names(note=f"not compared: the client cannot be generated from the new document: {problem}")


def _installed() -> Tree:
    spec = find_spec(package.PACKAGE)
    if spec is None or spec.origin is None:
        raise SpecError(package.PACKAGE, "is not installed")
    return read_tree(Path(spec.origin).parent)


def compare_names(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> Names:
    """The public names that two trees ({path: bytes}) do not share, or that have another signature.

    Without griffe the result is a note. Raises `SpecError` for a module that is not valid Python.
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
                raise SpecError(path, f"not valid Python: {problem}") from None
            yield from _members(module, dotted)


def _members(owner: Any, dotted: str) -> Iterator[tuple[str, str]]:
    """The public members that a module or class itself defines, each with its signature or value."""
    for name, member in owner.members.items():
        if member.is_alias or name.startswith("_"):
            continue
        full_name = f"{dotted}.{name}" if dotted else name
        yield full_name, _signature(member)
        if member.is_class:
            yield from _members(member, full_name)


def _signature(member: griffe.Object) -> str:
    import griffe

    if isinstance(member, griffe.Function):
        return f"({', '.join(_parameter(parameter) for parameter in member.parameters)}) -> {member.returns}"
    if isinstance(member, griffe.Attribute):
        return f"{member.annotation or ''} = {member.value}"
    if isinstance(member, griffe.Class):
        return f"class ({', '.join(str(base) for base in member.bases)})"
    return str(member.kind)


def _parameter(parameter: griffe.Parameter) -> str:
    star = {"variadic positional": "*", "variadic keyword": "**"}.get(str(parameter.kind and parameter.kind.value), "")
    default = "" if parameter.default is None or star else f" = {parameter.default}"
    return f"{star}{parameter.name}: {parameter.annotation}{default}"
