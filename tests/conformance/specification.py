"""Whether page, document, clauses and contract fit one another: the suite tests today's contract, or refuses to run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from allium_market_data.codegen.clauses import Entry, Published, read_entries, stated
from allium_market_data.codegen.document import merge
from allium_market_data.codegen.page import read
from allium_market_data.errors import SpecError
from allium_market_data_wire.contract import Operation

from .document import Document
from .request import wire_names
from .response import fields


def misfits(root: Path, document: Document, operation: Operation) -> Iterator[str]:
    """What does not fit, and what to do: of the files of ``root``, the document in use, and the contract."""
    pages = [read(path.name, path.read_bytes()) for path in sorted((root / "spec/upstream").glob("*.md"))]
    try:
        published = Published(pages, merge(part for page in pages for part in page.parts))
        entries = read_entries((root / "spec/clauses.toml").read_text(encoding="utf-8"))
    except SpecError as error:
        yield str(error)
        return
    if published.document != document.tree:
        yield "spec/openapi.yaml is not the document of the pages in spec/upstream: run nox -s update_spec"
    yield from (_misquoted(entry) for entry in entries if not stated(entry, published))
    yield from contract_misfits(document, operation)


def _misquoted(entry: Entry) -> str:
    place = f"at {entry.place}" if entry.place.startswith("/") else f"in its {entry.place}"
    return f"spec/clauses.toml: {entry.name}: the page does not say {entry.quote.strip()!r} {place}: edit the clause"


def contract_misfits(document: Document, operation: Operation) -> Iterator[str]:
    """Where the generated contract differs from the document."""
    if operation.path not in document.tree["paths"]:
        yield f"the contract has the path {operation.path}, the document has not: run nox -s generate"
        return
    schemas = {name: parameter["schema"] for name, parameter in document.parameters.items()}
    names = {operation.market_parameter, *filter(None, wire_names(operation).values())}
    limit = schemas.get(operation.limit_parameter, {})
    interval = schemas.get(operation.interval_parameter or "", {}).get("enum", operation.intervals)
    found = {
        "parameters": (names <= schemas.keys(), sorted(names), sorted(schemas)),
        "intervals": (set(interval) == set(operation.intervals), sorted(operation.intervals), sorted(interval)),
        "limits": _compared(
            [operation.limit_minimum, operation.limit_maximum, operation.limit_default],
            [limit.get(key) for key in ("minimum", "maximum", "default")],
        ),
    }
    if operation.items_field not in document.body["properties"]:
        yield f"the contract has rows in {operation.items_field!r}, the document has not: run nox -s generate"
    else:
        row = set(document.row(operation.items_field)["properties"])
        found["fields"] = (fields(operation) <= row, sorted(fields(operation)), sorted(row))
    for name, (fits, ours, theirs) in found.items():
        if not fits:
            yield f"the contract has the {name} {ours}, the document has {theirs}: run nox -s generate"


def _compared(ours: list[int], theirs: list[int | None]) -> tuple[bool, list[int], list[int | None]]:
    return ours == theirs, ours, theirs
