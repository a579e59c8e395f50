"""A published page: Markdown with the OpenAPI document of its operation in a fenced block."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from ..errors import SpecError
from .fences import Fence, fences
from .yaml_syntax import parse

Document: TypeAlias = dict[str, Any]
"""An OpenAPI document as plain data."""

METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
"""The methods that a path item of OpenAPI 3.0 or 3.1 may have."""

_LANGUAGES: Final = {"yaml", "yml", "json"}
_KEYS: Final = {"openapi", "swagger", "paths"}
_CLAIM: Final = re.compile(r"^[\s{]*[\"']?(openapi|swagger)[\"']?[ \t]*:", re.MULTILINE)
_BARE: Final = re.compile(r"[\"']?(openapi|swagger)[\"']?[ \t]*:")
_VERSION: Final = re.compile(r"3\.[01]\.[0-9]+(-.+)?")
_HTML: Final = re.compile(r"<(!doctype\s+html|html|head|body)[\s>]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """An OpenAPI document of a page, and its location for messages: ``page.md (line 27)``."""

    where: str
    document: Document


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its text with ``\\n`` as line ends, its prose (the text without the OpenAPI blocks), its documents."""

    name: str
    text: str
    prose: str
    parts: tuple[Part, ...]

    @property
    def operations(self) -> frozenset[tuple[str, str]]:
        """The operations of the page as (METHOD, path)."""
        return frozenset(operation for part in self.parts for operation in operations(part.document))


def operations(document: Document) -> list[tuple[str, str]]:
    """The operations of a document as (METHOD, path), in the document's order."""
    return [
        (method.upper(), path)
        for path, item in document["paths"].items()
        if isinstance(item, dict)
        for method in item
        if method in METHODS
    ]


def read(name: str, data: bytes) -> Page:
    """Read a published page, or a bare OpenAPI document in YAML or JSON.

    Raises `SpecError`, which names the page, for an empty file, a file that is not UTF-8, an HTML page, a page without a
    usable OpenAPI block or truncated inside it, and an OpenAPI version other than 3.0 or 3.1.
    """
    text = _text(name, data)
    if _is_bare(text):
        return Page(name, text, "", (Part(name, check(name, parse(text, where=name))),))
    blocks = [block for block in fences(text) if block.language in _LANGUAGES and _claims(block)]
    if not blocks:
        raise SpecError(name, _why_none(text))
    parts = tuple(_part(name, block) for block in blocks)
    return Page(name, text, _without(text, blocks), parts)


def _text(name: str, data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise SpecError(name, f"not UTF-8: byte {problem.start} is 0x{data[problem.start]:02x}") from None
    if not text.strip():
        raise SpecError(name, "empty")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _is_bare(text: str) -> bool:
    """True if the whole text is a document: JSON, or YAML with a line ``openapi:`` before any fence."""
    if text.lstrip().startswith("{"):
        return True
    lines = text.strip().split("\n")
    if lines[0].rstrip() == "---" and any(line.rstrip() == "---" for line in lines[1:]):
        return False  # front matter, which may have a line "openapi: get /path"
    for line in lines:
        if line.lstrip(" ").startswith(("```", "~~~")):
            return False
        if _BARE.match(line):
            return True
    return False


def _claims(block: Fence) -> bool:
    """True if a block is meant to be an OpenAPI document, so that a fault in it is an error."""
    if "openapi" in block.info.lower():
        return True
    try:
        value = parse(block.body, where="")
    except SpecError:
        return _CLAIM.search(block.body) is not None
    return isinstance(value, dict) and not _KEYS.isdisjoint(value)


def _why_none(text: str) -> str:
    if _HTML.search(text[:4000]):
        return "an HTML page, not the Markdown of a published page"
    blocks = [block for block in fences(text) if block.language in _LANGUAGES]
    if blocks:
        lines = ", ".join(str(block.start) for block in blocks)
        return f"no OpenAPI block; none of its YAML or JSON blocks (line {lines}) has a key `openapi`"
    return "no OpenAPI block: no fenced block is marked yaml, yml or json"


def _part(name: str, block: Fence) -> Part:
    where = f"{name} (line {block.start})"
    if not block.closed:
        raise SpecError(where, "the OpenAPI block is never closed; the page seems to be truncated")
    return Part(where, check(where, parse(block.body, where=where, first_line=block.start + 1)))


def _without(text: str, blocks: list[Fence]) -> str:
    removed = {number for block in blocks for number in range(block.start, block.end + 1)}
    return "\n".join(line for number, line in enumerate(text.split("\n"), 1) if number not in removed)


def check(where: str, value: Any) -> Document:
    """Plain data as an OpenAPI document, which has `paths`. Raises `SpecError` if it is not one of a supported version."""
    if not isinstance(value, dict):
        raise SpecError(where, "the OpenAPI document is not a mapping")
    if "swagger" in value:
        raise SpecError(where, f"Swagger {value['swagger']} is not supported; OpenAPI 3.0 or 3.1 is needed")
    version = value.get("openapi")
    if version is None:
        raise SpecError(where, "the document has no key `openapi`")
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        raise SpecError(where, f"OpenAPI {version} is not supported; 3.0.x or 3.1.x is needed")
    has_webhooks_alone = "paths" not in value and isinstance(value.get("webhooks"), dict)  # OpenAPI 3.1 allows it
    document: Document = {**value, "paths": {}} if has_webhooks_alone else value
    paths = document.get("paths")
    if not isinstance(paths, dict):
        raise SpecError(where, "the document has no mapping `paths`")
    for path, item in paths.items():
        if not path.startswith(("/", "x-")) or not isinstance(item, dict):
            raise SpecError(where, f"`paths` has the entry {path!r}, which is not a path with its methods")
    return document
