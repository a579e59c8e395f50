"""Edits of ``spec/clauses.toml`` that follow from a new page: each quote taken again from the text that replaced it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any, Final

from .canonical import join, resolve
from .clauses import CLAUSES, INFO, PROSE, Entry, Published, folded, quoted_keys, stated, unquoted
from .document import merge
from .page import METHODS
from .yaml_syntax import dump

UNUSED: Final = "an optional parameter that this client does not send"
_STOPS: Final = frozenset(".!?")
"""Words that are added after one of these are another sentence, not a part of the quote."""

_TOKEN: Final = re.compile(r"\w+|[^\w\s]")


def edited_entry(entry: Entry, old: Published, new: Published, moves: Mapping[str, str]) -> Entry | None:
    """The entry for the new page; None if its place or its text is gone."""
    place = entry.place if entry.place in (PROSE, INFO) else moves.get(entry.place, entry.place)
    moved = Entry(entry.id, place, entry.quote)
    if stated(moved, new):
        return moved
    if not stated(entry, old):
        return None
    quote = _quote(entry, place, old, new)
    found = Entry(entry.id, place, quote) if quote else None
    return found if found and stated(found, new) else None


def _quote(entry: Entry, place: str, old: Published, new: Published) -> str | None:
    """The text of the new page that replaced a quote."""
    if entry.place == PROSE:
        return replaced(old.prose, new.prose, folded(entry.quote))
    if entry.place == INFO:
        return next((info.partition(" ")[2] for info in new.infos), None) and _info(entry, old, new)
    before, after = resolve(old.document, entry.place), resolve(new.document, place)
    if isinstance(before, str) and isinstance(after, str):
        return replaced(folded(before), folded(after), folded(entry.quote))
    if not isinstance(before, dict) or not isinstance(after, dict):
        return None
    lines = [_key(key, value, before, after) for key, value in quoted_keys(entry).items()]
    return None if None in lines else "\n".join(line for line in lines if line)


def _info(entry: Entry, old: Published, new: Published) -> str | None:
    for before, after in zip(old.infos, new.infos, strict=False):
        if entry.quote in before:
            return replaced(before, after, entry.quote)
    return None


def _key(key: str, value: Any, before: Mapping[str, Any], after: Mapping[str, Any]) -> str | None:
    """The line of a quoted key in the new mapping."""
    if key not in after:
        gone, added = [name for name in before if name not in after], [name for name in after if name not in before]
        if len(gone) != 1 or len(added) != 1:
            return None
        key = added[0]
    return f"{dump({key: None}).rstrip().removesuffix(' null')}" if value is None else dump({key: after[key]}).rstrip()


def replaced(old: str, new: str, quote: str) -> str | None:
    """The part of the new text that replaced a quote of the old text; None if that is not certain."""
    first = old.find(quote)
    if first < 0:
        return None
    left, right = list(_TOKEN.finditer(old)), list(_TOKEN.finditer(new))
    inside = [at for at, token in enumerate(left) if first <= token.start() < first + len(quote)]
    if not inside:
        return None
    matcher = SequenceMatcher(None, [token[0] for token in left], [token[0] for token in right], autojunk=False)
    start, stop = inside[0], inside[-1] + 1
    taken: list[int] = []
    for kind, low, high, begin, end in matcher.get_opcodes():
        if kind == "equal":
            taken += range(begin + max(start, low) - low, begin + min(stop, high) - low)
        elif kind == "insert":
            goes_on = low == stop and not {left[stop - 1][0], *(token[0] for token in right[begin:end])} & _STOPS
            taken += range(begin, end) if start < low < stop or goes_on else ()
        elif kind == "replace" and start <= low and high <= stop:
            taken += range(begin, end)
        elif kind == "replace" and low < stop and start < high:
            return None
    if not taken or taken != list(range(taken[0], taken[-1] + 1)):
        return None
    text = new[right[taken[0]].start() : right[taken[-1]].end()]
    return text if re.search(r"\w", text) else None


def lost_entries(text: str, entries: Sequence[Entry], edited: Sequence[Entry | None]) -> Iterator[str]:
    """A question for each entry whose text is gone."""
    for entry, found in zip(entries, edited, strict=True):
        if found is None:
            yield f"{_at(CLAUSES, text, entry)}: the page no longer says {folded(entry.quote)[:120]!r}; quote what it says now"


def _at(file: str, text: str, entry: Entry) -> str:
    """The file and line of an entry, and what it is called."""
    needle = f'id = "{entry.id}"' if entry.id else entry.quote.strip().splitlines()[0]
    line = text[: text.find(needle)].count("\n") + 1 if needle in text else 1
    return f"{file}:{line}: {entry.id or 'not normative'}"


def without_new_pages(new: Published, old: Published) -> Published:
    """The pages that continue an old one. A new page has no clauses yet, and needs none before it has roles."""
    known = {operation for page in old.pages for operation in page.operations}
    names = {page.name for page in old.pages}
    pages = [page for page in new.pages if page.name in names or page.operations & known]
    return Published(pages, merge(part for page in pages for part in page.parts)) if pages else new


def additions(entries: Sequence[Entry], new: Published) -> tuple[list[Entry], list[str]]:
    """Entries for what is new and of no consequence, and questions for what else no entry quotes."""
    added: list[Entry] = []
    questions: list[str] = []
    optional = dict(_optional_parameters(new))
    for place, text in unquoted(entries, new):
        owner = next((pointer for pointer in optional if place == pointer or place.startswith(f"{pointer}/")), None)
        if owner is None:
            what = f"no entry quotes {text[:120]!r}" if text else f"no entry quotes {place}"
            questions.append(f"{CLAUSES}: {what} ({place}); add a clause, or say why nothing follows from it")
        elif owner not in {entry.place for entry in added}:
            added += _quotes_of(owner, optional[owner])
    return added, questions


def _optional_parameters(new: Published) -> Iterator[tuple[str, Any]]:
    """The optional parameters of the operations, by pointer."""
    for path, item in new.document["paths"].items():
        for method in METHODS:
            for at, raw in enumerate(item.get(method, {}).get("parameters", [])):
                pointer = join("/paths", path, method, "parameters", at)
                target = raw["$ref"][1:] if "$ref" in raw else pointer
                parameter = resolve(new.document, target)
                if not parameter.get("required"):
                    yield target, parameter
                    if target != pointer:
                        yield pointer, raw


def _quotes_of(pointer: str, value: Mapping[str, Any]) -> list[Entry]:
    """Entries that quote everything about a parameter."""
    beside = {key: item for key, item in value.items() if key not in ("description", "schema")}
    entries = [Entry("", pointer, dump(beside).rstrip())]
    if "description" in value:
        entries.append(Entry("", f"{pointer}/description", str(value["description"])))
    schema = value.get("schema")
    return [*entries, Entry("", f"{pointer}/schema", dump(schema).rstrip())] if isinstance(schema, dict) else entries


def written(text: str, old: Sequence[Entry], new: Sequence[Entry | None], added: Sequence[Entry]) -> str:
    """The file with its entries replaced and others added; its comments and layout are kept."""
    import tomlkit

    if not added and all(after is None or after == before for before, after in zip(old, new, strict=True)):
        return text
    document: Any = tomlkit.parse(text)
    tables = [*document["clause"], *document.get("not_normative", [])]
    for table, before, after in zip(tables, old, new, strict=True):
        if after is not None and after.place != before.place:
            table["stands"] = after.place
        if after is not None and after.quote != before.quote:
            table["quote"] = _literal(after.quote)
    for entry in added:
        table = tomlkit.table()
        table.update({"stands": entry.place, "quote": _literal(entry.quote), "why": UNUSED})
        table.add(tomlkit.nl())
        document["not_normative"].append(table)
    return tomlkit.dumps(document)


def _literal(quote: str) -> Any:
    import tomlkit

    return tomlkit.string(f"\n{quote}" if "\n" in quote else quote, multiline="\n" in quote)
