"""Edits of ``spec/overlay.yaml`` that follow from a new page: targets that moved, and values that a clause states anew."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from ..errors import SpecError
from .canonical import resolve
from .clauses import Entry, Published, folded
from .contract import BUCKET, CAP, DECIMAL, FORMATS, NAIVE, TIMESTAMP, Statement, statements
from .durations import durations, iso_text
from .overlay import OVERLAY, Action, apply, pointers
from .overlay import read as read_overlay

_IDENTIFIER: Final = re.compile(r"[A-Za-z_]\w*")


def retargeted(text: str, old: Published, new: Published, moves: Mapping[str, str]) -> tuple[str, list[str]]:
    """The file with each target that is gone replaced by where it went."""
    questions = []
    for action in read_overlay(text):
        if pointers(new.document, action.target):
            continue
        target = _target(action, old, new, moves)
        if target is None:
            line = text[: text.find(action.target)].count("\n") + 1
            questions.append(
                f"{OVERLAY}:{line}: the target {action.target} no longer matches anything ({action.reason})"
            )
        else:
            text = text.replace(f"target: {action.target}\n", f"target: {target}\n")
    return text, questions


def _target(action: Action, old: Published, new: Published, moves: Mapping[str, str]) -> str | None:
    """The JSONPath of an action's targets in the new document."""
    target = action.target
    for place in pointers(old.document, action.target):
        if place not in moves:
            return None
        for depth in range(place.count("/")):
            before = "/".join(place.split("/")[: depth + 2])
            target = _renamed(target, before, moves[before], old, new)
    return target if pointers(new.document, target) else None


def _renamed(target: str, before: str, after: str, old: Published, new: Published) -> str:
    """The target with one key, or the name in a filter, replaced by its new name."""
    was, now = (pointer.rpartition("/")[2].replace("~1", "/").replace("~0", "~") for pointer in (before, after))
    left, right = resolve(old.document, before), resolve(new.document, after)
    names = [value.get("name") if isinstance(value, dict) else None for value in (left, right)]
    if all(names) and names[0] != names[1]:
        target = target.replace(f"'{names[0]}'", f"'{names[1]}'")
    if was == now or was.isdigit():
        return target
    target = target.replace(f"['{was}']", f"['{now}']")
    key = f".{now}" if _IDENTIFIER.fullmatch(now) else f"['{now}']"
    return re.sub(rf"\.{re.escape(was)}(?=[.\[]|$)", lambda _: key, target)


def read_again(text: str, entries: Sequence[Entry], new: Published) -> tuple[str, list[str]]:
    """The file with each value of an extension read again from its clause."""
    quotes = {entry.id: entry.quote for entry in entries}
    questions = []
    try:
        patched = apply(new.document, read_overlay(text))[0]
    except SpecError as problem:
        return text, [str(problem)]
    for statement in statements(patched):
        quote = quotes.get(statement.clause)
        if quote is None or statement.holds(quote):
            continue
        value = _value(statement, quote)
        line = text[: text.find(f"clause: {statement.clause}\n")].count("\n") + 1
        if value is None:
            said = f"{statement.extension} says {statement.value!r}, but {statement.clause} says {folded(quote)!r}"
            questions.append(f"{OVERLAY}:{line}: {said}; edit one of them")
        else:
            text = text.replace(_lines(text, line, statement.value), _lines(text, line, statement.value, value), 1)
    return text, questions


def _lines(text: str, line: int, value: str, new: str | None = None) -> str:
    """The lines of an extension that end with its clause; with another value if there is one."""
    block = "\n".join(text.split("\n")[line - 2 : line])
    return block if new is None else block.replace(f"value: {value}", f"value: {new}")


def _value(statement: Statement, quote: str) -> str | None:
    """The only value that a quote states, in the form of the extension."""
    if statement.extension in (CAP, BUCKET):
        named = durations(quote)
        return iso_text(named.pop()) if len(named) == 1 else None
    if statement.extension == TIMESTAMP:
        forms = [form for form in FORMATS if Statement("", TIMESTAMP, form, "").holds(quote)]
        return forms[0] if len(forms) == 1 else None
    assert statement.extension in (NAIVE, DECIMAL)  # noqa: S101 - the others are above
    return None
