"""The query string of a request: a `Query`, or an error that names every invalid parameter.

Where the specification is silent: the last of a repeated parameter counts, unknown parameters are ignored, an empty
window is an error, and so is a window of more than seven days. The ``+`` of an offset must be sent as ``%2B``, because a
bare one means a space; a bare one is an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import parse_qsl

from ..model.intervals import DAY, INTERVALS, WIDTHS, Interval
from .instants import parse_instant

MAX_WINDOW: Final = 7 * DAY
"""The longest window, in microseconds."""
PARAMETERS: Final = ("interval", "start_timestamp", "end_timestamp", "limit")
DEFAULT_LIMIT: Final = 500
MAX_LIMIT: Final = 5000

_INTEGER: Final = re.compile(r"-?[0-9]+")

Detail: TypeAlias = str | list[dict[str, object]]


class HTTPError(Exception):
    """A 4xx response: its status and, in FastAPI's style, the ``detail`` of its body."""

    def __init__(self, status: int, detail: Detail) -> None:
        super().__init__(status, detail)
        self.status = status
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Query:
    """A valid query. Times are microseconds since 1970 in UTC; ``start`` < ``end`` <= ``start`` + 7 days."""

    interval: Interval
    start: int
    end: int
    limit: int = DEFAULT_LIMIT

    @property
    def width(self) -> int:
        """The width of a bucket in microseconds."""
        return WIDTHS[self.interval]


@dataclass(frozen=True, slots=True)
class Problem:
    """An invalid parameter."""

    parameter: str
    message: str
    type: str

    def detail(self) -> dict[str, object]:
        """This problem in the format of FastAPI."""
        return {"loc": ["query", self.parameter], "msg": self.message, "type": self.type}


def parse_query(query_string: bytes) -> Query:
    """The query of a raw ``query_string``. Raises `HTTPError` (422) with every problem found."""
    # Bytes that are not UTF-8 become U+FFFD, which no parameter allows: a 422 instead of a decoding error.
    parameters = dict(parse_qsl(query_string.decode("latin-1"), keep_blank_values=True, errors="replace"))
    problems: list[Problem] = []
    interval = _interval(parameters, problems)
    start = _instant(parameters, "start_timestamp", problems)
    end = _instant(parameters, "end_timestamp", problems)
    limit = _limit(parameters, problems)
    if start is not None and end is not None:
        problems += _window(start, end)
    if problems or interval is None or start is None or end is None:
        raise HTTPError(422, [problem.detail() for problem in problems])
    return Query(interval, start, end, limit)


def _interval(parameters: Mapping[str, str], problems: list[Problem]) -> Interval | None:
    text = _required(parameters, "interval", problems)
    if text is None or text in INTERVALS:
        return text
    *others, last = (repr(interval) for interval in INTERVALS)
    problems.append(Problem("interval", f"Input should be {', '.join(others)} or {last}", "enum"))
    return None


def _instant(parameters: Mapping[str, str], name: str, problems: list[Problem]) -> int | None:
    text = _required(parameters, name, problems)
    if text is None:
        return None
    try:
        return parse_instant(text)
    except ValueError as error:
        hint = "; send the + of an offset as %2B" if " " in text else ""
        problems.append(Problem(name, f"Input should be an ISO 8601 date or time: {error}{hint}", "datetime_parsing"))
        return None


def _limit(parameters: Mapping[str, str], problems: list[Problem]) -> int:
    text = parameters.get("limit")
    if text is None:
        return DEFAULT_LIMIT
    if not _INTEGER.fullmatch(text):
        problems.append(Problem("limit", "Input should be a valid integer", "int_parsing"))
        return DEFAULT_LIMIT
    digits = text.lstrip("-").lstrip("0")
    # Length first: Python does not convert numbers of thousands of digits.
    if text.startswith("-") or not digits:
        problems.append(Problem("limit", "Input should be greater than or equal to 1", "greater_than_equal"))
    elif len(digits) > 4 or int(digits) > MAX_LIMIT:
        problems.append(Problem("limit", f"Input should be less than or equal to {MAX_LIMIT}", "less_than_equal"))
    else:
        return int(digits)
    return DEFAULT_LIMIT


def _window(start: int, end: int) -> list[Problem]:
    if end <= start:
        return [Problem("end_timestamp", "Input should be after start_timestamp", "value_error")]
    if end - start > MAX_WINDOW:
        return [Problem("end_timestamp", "The query window is capped at 7 days", "value_error")]
    return []


def _required(parameters: Mapping[str, str], name: str, problems: list[Problem]) -> str | None:
    if name not in parameters:
        problems.append(Problem(name, "Field required", "missing"))
    return parameters.get(name)
