"""The entries of ``spec/clauses.toml``: what they quote, whether a quote is at its place, and what no entry quotes."""

from __future__ import annotations

import re
import textwrap
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from ..errors import SpecError
from .canonical import join, resolve, same
from .fences import fences
from .page import METHODS, Document, Page
from .yaml_syntax import parse

CLAUSES: Final = "spec/clauses.toml"

PROSE, INFO = "prose", "info"
"""Places outside of the document: the prose of a page, and the line that opens its OpenAPI block."""

_FILLER: Final = re.compile(r"[>.,;()]|\bso\b")
"""What may stand between two quotes."""

_KEYS: Final = {"clause": ("id", "stands", "quote"), "not_normative": ("stands", "quote")}

_COMPONENT: Final = re.compile(r"</?(Warning|Note)>")


@dataclass(frozen=True, slots=True)
class Entry:
    """A clause, or (without an id) text that is not normative. ``place`` is PROSE, INFO or a JSON pointer."""

    id: str
    place: str
    quote: str

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.id or repr(folded(self.quote)[:60])


@dataclass(frozen=True)
class Published:
    """The pages and the document that was merged from them."""

    pages: Sequence[Page]
    document: Document

    @cached_property
    def prose(self) -> str:
        """The prose of all pages on one line, without the tags of notes."""
        return folded(_COMPONENT.sub(" ", " ".join(page.prose for page in self.pages)))

    @cached_property
    def infos(self) -> list[str]:
        """The lines that open OpenAPI blocks."""
        return [block.info for page in self.pages for block in fences(page.text)]


def read_entries(text: str, *, where: str = CLAUSES) -> tuple[Entry, ...]:
    """The entries of the file, in order. Raises `SpecError` if it is not TOML, or an entry lacks a key."""
    raw = _parsed(text, where)
    return (*_entries(raw, "clause", where), *_entries(raw, "not_normative", where))


def read_clauses(text: str, *, where: str = CLAUSES) -> tuple[Entry, ...]:
    """The clauses of the file, in order. Raises as `read_entries` does."""
    return tuple(_entries(_parsed(text, where), "clause", where))


def _parsed(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise SpecError(where, f"cannot be read: {problem}") from None


def _entries(raw: dict[str, Any], kind: str, where: str) -> Iterator[Entry]:
    tables, keys = raw.get(kind, []), _KEYS[kind]
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise SpecError(where, f"`{kind}` must be a list of tables")
    for table in tables:
        if not all(isinstance(table.get(key), str) for key in keys):
            raise SpecError(where, f"every `{kind}` needs the texts {', '.join(keys)}; this one lacks one: {table}")
        yield Entry(table["id"] if "id" in keys else "", table["stands"], table["quote"])


def folded(text: str) -> str:
    """A text with single spaces."""
    return " ".join(text.split())


def quoted_keys(entry: Entry) -> Any:
    """The quote of an entry whose place is a mapping, as YAML; a key without a value quotes the key alone."""
    return parse(textwrap.dedent(entry.quote).strip(), where=entry.name)


def stated(entry: Entry, published: Published) -> bool:
    """Whether the quote is at its place."""
    if entry.place == PROSE:
        return folded(entry.quote) in published.prose
    if entry.place == INFO:
        return any(entry.quote in info for info in published.infos)
    try:
        value = resolve(published.document, entry.place)
        return folded(entry.quote) in folded(value) if isinstance(value, str) else _holds(value, quoted_keys(entry))
    except (LookupError, SpecError):
        return False


def _holds(value: Any, quote: Any) -> bool:
    if isinstance(quote, dict) and isinstance(value, dict):
        return all(key in value and (item is None or _holds(value[key], item)) for key, item in quote.items())
    return same(value, quote)


def unquoted(entries: Iterable[Entry], published: Published) -> Iterator[tuple[str, str]]:
    """What no entry quotes: (place, text) of prose and descriptions, and (pointer, "") of a constraint or key."""
    entries = list(entries)
    rest = _remaining(published.prose, [entry.quote for entry in entries if entry.place == PROSE])
    yield from ((PROSE, text) for text in rest)
    document = published.document
    for pointer in _descriptions(document):
        quotes = [entry.quote for entry in entries if entry.place == pointer]
        yield from ((pointer, text) for text in _remaining(folded(resolve(document, pointer)), quotes))
    covered = {
        entry.place + place
        for entry in entries
        if entry.place not in (PROSE, INFO) and stated(entry, published) and not _is_text(document, entry.place)
        for place in _leaves(quoted_keys(entry))
    }
    yield from (
        (pointer, "") for pointer in dict.fromkeys([*_leaves(document), *_keys(document)]) if pointer not in covered
    )


def _is_text(document: Document, pointer: str) -> bool:
    return isinstance(resolve(document, pointer), str)


def _remaining(text: str, quotes: list[str]) -> list[str]:
    """The parts of a text between the quotes, without punctuation."""
    for quote in sorted(quotes, key=len, reverse=True):
        text = text.replace(folded(quote), "\x00", 1)
    return [part.strip() for part in text.split("\x00") if _FILLER.sub("", part).strip()]


def _descriptions(value: Any, pointer: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "description" and isinstance(item, str):
                yield join(pointer, key)
            else:
                yield from _descriptions(item, join(pointer, key))
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from _descriptions(item, join(pointer, at))


def _leaves(value: Any, pointer: str = "") -> Iterator[str]:
    """The pointers of all that is stated beside descriptions: single values, and lists of them."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key != "description" or not isinstance(item, str):
                yield from _leaves(item, join(pointer, key))
    elif isinstance(value, list) and any(isinstance(item, dict) and "$ref" not in item for item in value):
        for at, item in enumerate(value):
            yield from _leaves(item, join(pointer, at))
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        yield from (join(pointer, at, "$ref") for at in range(len(value)))
    else:
        yield pointer


def _keys(document: Document) -> Iterator[str]:
    """Paths, methods, statuses and media types: keys that state something by being there."""
    for path, item in document["paths"].items():
        yield join("/paths", path)
        for method in [key for key in item if key in METHODS]:
            yield join("/paths", path, method)
            for status, response in item[method].get("responses", {}).items():
                place = join("/paths", path, method, "responses", status)
                yield place
                yield from (join(place, "content", media) for media in response.get("content", {}))
