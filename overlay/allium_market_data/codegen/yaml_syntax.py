"""Parse and write YAML and JSON with the types of JSON only, as OpenAPI requires.

YAML scalars follow the core schema of YAML 1.2: ``2026-05-01``, ``yes`` and ``on`` are text, and the key ``200`` is the text
"200". An alias stands for a copy of what its anchor names. Features without a counterpart in JSON (tags, not-a-number) and
duplicate keys are errors, with their line where YAML gives one.
"""

from __future__ import annotations

import json
import math
import re
import sys
from typing import Any, Final

import yaml
from yaml.composer import Composer
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

from ..errors import SpecError

MAX_COPIED: Final = 200_000
"""How many values the aliases of one document may stand for. Published documents have some thousands."""

_PLAIN: Final = "plain"
_TEXT: Final = "tag:yaml.org,2002:str"
_NULL: Final = re.compile(r"(~|null|Null|NULL|)")
_BOOL: Final = re.compile(r"(true|True|TRUE)|(false|False|FALSE)")
_INT: Final = re.compile(r"[-+]?[0-9]+")
_BASED: Final = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_BREAKS: Final = re.compile("[\r\x85\u2028\u2029\ufeff]")
_NOT_FINITE: Final = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


class _BadNodeError(Exception):
    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line


class _Nodes(Reader, Scanner, Parser, Composer, BaseResolver):
    """Composes a text into nodes, without a type for plain scalars. The node of an alias is that of its anchor."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        BaseResolver.__init__(self)
        self._open: list[str] = []

    def compose_node(self, parent: Any, index: Any) -> Any:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        line: int = event.start_mark.line
        if isinstance(event, yaml.AliasEvent):
            if event.anchor in self._open:
                raise _BadNodeError(f"the alias *{event.anchor} is within its own anchor", line)
            return super().compose_node(parent, index)
        self.anchors.pop(event.anchor, None)  # an anchor may be set again: aliases mean the last one before them
        self._open.append(event.anchor)
        node = super().compose_node(parent, index)
        self._open.pop()
        return node

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        if kind is yaml.ScalarNode:
            return _PLAIN if implicit[0] else _TEXT
        return super().resolve(kind, value, implicit)  # type: ignore[no-untyped-call]


def parse(text: str, *, where: str, first_line: int = 1) -> Any:
    """Plain data (dict, list, str, int, float, bool, None) from YAML or JSON. Keys are always text.

    Raises `SpecError` for invalid text; ``where`` and ``first_line`` locate it in the message.
    """
    try:
        if text.lstrip().startswith(("{", "[")):
            try:
                return _parse_json(text)
            except json.JSONDecodeError:
                pass  # it may still be YAML in flow style; otherwise the YAML error is reported
        return _parse_yaml(text)
    except _BadNodeError as problem:
        line = None if problem.line is None else problem.line + first_line
        raise SpecError(where, _at(line, problem.reason)) from None
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        line = None if mark is None else mark.line + first_line
        raise SpecError(where, _at(line, f"unreadable: {problem.problem or problem.context}")) from None
    except yaml.YAMLError as problem:
        raise SpecError(where, f"unreadable: {problem}") from None
    except RecursionError:
        raise SpecError(where, "unreadable: nested too deeply") from None


def _at(line: int | None, reason: str) -> str:
    return reason if line is None else f"line {line}: {reason}"


def _parse_json(text: str) -> Any:
    value = json.loads(
        text, object_pairs_hook=_pairs, parse_constant=_no_constant, parse_float=_finite, parse_int=_integer
    )
    _check_text(value)
    return value


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise _BadNodeError(f"the key {twice!r} appears twice in one object")
    return result


def _no_constant(name: str) -> Any:
    raise _BadNodeError(f"{name} is not a number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _BadNodeError(f"{text} is not a finite number")
    return value


def _integer(text: str, base: int = 10) -> int:
    try:
        return int(text, base)
    except ValueError:  # Python's own limit on the digits of a number
        raise _BadNodeError(f"a number has {len(text)} digits, which is too long") from None


def _check_text(value: Any) -> None:
    match value:
        case str():
            if any("\ud800" <= character <= "\udfff" for character in value):
                raise _BadNodeError("a text has half of a surrogate pair")
        case dict():
            for key, item in value.items():
                _check_text(key)
                _check_text(item)
        case list():
            for item in value:
                _check_text(item)


def _parse_yaml(text: str) -> Any:
    node = _Nodes(text).get_single_node()
    return None if node is None else _Values().value(node)


class _Values:
    """The values of nodes. What aliases stand for is copied, up to a limit: ten lines of aliases can mean a billion values."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._copied = 0

    def value(self, node: yaml.Node) -> Any:
        line = node.start_mark.line
        if id(node) in self._seen:
            self._copied += 1
            if self._copied > MAX_COPIED:
                raise _BadNodeError(f"its aliases stand for more than {MAX_COPIED} values", line)
        self._seen.add(id(node))
        if isinstance(node, yaml.ScalarNode):
            try:
                return _scalar(node.value, node.tag)
            except _BadNodeError as problem:
                raise _BadNodeError(problem.reason, line) from None
        if not node.tag.startswith("tag:yaml.org,2002:") or node.tag[18:] not in {"seq", "map"}:
            raise _BadNodeError(f"the tag {node.tag} is not allowed", line)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item) for item in node.value]
        return self._mapping(node)

    def _mapping(self, node: yaml.Node) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = _key(key_node)
            if key in result:
                raise _BadNodeError(f"the key {key!r} appears twice in one mapping", key_node.start_mark.line)
            result[key] = self.value(value_node)
        return result


