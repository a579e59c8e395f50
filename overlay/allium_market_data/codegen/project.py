"""The specification in a folder: read its pages, make everything that follows from them, and say what would change."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..errors import SpecError
from . import document, lock, page
from . import file_tree as tree
from . import overlay as patch
from . import package as wire
from .canonical import digest
from .fetch import fetch, is_url
from .lock import Lock
from .page import Document, Page

UPSTREAM: Final = "spec/upstream"
DOCUMENT: Final = "spec/openapi.yaml"
OVERLAY: Final = "spec/overlay.yaml"
LOCK: Final = "spec/lock.toml"
PACKAGE: Final = f"generated/{wire.PACKAGE}"

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run makes, and what of it differs from the folder; `apply` puts it in place.

    ``merged`` is the document as published and ``patched`` the one that the package is generated from.
    """

    root: Path
    merged: Document
    patched: Document
    contents: Mapping[str, bytes | tree.Tree | None]

    def differences(self) -> list[str]:
        """A line or a short diff for each file of the folder that is not what the plan makes; empty if none is."""
        old: dict[str, bytes] = {}
        new: dict[str, bytes] = {}
        for path, content in self.contents.items():
            old |= _flat(path, _present(self.root / path))
            new |= _flat(path, content)
        return tree.compare(old, new)

    def apply(self) -> None:
        """Put in place what differs: all of it, or nothing."""
        changed = {
            path: content
            for path, content in self.contents.items()
            if _flat(path, _present(self.root / path)) != _flat(path, content)
        }
        tree.swap(self.root, changed)


def _present(place: Path) -> bytes | tree.Tree | None:
    if place.is_dir():
        return tree.read(place)
    return place.read_bytes() if place.exists() else None


def _flat(path: str, content: bytes | tree.Tree | None) -> dict[str, bytes]:
    match content:
        case None:
            return {}
        case bytes():
            return {path: content}
    return {f"{path}/{name}": data for name, data in content.items()}


def plan_update(
    root: Path, sources: Sequence[str] = (), *, today: dt.date, read: Callable[[str], bytes] = fetch
) -> Plan:
    """Plan to take new pages in (each ``source`` a file or an address) and to make everything anew.

    A source replaces the page of its own name, or else the one that describes the same operations; otherwise it is a
    new page. Raises `SpecError`; nothing is written.
    """
    pages = _pages(root)
    addresses: dict[str, str] = {}
    taken: dict[str, str] = {}
    for source in sources:
        data = read(source)
        name = _place(page.read(source, data), file_name(source), pages)
        if name in taken:
            raise SpecError(f"{taken[name]} and {source}", f"both stand for {UPSTREAM}/{name}")
        taken[name] = source
        pages[name] = data
        if is_url(source):
            addresses[name] = source
    return _plan(root, pages, _lock(root), today=today, addresses=addresses)


def plan_generate(root: Path, *, today: dt.date) -> Plan:
    """Plan to generate the package anew from the pages as they stand.

    Raises `SpecError` where that would not be the same specification (spec/openapi.yaml is not what the pages say) or
    not the same tools (other versions than the lock's).
    """
    locked = _lock(root)
    installed = wire.tool_versions()
    for tool, version in locked.tools.items():
        if installed.get(tool, version) != version:
            raise SpecError(LOCK, f"was made with {tool} {version}, but {installed[tool]} is installed")
    plan = _plan(root, _pages(root), locked, today=today, addresses={})
    if _present(root / DOCUMENT) != plan.contents[DOCUMENT]:
        raise SpecError(DOCUMENT, f"is not what the pages in {UPSTREAM} say; run `nox -s update_spec`")
    return plan


def published(root: Path) -> tuple[str, ...]:
    """Where the pages are published, by the lock file. Raises `SpecError` where it does not know that of a page."""
    return _lock(root).addresses("name them with --from")


def file_name(source: str) -> str:
    """The name under which a page from a file or an address is kept: its last segment, with ``.md``."""
    path = re.sub(r"^[^:]*://[^/?#]*|[?#].*", "", source) if is_url(source) else source
    segment = path.rstrip("/").replace("\\", "/").rpartition("/")[2]
    stem = re.sub(r"\.(md|mdx|markdown|ya?ml|json)$", "", segment, flags=re.IGNORECASE)
    if not _NAME.fullmatch(stem):
        raise SpecError(source, "has no last segment that can name a page")
    return f"{stem}.md"


def _place(new: Page, name: str, pages: Mapping[str, bytes]) -> str:
    if name in pages:
        return name
    for known, data in pages.items():
        if page.read(f"{UPSTREAM}/{known}", data).operations == new.operations:
            return known
    return name


def _pages(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((root / UPSTREAM).glob("*.md"))}


def _lock(root: Path) -> Lock:
    place = root / LOCK
    return lock.read(_text(place, LOCK)) if place.exists() else Lock()


def _text(place: Path, where: str) -> str:
    try:
        return place.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise SpecError(where, f"cannot be read: {problem}") from None


def _plan(root: Path, pages: Mapping[str, bytes], old: Lock, *, today: dt.date, addresses: Mapping[str, str]) -> Plan:
    parts = [part for name, data in pages.items() for part in page.read(name, data).parts]
    merged = document.merge(parts)
    patched, _ = patch.apply(merged, patch.read(_text(root / OVERLAY, OVERLAY)))
    new = Lock(
        pages=tuple(
            lock.locked_page(name, data, old, today=today, address=addresses.get(name)) for name, data in pages.items()
        ),
        merged=digest(merged),
        patched=digest(patched),
        tools=wire.tool_versions(),
    )
    contents: dict[str, bytes | tree.Tree | None] = {f"{UPSTREAM}/{name}": data for name, data in pages.items()}
    contents |= {DOCUMENT: document.render(merged), LOCK: lock.render(new), PACKAGE: wire.generate(patched)}
    return Plan(root, merged, patched, contents)
