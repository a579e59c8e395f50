"""What becomes of the generated package: the tree that a new document gives, beside the one that is installed."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from ...codegen import file_tree as tree
from ...codegen import overlay as patch
from ...codegen import package as wire
from ...codegen.page import Document
from ...errors import SpecError
from .. import spec_files
from ..model import Names
from .names import names


def changed_names(document: Document) -> Names:
    """The names that come, go or change where the client is generated from this document.

    What stands in the way (a missing tool, a patch that fits no more, a document that the generator refuses) is a note.
    """
    try:
        overlay = patch.read(spec_files.text(spec_files.folder() / "overlay.yaml"))
        patched, _ = patch.apply(document, overlay)
        return names(_installed(), wire.generate(patched))
    except ModuleNotFoundError as problem:
        return Names(note=f"not compared: {problem.name} is not installed")
    except SpecError as problem:
        return Names(note=f"not compared: the client cannot be generated as it is: {problem}")


def _installed() -> tree.Tree:
    found = find_spec(wire.PACKAGE)
    if found is None or found.origin is None:
        raise SpecError(wire.PACKAGE, "is not installed")
    return tree.read(Path(found.origin).parent)
