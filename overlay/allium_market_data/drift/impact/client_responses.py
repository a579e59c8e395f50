"""How today's client reads a response: the error that it raises, in words, or "" if it accepts the response."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from ...errors import FetchError
from ...model.endpoint import OPEN_INTEREST
from .client_requests import MARKET

Path = tuple[str | int, ...]
"""The way from a schema to one of its parts: ``("properties", "items", "items")``."""

_NOW: Final = datetime(2100, 1, 1, tzinfo=UTC)
_HOUR: Final = timedelta(hours=1)


def body_error(body: Any) -> str:
    """The error for a JSON body. It is read as the response to a request for the market and the hour of its first row."""
    return bytes_error(json.dumps(body, ensure_ascii=False).encode(), _first_row(body))


def bytes_error(data: bytes, row: dict[str, Any] | None = None) -> str:
    """The error for the bytes of a body; ``row`` is its first row, if it has one."""
    from ...client.decode import PageRequest, decode
    from ...model.windows import Window

    row = row or {}
    operation = OPEN_INTEREST.operation
    market = row.get(operation.market_field)
    start = _hour(row.get(operation.timestamp_field))
    window = Window(start - _HOUR, start, start + _HOUR)
    try:
        decode(data, PageRequest(OPEN_INTEREST, market if isinstance(market, str) else MARKET, "1h", window, _NOW))
    except FetchError as error:
        return _message(error)
    return ""


def status_error(status: int) -> str:
    """The error for a status."""
    from ...client.error_response import response_error

    return "" if status == 200 else _message(response_error(status, {}, b""))


def _message(error: FetchError) -> str:
    return f"{type(error).__name__}: {error.message}"


def _first_row(body: Any) -> dict[str, Any] | None:
    items = body.get(OPEN_INTEREST.operation.items_field) if isinstance(body, dict) else None
    return items[0] if isinstance(items, list) and items and isinstance(items[0], dict) else None


def _hour(text: Any) -> datetime:
    """The hour that contains a row's ``ts``, or some hour if that is not a usable time."""
    default = datetime(2026, 5, 1, tzinfo=UTC)
    if not isinstance(text, str) or text[4:5] != "-":
        return default
    try:
        instant = datetime.fromisoformat(text)
        instant = instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return default
    return instant.replace(minute=0, second=0, microsecond=0) if 1 < instant.year < 9999 else default


def with_part(target: Any, source: Any, path: Path) -> Any:
    """``target`` with its part at ``path`` replaced by that of ``source``, or removed if ``source`` has none."""
    if len(path) >= 2 and path[0] == "properties" and isinstance(target, dict) and isinstance(source, dict):
        name = str(path[1])
        rest = {key: value for key, value in target.items() if key != name}
        return {**rest, name: with_part(target.get(name), source[name], path[2:])} if name in source else rest
    if path[:1] == ("items",) and isinstance(target, list) and isinstance(source, list) and target and source:
        return [with_part(target[0], item, path[1:]) for item in source]
    return source


def wrapped(value: Any, path: Path) -> Any:
    """The smallest body that has a value at ``path``."""
    for at in reversed(range(len(path))):
        if path[at] == "properties" and at + 1 < len(path):
            value = {str(path[at + 1]): value}
        elif path[at] == "items" and (at == 0 or path[at - 1] != "properties"):
            value = [value]
    return value
