"""Errors made from responses: by status, with the explanation in the body, and for responses that break the contract."""

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
    403: (PermissionDeniedError, "this API key has no permission for this request"),
    404: (NotFoundError, "not found: check the market and the base URL"),
    407: (RefusedError, "the proxy wants a user and a password, or others: set them in HTTP_PROXY"),
    429: (RateLimitedError, "too many requests: lower max_rate or max_concurrency"),
}

EXPLAINING = ("detail", "message", "msg", "error", "errors", "error_description", "title", "reason", "description")
MAX_EXPLANATION = 500


def response_error(status: int, headers: dict[str, str], body: bytes) -> ResponseError:
    """The error for a response whose status is not 200. The key must be redacted in headers and body before."""
    kind, advice = BY_STATUS.get(status) or _by_class(status)
    explained = explanation(body)
    later = f"; Retry-After {headers['retry-after']:.40}" if "retry-after" in headers else ""
    message = f"the server answered {status}: {advice}{f'; it says: {explained}' if explained else ''}{clean(later)}"
    return kind(message, ErrorContext(status=status, headers=headers, body=body[:BODY_KEPT]))


def _by_class(status: int) -> tuple[type[ResponseError], str]:
    if 400 <= status < 500:
        return RefusedError, "the request was refused"
    if status >= 500:
        return ServerError, "the server failed"
    return UnexpectedStatusError, "only 200 is documented, and redirects are not followed"


def explanation(body: bytes) -> str:
    """The server's explanation, in one clean line of at most 500 characters; empty if there is none."""
    try:
        text = _flatten(msgspec.json.decode(body), 0)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        text = re.sub(r"(?is)<(style|script).*?</\1>|<[^>]*>", " ", body[: 4 * BODY_KEPT].decode("utf-8", "replace"))
    line = " ".join(clean(text).split())
    return line if len(line) <= MAX_EXPLANATION else line[: MAX_EXPLANATION - 3] + "..."


def _flatten(value: Any, depth: int) -> str:
    """The text of a JSON value, from the fields in which common kinds of errors have theirs."""
    if depth > 4 or value is None:
        return ""
    if isinstance(value, list):
        return "; ".join(filter(None, (_flatten(item, depth + 1) for item in value[:10])))
    if isinstance(value, dict):
        texts = list(
            dict.fromkeys(filter(None, (_flatten(value[name], depth + 1) for name in EXPLAINING if name in value)))
        )
        place = value.get("loc")
        where = ".".join(str(part) for part in place) + ": " if isinstance(place, list) and place else ""
        return where + ", ".join(texts) if texts else ""
    return str(value)


def contract_error(what: str, row: int | None = None, field: str | None = None) -> ContractError:
    """The error for a response that the specification does not allow. ``row`` counts from 0, in the order sent."""
    place = ", ".join(f"{name} {value}" for name, value in (("row", row), ("field", field)) if value is not None)
    return ContractError(
        f"the response breaks the contract: {place}{': ' if place else ''}{what}", row=row, field=field
    )
