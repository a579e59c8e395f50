"""What a server says when it refuses: the explanation out of a body of any shape, and the error that its status stands for."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from ..errors import (
    BODY_KEPT,
    AuthenticationError,
    ContractError,
    ErrorContext,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    RefusedError,
    ResponseError,
    ServerError,
    UnexpectedStatusError,
)
from ..sanitize import clean

BY_STATUS: dict[int, tuple[type[ResponseError], str]] = {
    401: (AuthenticationError, "the API key is missing or not accepted (set ALLIUM_API_KEY, or pass api_key)"),
    403: (PermissionDeniedError, "this API key is not allowed to ask this"),
    404: (NotFoundError, "not found: check the market and the base URL"),
    429: (RateLimitedError, "too many requests: lower max_rate or max_concurrency"),
}

TELLING = ("detail", "message", "msg", "error", "errors", "error_description", "title", "reason", "description")
LONGEST = 500


def response_error(status: int, headers: dict[str, str], body: bytes) -> ResponseError:
    """The error for an answer whose status is not 200. The key must be cleaned from headers and body before."""
    kind, advice = BY_STATUS.get(status) or _by_class(status)
    said = explanation(body)
    later = f"; the server asks to wait: Retry-After {headers['retry-after']:.40}" if "retry-after" in headers else ""
    message = f"the server answered {status}: {advice}{f'; it says: {said}' if said else ''}{clean(later)}"
    return kind(message, ErrorContext(status=status, headers=headers, body=body[:BODY_KEPT]))


def _by_class(status: int) -> tuple[type[ResponseError], str]:
    if 400 <= status < 500:
        return RefusedError, "the request was refused"
    if status >= 500:
        return ServerError, "the server failed"
    return UnexpectedStatusError, "only 200 is documented, and redirects are not followed"


def explanation(body: bytes) -> str:
    """The server's own words, in one clean line of at most 500 characters; empty where it says nothing."""
    try:
        said = _said(msgspec.json.decode(body), 0)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        said = re.sub(r"(?is)<(style|script).*?</\1>|<[^>]*>", " ", body[: 4 * BODY_KEPT].decode("utf-8", "replace"))
    line = " ".join(clean(said).split())
    return line if len(line) <= LONGEST else line[: LONGEST - 3] + "..."


def _said(value: Any, depth: int) -> str:
    """Flatten a JSON value to prose, in the places where errors of known kinds keep theirs."""
    if depth > 4 or value is None:
        return ""
    if isinstance(value, list):
        return "; ".join(filter(None, (_said(one, depth + 1) for one in value[:10])))
    if isinstance(value, dict):
        told = list(dict.fromkeys(filter(None, (_said(value[name], depth + 1) for name in TELLING if name in value))))
        place = value.get("loc")
        where = ".".join(str(part) for part in place) + ": " if isinstance(place, list) and place else ""
        return where + ", ".join(told) if told else ""
    return str(value)


def contract_error(what: str, row: int | None = None, field: str | None = None) -> ContractError:
    """The error for a response that the specification does not allow. ``row`` counts from 0, in the order sent."""
    place = ", ".join(f"{name} {value}" for name, value in (("row", row), ("field", field)) if value is not None)
    return ContractError(f"the answer breaks the contract: {place}{': ' if place else ''}{what}", row=row, field=field)
