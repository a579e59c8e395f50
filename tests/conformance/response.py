"""What a server returns, parsed strictly: rows with exact decimals and whole microseconds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from typing import Any, Final, NamedTuple, NoReturn, TypeAlias

from allium_market_data_wire.contract import Operation

from . import times

PLAIN_DECIMAL: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?")
"""Digits, optionally followed by a point and more digits."""
SIGNED_DECIMAL: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
"""The same, perhaps after a minus."""


class UnreadableError(AssertionError):
    """A body that does not have the documented form. The message says why, and how to repeat the request."""


class Amounts(tuple[Decimal, ...]):
    """The decimals of one bucket, exactly, in the order of the contract."""

    __slots__ = ()

    def __str__(self) -> str:
        return " / ".join(map(str, self))


class Row(NamedTuple):
    """One item: its timestamp in microseconds and its amounts."""

    ts: int
    amounts: Amounts


Rows: TypeAlias = Mapping[int, Amounts]
"""The amounts by timestamp."""


@dataclass(frozen=True)
class Response:
    """An HTTP response: status, headers (names in lower case), and the decompressed body, as they came.

    A server may quote the key in them: `conftest` redacts it from all that is printed.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
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
    operation: Operation
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
        name = self.operation.items_field
        items = self.json.get(name) if isinstance(self.json, dict) else None
        if not isinstance(items, list):
            self._fail(f"the body has no list `{name}`")
        return items

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """The rows in the order in which they were sent."""
        return tuple(self._row(item) for item in self.items)

    @cached_property
    def by_label(self) -> dict[int, Amounts]:
        """The amounts by timestamp. A repeated one keeps the last row; another test reports the repetition."""
        return dict(self.rows)

    def with_response(self, response: Response) -> Page:
        """Another response to the same request."""
        return replace(self, response=response)

    @property
    def is_readable(self) -> bool:
        """True if the body has rows of the documented form, or none."""
        try:
            return self.rows is not None
        except UnreadableError:
            return False

    @property
    def is_aligned(self) -> bool:
        """True if the window starts and ends on bucket boundaries."""
        return self.start % self.width == 0 and self.end % self.width == 0

    def _row(self, item: Any) -> Row:
        try:
            decimals = (parse_decimal(item[field.name], field.is_signed) for field in self.operation.decimals)
            timestamp = times.PARSERS[self.operation.timestamp_format](item[self.operation.timestamp_field])
            return Row(timestamp, Amounts(decimals))
        except (KeyError, TypeError, ValueError) as error:
            self._fail(f"an item is unreadable ({type(error).__name__}: {error}): {item!r}")

    def _fail(self, reason: str) -> NoReturn:
        raise UnreadableError(f"{reason}\n{self.response.curl}")


def parse_decimal(text: str, is_signed: bool = False) -> Decimal:
    """The exact value of a plain decimal. Raises `ValueError` for any other text."""
    if not (SIGNED_DECIMAL if is_signed else PLAIN_DECIMAL).fullmatch(text):
        raise ValueError(f"{text!r} is not a plain decimal")
    return Decimal(text)


def fields(operation: Operation) -> frozenset[str]:
    """The fields of an item that the contract names."""
    decimals = (field.name for field in operation.decimals)
    return frozenset({operation.market_field, operation.timestamp_field, *decimals})


def unknown_fields(pages: Iterable[Page]) -> tuple[set[str], set[str]]:
    """Names of undocumented fields: first those beside the items, then those in an item."""
    beside_items: set[str] = set()
    in_items: set[str] = set()
    for page in pages:
        beside_items |= set(page.json) - {page.operation.items_field}
        in_items |= {name for item in page.items for name in item.keys() - fields(page.operation)}
    return beside_items, in_items


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
