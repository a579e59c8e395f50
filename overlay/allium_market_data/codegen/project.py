"""The specification in a folder: read its pages, build everything from them, and report what would change."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..errors import SpecError
from . import contract, document, file_tree, lock, overlay, package, page
from .canonical import digest
from .clauses import CLAUSES, Published, read_clauses
from .fetch import fetch, is_url
from .lock import Lock
from .overlay import OVERLAY
from .page import Document, Page
from .proposal import Proposal, propose

UPSTREAM: Final = "spec/upstream"
DOCUMENT: Final = "spec/openapi.yaml"
LOCK: Final = "spec/lock.toml"
PACKAGE: Final = f"generated/{package.PACKAGE}"

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Plan:
    """The files of a run; `apply` writes those that differ from the folder.

    ``merged`` is the document as published, ``patched`` the one that the package is generated from.
    """

    root: Path
    merged: Document
    patched: Document
    contents: Mapping[str, bytes | file_tree.Tree | None]

    def differences(self) -> list[str]:
        """A line or a short diff for each file of the folder that differs from the plan."""
        old: dict[str, bytes] = {}
        new: dict[str, bytes] = {}
        for path, content in self.contents.items():
            old |= _flat(path, _present(self.root / path))
            new |= _flat(path, content)
        return file_tree.compare(old, new)

    def apply(self) -> None:
        """Write the files that differ: all of them or none."""
        changed = {
            path: content
            for path, content in self.contents.items()
            if _flat(path, _present(self.root / path)) != _flat(path, content)
        }
        file_tree.swap(self.root, changed)


def _present(place: Path) -> bytes | file_tree.Tree | None:
    if place.is_dir():
        return file_tree.read(place)
    return place.read_bytes() if place.exists() else None


def _flat(path: str, content: bytes | file_tree.Tree | None) -> dict[str, bytes]:
    match content:
        case None:
            return {}
        case bytes():
            return {path: content}
    return {f"{path}/{name}": data for name, data in content.items()}


class ProposalError(SpecError):
    """The new pages need edits of spec/ that were not accepted, or that a person must make. Nothing was written."""

    def __init__(self, proposal: Proposal) -> None:
        questions = "".join(f"; {question}" for question in proposal.questions)
        super().__init__("spec/", f"must be edited to fit the new pages{questions}")
        self.proposal = proposal


def plan_update(
    root: Path,
    sources: Sequence[str] = (),
    *,
    today: dt.date,
    read: Callable[[str], bytes] = fetch,
    accept: bool = False,
) -> Plan:
    """Plan to import pages (each ``source`` is a file or an address) and to build everything again.

    A source replaces the page with its name, or else the page with the same operations. Otherwise it is a new page.
    With ``accept`` the plan has the proposed edits of the overlay and the clauses. Raises `ProposalError` if there are
    edits and they are not accepted, or questions, and `SpecError` for anything else. Nothing is written.
    """
    old = _pages(root)
    pages = dict(old)
    addresses: dict[str, str] = {}
    imported: dict[str, str] = {}
    for source in sources:
        data = read(source)
        name = _name(page.read(source, data), file_name(source), pages)
        if name in imported:
            raise SpecError(f"{imported[name]} and {source}", f"would both be {UPSTREAM}/{name}")
        imported[name] = source
        pages[name] = data
        if is_url(source):
            addresses[name] = source
    texts = _texts(root)
    edits: dict[str, str] = {}
    if old and old != pages and CLAUSES in texts:
        proposal = propose(texts[OVERLAY], texts[CLAUSES], _published(old), _published(pages))
        edited = {OVERLAY: proposal.overlay, CLAUSES: proposal.clauses}
        edits = {path: text for path, text in edited.items() if text != texts[path]}
        if proposal.questions or (edits and not accept):
            raise ProposalError(proposal)
    return _plan(root, pages, _lock(root), today=today, addresses=addresses, edits=edits)


def _published(pages: Mapping[str, bytes]) -> Published:
    read_pages = [page.read(name, data) for name, data in pages.items()]
    return Published(read_pages, document.merge(part for each in read_pages for part in each.parts))


def plan_generate(root: Path, *, today: dt.date) -> Plan:
    """Plan to generate the package again from the present pages.

    Raises `SpecError` if spec/openapi.yaml does not match the pages, or if the tools have other versions than in the lock.
    """
    locked = _lock(root)
    installed = package.tool_versions()
    for tool, version in locked.tools.items():
        if installed.get(tool, version) != version:
            raise SpecError(LOCK, f"was made with {tool} {version}, but {installed[tool]} is installed")
    plan = _plan(root, _pages(root), locked, today=today, addresses={}, edits={})
    if _present(root / DOCUMENT) != plan.contents[DOCUMENT]:
        raise SpecError(DOCUMENT, f"does not match the pages in {UPSTREAM}; run `nox -s update_spec`")
    return plan


def published(root: Path) -> tuple[str, ...]:
    """The addresses of the pages in the lock file. Raises `SpecError` if one is missing."""
    return _lock(root).addresses("name them with --from")


def file_name(source: str) -> str:
    """The file name for a page from a file or an address: its last segment, with ``.md``."""
    path = re.sub(r"^[^:]*://[^/?#]*|[?#].*", "", source) if is_url(source) else source
    segment = path.rstrip("/").replace("\\", "/").rpartition("/")[2]
    stem = re.sub(r"\.(md|mdx|markdown|ya?ml|json)$", "", segment, flags=re.IGNORECASE)
    if not _NAME.fullmatch(stem):
        raise SpecError(source, "has no last segment that can be the name of a page")
    return f"{stem}.md"


def _name(new: Page, name: str, pages: Mapping[str, bytes]) -> str:
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


def _texts(root: Path) -> dict[str, str]:
    """The overlay, and the clauses if there are any."""
    clauses = {CLAUSES: _text(root / CLAUSES, CLAUSES)} if (root / CLAUSES).exists() else {}
    return {OVERLAY: _text(root / OVERLAY, OVERLAY), **clauses}


def _text(place: Path, where: str) -> str:
    try:
        return place.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise SpecError(where, f"cannot be read: {problem}") from None


def _plan(
    root: Path,
    pages: Mapping[str, bytes],
    old: Lock,
    *,
    today: dt.date,
    addresses: Mapping[str, str],
    edits: Mapping[str, str],
) -> Plan:
    parts = [part for name, data in pages.items() for part in page.read(name, data).parts]
    merged = document.merge(parts)
    texts = {**_texts(root), **edits}
    patched, _ = overlay.apply(merged, overlay.read(texts[OVERLAY]))
    quotes = {clause.id: clause.quote for clause in read_clauses(texts.get(CLAUSES, ""))}
    contract.check_statements(patched, quotes, where=OVERLAY)
    new = Lock(
        pages=tuple(
            lock.locked_page(name, data, old, today=today, address=addresses.get(name)) for name, data in pages.items()
        ),
        merged=digest(merged),
        patched=digest(patched),
        tools=package.tool_versions(),
    )
    contents: dict[str, bytes | file_tree.Tree | None] = {f"{UPSTREAM}/{name}": data for name, data in pages.items()}
    contents |= {path: text.encode() for path, text in edits.items()}
    contents |= {DOCUMENT: document.render(merged), LOCK: lock.render(new), PACKAGE: package.generate(patched)}
    return Plan(root, merged, patched, contents)
