"""What a server returns, parsed strictly: rows with exact decimals and whole microseconds."""

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
"""Digits, optionally followed by a point and more digits."""
FIELDS: Final = frozenset({"market_id", "ts", "oi_base", "oi_quote_usd"})


class UnreadableError(AssertionError):
    """A body that does not have the documented form. The message says why, and how to repeat the request."""


class Amounts(NamedTuple):
    """The open interest of one bucket, exactly."""

    base: Decimal
    quote: Decimal

    def __str__(self) -> str:
        return f"{self.base} / {self.quote} USD"


class Row(NamedTuple):
    """One item: its ``ts`` in microseconds and its amounts."""

    ts: int
    amounts: Amounts


Rows: TypeAlias = Mapping[int, Amounts]
"""The amounts by ``ts``."""


@dataclass(frozen=True)
class Response:
    """An HTTP response: status, headers (names in lower case), and the decompressed body."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    curl: str
    """A curl command that repeats the request; the key is left to a variable."""

    @property
    def media_type(self) -> str:
        """The content type without its parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def __str__(self) -> str:
        preview = self.body[:200].decode("utf-8", "replace")
        return f"{self.status} {self.media_type or 'without a content type'} {preview!r}"


@dataclass(frozen=True)
class Page:
    """A response with status 200 and the request that it belongs to. Its body is parsed on first use.

    Every property that parses the body raises `UnreadableError`.
    """

    response: Response
    market_id: str
    width: int
    """The width of the requested bucket, in microseconds."""
    start: int
    end: int
    limit: int

    @cached_property
    def json(self) -> Any:
        """The body, which must be exactly one JSON value in UTF-8."""
        try:
            return json.loads(self.response.body.decode("utf-8"), parse_constant=_reject_constant)
        except ValueError as error:
            self._fail(f"the body is not one JSON value: {error}")

    @cached_property
    def items(self) -> list[Any]:
        """The items as they were sent."""
        items = self.json.get("items") if isinstance(self.json, dict) else None
        if not isinstance(items, list):
            self._fail("the body has no list `items`")
        return items

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """The rows in the order in which they were sent."""
        return tuple(self._row(item) for item in self.items)

    @cached_property
    def by_label(self) -> dict[int, Amounts]:
        """The amounts by ``ts``. A repeated ``ts`` keeps the last row; another test reports the repetition."""
        return dict(self.rows)

    @property
    def is_aligned(self) -> bool:
        """True if the window starts and ends on bucket boundaries."""
        return self.start % self.width == 0 and self.end % self.width == 0

    def _row(self, item: Any) -> Row:
        try:
            amounts = Amounts(parse_decimal(item["oi_base"]), parse_decimal(item["oi_quote_usd"]))
            return Row(times.parse(item["ts"]), amounts)
        except (KeyError, TypeError, ValueError) as error:
            self._fail(f"an item is unreadable ({type(error).__name__}: {error}): {item!r}")

    def _fail(self, reason: str) -> NoReturn:
        raise UnreadableError(f"{reason}\n{self.response.curl}")


def parse_decimal(text: str) -> Decimal:
    """The exact value of a plain decimal. Raises `ValueError` for any other text."""
    if not PLAIN_DECIMAL.fullmatch(text):
        raise ValueError(f"{text!r} is not a plain decimal")
    return Decimal(text)


def unknown_fields(pages: Iterable[Page]) -> tuple[set[str], set[str]]:
    """Names of undocumented fields: first those beside ``items``, then those in an item."""
    beside_items: set[str] = set()
    in_items: set[str] = set()
    for page in pages:
        beside_items |= set(page.json) - {"items"}
        in_items |= {name for item in page.items for name in item.keys() - FIELDS}
    return beside_items, in_items


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
