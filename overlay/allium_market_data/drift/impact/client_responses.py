"""How today's client reads a response: the error that it raises, in words, or "" if it accepts the response."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from ...errors import FetchError
from ...model.endpoint import Endpoint
from ...model.intervals import HOUR, WIDTHS, floor
from ...model.times import from_micros, micros
from .client_requests import MARKET

Path = tuple[str | int, ...]
"""The way from a schema to one of its parts: ``("properties", "items", "items")``."""

_NOW: Final = datetime(2100, 1, 1, tzinfo=UTC)


def body_error(body: Any, endpoint: Endpoint) -> str:
    """The error for a JSON body. It is read as the response to a request for the market and the bucket of its first row."""
    return bytes_error(json.dumps(body, ensure_ascii=False).encode(), endpoint, _first_row(body, endpoint))


def bytes_error(data: bytes, endpoint: Endpoint, row: dict[str, Any] | None = None) -> str:
    """The error for the bytes of a body; ``row`` is its first row, if it has one."""
    from ...client.decode import PageRequest, decode
    from ...model.windows import Window

    row = row or {}
    operation = endpoint.operation
    interval = max(operation.intervals, key=lambda name: (WIDTHS[name] <= HOUR, WIDTHS[name]))
    market = row.get(operation.market_field)
    width = timedelta(microseconds=WIDTHS[interval])
    start = _bucket(row.get(operation.timestamp_field), WIDTHS[interval])
    window = Window(start - width, start, start + width)
    try:
        decode(data, PageRequest(endpoint, market if isinstance(market, str) else MARKET, interval, window, _NOW))
    except FetchError as error:
        return _message(error)
    return ""


def status_error(status: int) -> str:
    """The error for a status."""
    from ...client.error_response import response_error

    return "" if status == 200 else _message(response_error(status, {}, b""))


def _message(error: FetchError) -> str:
    return f"{type(error).__name__}: {error.message}"


def _first_row(body: Any, endpoint: Endpoint) -> dict[str, Any] | None:
    items = body.get(endpoint.operation.items_field) if isinstance(body, dict) else None
    return items[0] if isinstance(items, list) and items and isinstance(items[0], dict) else None


def _bucket(label: Any, width: int) -> datetime:
    """The bucket that contains a row's timestamp, or some bucket if that is not a usable time."""
    default = datetime(2026, 5, 1, tzinfo=UTC)
    try:
        if isinstance(label, int):
            instant = from_micros(label * 1000)
        elif isinstance(label, str) and label[4:5] == "-":
            instant = datetime.fromisoformat(label)
            instant = instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
        else:
            return default
    except (ValueError, OverflowError):
        return default
    return from_micros(floor(micros(instant), width)) if 1 < instant.year < 9999 else default


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
