"""What a server sent back, read strictly: rows with exact decimals and whole microseconds; pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any, Final, NamedTuple, NoReturn, TypeAlias

from . import times

PLAIN_DECIMAL: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?")
"""Digits, and perhaps a point with digits behind it."""
FIELDS: Final = frozenset({"market_id", "ts", "oi_base", "oi_quote_usd"})


class UnreadableError(AssertionError):
    """An answer that cannot be read as the document says; the message says why and how to ask for it again."""


class Amounts(NamedTuple):
    """The open interest of one bucket, exactly."""

    base: Decimal
    quote: Decimal

    def __str__(self) -> str:
        return f"{self.base} / {self.quote} USD"


class Row(NamedTuple):
    """One item: its label in microseconds and its amounts."""

    ts: int
    amounts: Amounts


Rows: TypeAlias = Mapping[int, Amounts]
"""Rows by their label."""


@dataclass(frozen=True)
class Reply:
    """Whatever came back: status, headers (names in lower case), and the body after any compression was undone."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    curl: str
    """How to ask again, without the key."""

    @property
    def media_type(self) -> str:
        """The content type without its parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def __str__(self) -> str:
        shown = self.body[:200].decode("utf-8", "replace")
        return f"{self.status} {self.media_type or 'without a content type'} {shown!r}"


@dataclass(frozen=True)
class Answer:
    """A reply with status 200, read when it is looked at. Reading raises `UnreadableError`."""

    reply: Reply
    market_id: str
    """The market that was asked for."""
    width: int
    """The width of a bucket that was asked for, in microseconds."""
    start: int
    end: int
    limit: int

    @cached_property
    def json(self) -> Any:
        """The body: one JSON value in UTF-8, nothing behind it."""
        try:
            return json.loads(self.reply.body.decode("utf-8"), parse_constant=_no_constant)
        except ValueError as error:
            self._refuse(f"the body is not one JSON value: {error}")

    @cached_property
    def items(self) -> list[Any]:
        """The items as they were sent."""
        items = self.json.get("items") if isinstance(self.json, dict) else None
        if not isinstance(items, list):
            self._refuse("there is no list of items in the body")
        return items

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """The rows in the order in which they were sent."""
        return tuple(self._row(item) for item in self.items)

    @cached_property
    def by_label(self) -> dict[int, Amounts]:
        """The amounts by label. Of a label that comes twice, the later one; another test is about those."""
        return dict(self.rows)

    def _row(self, item: Any) -> Row:
        try:
            return Row(times.parse(item["ts"]), Amounts(decimal(item["oi_base"]), decimal(item["oi_quote_usd"])))
        except (KeyError, TypeError, ValueError) as error:
            self._refuse(f"an item is unreadable ({type(error).__name__}: {error}): {item!r}")

    def _refuse(self, why: str) -> NoReturn:
        raise UnreadableError(f"{why}\n{self.reply.curl}")


def decimal(text: str) -> Decimal:
    """The number that a plain decimal names, exactly; `ValueError` for any other text."""
    if not PLAIN_DECIMAL.fullmatch(text):
        raise ValueError(f"{text!r} is not a plain decimal")
    return Decimal(text)


def unknown_fields(answers: Iterable[Answer]) -> tuple[set[str], set[str]]:
    """Names of fields that the document does not know: beside ``items``, and in an item."""
    beside: set[str] = set()
    inside: set[str] = set()
    for answer in answers:
        beside |= set(answer.json) - {"items"}
        inside |= {name for item in answer.items for name in item.keys() - FIELDS}
    return beside, inside


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
