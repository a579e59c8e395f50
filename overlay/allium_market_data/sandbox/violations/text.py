"""Amounts and times that are not written as they must be."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from email.utils import format_datetime
from typing import Any, Final

from ...intervals import HOUR, SECOND
from ..instants import parse_instant
from ..readings import Reading
from .steps import Change, Changes, Selected, Step, Violation
from .tools import Item, each_amount, each_item, each_ts, instant_text, last_item

_PLAIN: Final = ("row.oi-base-example-1", "row.oi-quote-usd-example-1")
_FINITE: Final = ("row.oi-base-unit-1", *_PLAIN)
_TS: Final = ("row.ts-iso-8601-1",)
_BOUNDARY: Final = ("row.ts-boundary-1", "interval.bucket-1")
_FULL_WIDTH: Final = {ord(digit): 0xFF10 + int(digit) for digit in "0123456789"}


def _violation(name: str, description: str, clauses: tuple[str, ...], change: Change[Selected, bytes]) -> Violation:
    return Violation(name, description, clauses, Changes(render=change))


def _amount(name: str, description: str, edit: Callable[[str], str]) -> Violation:
    return _violation(name, description, _PLAIN, each_amount(edit))


def _last_base(name: str, description: str, clauses: tuple[str, ...], text: str) -> Violation:
    return _violation(name, description, clauses, last_item(lambda item: item | {"oi_base": text}))


def _thousands(text: str) -> str:
    whole, point, fraction = text.partition(".")
    return f"{int(whole):,}{point}{fraction}"


def _moved(by: int) -> Callable[[str], str]:
    def edit(text: str) -> str:
        moment = instant_text(parse_instant(text) + by)
        return f"{moment[:19]}Z" if text.endswith("Z") else moment.replace("+00:00", ".000000+00:00")

    return edit


def _naive(text: str) -> str:
    return text.removesuffix("Z").removesuffix("+00:00")


def _http_date(text: str) -> str:
    from datetime import datetime

    return format_datetime(datetime.fromisoformat(text))


def _days_by_date(selected: Selected, following: Step[Selected, bytes]) -> bytes:
    if selected.asked.query.interval != "1d":
        return following(selected)
    return each_ts(lambda text: text[:10])(selected, following)


def _once_negative(item: Item) -> Item:
    return item | {"oi_quote_usd": f"-{item['oi_quote_usd']}"}