def _key(node: yaml.Node) -> str:
    line = node.start_mark.line
    if not isinstance(node, yaml.ScalarNode) or node.tag not in {_PLAIN, _TEXT}:
        raise _BadNodeError("a key is not text", line)
    key: str = node.value
    if key == "<<" and node.tag == _PLAIN:
        raise _BadNodeError("a merge key (<<) is not allowed", line)
    _check_text(key)
    return key


def _scalar(text: str, tag: str) -> Any:
    if tag not in {_PLAIN, _TEXT}:
        raise _BadNodeError(f"the tag {tag} is not allowed")
    if tag == _TEXT:
        _check_text(text)
        return text
    return _plain(text)


def _plain(text: str) -> Any:
    """A plain scalar under the core schema of YAML 1.2."""
    if _NULL.fullmatch(text):
        return None
    if truth := _BOOL.fullmatch(text):
        return truth[1] is not None
    if _INT.fullmatch(text):
        return _integer(text)
    if _BASED.fullmatch(text):
        return _integer(text, 0)
    if _FLOAT.fullmatch(text):
        return _finite(text)
    if _NOT_FINITE.fullmatch(text):
        raise _BadNodeError(f"{text} is not a finite number")
    return text


class _Writer(yaml.SafeDumper):
    """Block style without aliases. Text that a YAML reader could take for another type is quoted."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)  # list items are indented below their key, as in the pages


def _write_text(writer: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None
    if _BREAKS.search(text):
        style = '"'  # escaped, because a reader would fold them like a line end
    elif "\n" in text:
        style = "|"
    elif text == "<<" or _NOT_FINITE.fullmatch(text) or not isinstance(_plain_or_text(text), str):
        style = "'"
    return writer.represent_scalar(_TEXT, text, style=style)


def _plain_or_text(text: str) -> Any:
    try:
        return _plain(text)
    except _BadNodeError:
        return None


_Writer.add_representer(str, _write_text)


def dump(value: Any) -> str:
    """YAML text of plain data. Equal data give equal text, and `parse` restores the data."""
    return yaml.dump(
        value,
        Dumper=_Writer,
        allow_unicode=True,
        default_flow_style=False,
        sort_keys=False,
        width=sys.maxsize,
    )
