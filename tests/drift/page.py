"""The published page and its document, and helpers to edit them."""

from __future__ import annotations

import copy
import json
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from allium_market_data.codegen.fences import fences
from allium_market_data.codegen.yaml_syntax import parse
from allium_market_data.drift.model import Effect

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "spec/upstream/get-open-interest.md").read_text()
CLAUSES_TEXT = (ROOT / "spec/clauses.toml").read_text()
CLAUSES = tomllib.loads(CLAUSES_TEXT)["clause"]
BLOCK = next(block for block in fences(PAGE) if "openapi" in block.info)
PATH = "/api/v1/markets/{market_id}/perps/open_interest"

Document = dict[str, Any]


@dataclass(frozen=True)
class Edit:
    """An edited page with its expected verdict, and the kind, effect and clause of the change that decides it."""

    name: str
    page: str
    verdict: str
    kind: str = ""
    effect: Effect | None = None
    clause: str = ""


PARSED: Document = parse(BLOCK.body, where="the page")


def document() -> Document:
    """The document of the page, to be changed."""
    return copy.deepcopy(PARSED)


def with_block(text: str, info: str = BLOCK.info, fence: str = "````") -> str:
    """The page with another block."""
    lines = PAGE.split("\n")
    return "\n".join([*lines[: BLOCK.start - 1], f"{fence}{info}", text.rstrip("\n"), fence, *lines[BLOCK.end :]])


def swapped(old: str, new: str, count: int = 1) -> str:
    """The page with a text replaced, which must be there."""
    assert old in PAGE, old
    return PAGE.replace(old, new, count)


def changed(change: Callable[[Document], None]) -> str:
    """The page with its document changed in place; in JSON, which is read much faster than YAML."""
    spec = document()
    change(spec)
    assert spec != PARSED
    return with_block(json.dumps(spec))


def operation(spec: Document) -> Any:
    return spec["paths"][PATH]["get"]


def parameter(spec: Document, name: str) -> Any:
    shared = {"market_id": "MarketIdPath", "start_timestamp": "StartTimestamp", "end_timestamp": "EndTimestamp"}
    if name in shared:
        return spec["components"]["parameters"][shared[name]]
    return next(one for one in operation(spec)["parameters"] if one.get("name") == name)


def row(spec: Document) -> Any:
    return spec["components"]["schemas"]["OpenInterest"]


def answer(spec: Document) -> Any:
    return operation(spec)["responses"]["200"]


def body(spec: Document) -> Any:
    return answer(spec)["content"]["application/json"]["schema"]


def put(target: Callable[[Document], Any], **values: Any) -> str:
    return changed(lambda spec: target(spec).update(values))


def drop(target: Callable[[Document], Any], key: str) -> str:
    def change(spec: Document) -> None:
        del target(spec)[key]

    return changed(change)


def limit(spec: Document) -> Any:
    return parameter(spec, "limit")["schema"]


def interval(spec: Document) -> Any:
    return parameter(spec, "interval")["schema"]


def field_of(name: str) -> Callable[[Document], Any]:
    return lambda spec: row(spec)["properties"][name]


def responses(more: dict[str, Any]) -> str:
    return changed(lambda spec: operation(spec)["responses"].update(more))
