"""Answers as today's client reads them: what it says to a body, and why."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from .client_requests import MARKET

NOW: Final = datetime(2100, 1, 1, tzinfo=UTC)
_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Reading:
    """What the client makes of an answer: ``refusal`` is the error in words, "" where it takes it."""

    refusal: str
    field: str | None = None
    unknown: tuple[str, ...] = ()


def read(body: Any) -> Reading:
    """What the decoder of open interest says to a JSON body, asked a question that the body's own rows would answer."""
    return read_bytes(json.dumps(body, ensure_ascii=False).encode(), _first_row(body))


def read_bytes(body: bytes, row: dict[str, Any] | None = None) -> Reading:
    """The same for the bytes of an answer; ``row`` is its first one, where there is one."""
    from ...client.decode import PageRequest, decode
    from ...errors import FetchError
    from ...model.endpoint import OPEN_INTEREST
    from ...model.windows import Window

    row = row or {}
    market = row.get("market_id")
    stamp = _stamp(row.get("ts"))
    window = Window(stamp - _HOUR, stamp, stamp + _HOUR)
    question = PageRequest(OPEN_INTEREST, market if isinstance(market, str) else MARKET, "1h", window, NOW)
    try:
        answer = decode(body, question)
    except FetchError as error:
        return Reading(f"{type(error).__name__}: {error.message}", getattr(error, "field", None))
    return Reading("", None, tuple(answer.unknown))


def status_error(status: int) -> str:
    """The error that the client raises for a status, "" for 200."""
    from ...client.error_response import response_error

    if status == 200:
        return ""
    error = response_error(status, {}, b"")
    return f"{type(error).__name__}: {error.message}"


def _first_row(body: Any) -> dict[str, Any] | None:
    items = body.get("items") if isinstance(body, dict) else None
    return items[0] if isinstance(items, list) and items and isinstance(items[0], dict) else None


def _stamp(text: Any) -> datetime:
    """The bucket that a row's ``ts`` lies in, or any, where it names none."""
    made = datetime(2026, 5, 1, tzinfo=UTC)
    if not isinstance(text, str) or not re.match(r"\d{4}-", text):
        return made
    try:
        found = datetime.fromisoformat(text)
        found = found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return made
    return found.replace(minute=0, second=0, microsecond=0) if 1 < found.year < 9999 else made


def transplanted(into: Any, out: Any, path: tuple[str | int, ...]) -> Any:
    """A value with the part at ``path`` as another value has it, be it that it has none."""
    if len(path) >= 2 and path[0] == "properties" and isinstance(into, dict) and isinstance(out, dict):
        name = str(path[1])
        rest = {key: value for key, value in into.items() if key != name}
        return {**rest, name: transplanted(into.get(name), out[name], path[2:])} if name in out else rest
    if path[:1] == ("items",) and isinstance(into, list) and isinstance(out, list) and into and out:
        return [transplanted(into[0], one, path[1:]) for one in out]
    return out


def placed(value: Any, path: tuple[str | int, ...]) -> Any:
    """A value wrapped so that it stands at a path."""
    for at in reversed(range(len(path))):
        if path[at] == "properties" and at + 1 < len(path):
            value = {str(path[at + 1]): value}
        elif path[at] == "items" and (at == 0 or path[at - 1] != "properties"):
            value = [value]
    return value
