"""spec/lock.toml: the source and date of each page, and the hashes of everything made from the pages."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ..errors import SpecError

_INDEX: Final = re.compile(rb"https://[A-Za-z0-9.-]+/(?:[A-Za-z0-9._-]+/)*llms\.txt")

_HEADER: Final = """\
# Written by `nox -s update_spec` and `nox -s generate`. Never edit it, but for a `source` that is known better.
# `sha256` of a page is that of its bytes; `merged` and `patched` are those of the canonical JSON (keys sorted).
# `source_assumed = true`: the page came from a file, and its address was not read by this project itself.
"""


@dataclass(frozen=True, slots=True)
class LockedPage:
    """A page: its file in spec/upstream, its address ("" if unknown), the day it was retrieved, its SHA-256.

    ``index`` is the address of the list of all pages, as the page states it ("" if it does not).
    """

    file: str
    source: str
    source_assumed: bool
    retrieved: str
    sha256: str
    index: str = ""


@dataclass(frozen=True, slots=True)
class Lock:
    """The lock file. ``merged`` and ``patched`` are digests of the documents; ``tools`` are versions by name."""

    pages: tuple[LockedPage, ...] = ()
    merged: str = ""
    patched: str = ""
    tools: Mapping[str, str] = field(default_factory=dict)

    def page(self, file: str) -> LockedPage | None:
        """The entry of a page; None if it has none."""
        return next((page for page in self.pages if page.file == file), None)

    def addresses(self, remedy: str) -> tuple[str, ...]:
        """The addresses of the pages. Raises `SpecError`, with a ``remedy`` in its message, if one is unknown."""
        known = tuple(page.source for page in self.pages)
        if not known or not all(known):
            raise SpecError("spec/lock.toml", f"does not have the address of every page: {remedy}")
        return known


def read(text: str, *, where: str = "spec/lock.toml") -> Lock:
    """Read a lock file. Missing values are empty, unknown ones are ignored. Raises `SpecError` if it is not TOML."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise SpecError(where, f"unreadable: {problem}") from None
    pages = raw.get("page")
    tools = raw.get("tools")
    documents = raw.get("documents")
    documents = documents if isinstance(documents, dict) else {}
    return Lock(
        pages=tuple(_page(page) for page in pages if isinstance(page, dict)) if isinstance(pages, list) else (),
        merged=str(documents.get("merged", "")),
        patched=str(documents.get("patched", "")),
        tools={name: str(value) for name, value in tools.items()} if isinstance(tools, dict) else {},
    )


def _page(raw: dict[str, Any]) -> LockedPage:
    return LockedPage(
        file=str(raw.get("file", "")),
        source=str(raw.get("source", "")),
        source_assumed=raw.get("source_assumed") is not False,
        retrieved=str(raw.get("retrieved", "")),
        sha256=str(raw.get("sha256", "")),
        index=str(raw.get("index", "")),
    )


def render(lock: Lock) -> bytes:
    """The lock file. Equal locks give equal bytes."""
    lines = [_HEADER]
    for page in sorted(lock.pages, key=lambda page: page.file):
        lines += [
            "[[page]]",
            f"file = {_quoted(page.file)}",
            f"source = {_quoted(page.source)}",
            f"source_assumed = {'true' if page.source_assumed else 'false'}",
            f"index = {_quoted(page.index)}",
            f"retrieved = {_quoted(page.retrieved)}",
            f"sha256 = {_quoted(page.sha256)}",
            "",
        ]
    lines += ["[documents]", f"merged = {_quoted(lock.merged)}", f"patched = {_quoted(lock.patched)}", "", "[tools]"]
    lines += [f"{_quoted(name)} = {_quoted(lock.tools[name])}" for name in sorted(lock.tools)]
    return ("\n".join(lines) + "\n").encode()


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")  # TOML has all escapes of JSON


def locked_page(file: str, data: bytes, old: Lock, *, today: dt.date, address: str | None = None) -> LockedPage:
    """The entry of a page. Its date changes only with its bytes. ``address`` is given if it was just read from there."""
    known = old.page(file)
    sha256 = hashlib.sha256(data).hexdigest()
    unchanged = known is not None and known.sha256 == sha256
    return LockedPage(
        file=file,
        source=address or (known.source if known else ""),
        source_assumed=address is None and (known is None or known.source_assumed),
        retrieved=known.retrieved if known is not None and unchanged else today.isoformat(),
        sha256=sha256,
        index=_index(data),
    )


def _index(data: bytes) -> str:
    match = _INDEX.search(data)
    return match[0].decode() if match else ""
