"""The query string of a request: a `Query`, or an error that names every invalid parameter.

Names, intervals, limits and the longest window are those of the `Operation`. Where the specification is silent: the last
of a repeated parameter counts, unknown parameters are ignored, an empty window is an error, and so is a window of more
than the cap. The ``+`` of an offset must be sent as ``%2B``, because a bare one means a space; a bare one is an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import parse_qsl

from allium_market_data_wire.contract import OPEN_INTEREST, Operation

from ..model.intervals import UNITS, Interval
from .instants import in_words, parse_instant

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
    """A valid query. Times are microseconds since 1970 in UTC; ``end`` is after ``start``, by no more than the cap."""

    interval: Interval
    start: int
    end: int
    limit: int

    @property
    def width(self) -> int:
        """The width of a bucket in microseconds."""
        return int(self.interval[:-1]) * UNITS[self.interval[-1]]


@dataclass(frozen=True, slots=True)
class Problem:
    """An invalid parameter."""

    parameter: str
    message: str
    type: str

    def detail(self) -> dict[str, object]:
        """This problem in the format of FastAPI."""
        return {"loc": ["query", self.parameter], "msg": self.message, "type": self.type}


def parameters_of(operation: Operation) -> tuple[str, ...]:
    """The parameters of a query string."""
    names = (
        operation.interval_parameter,
        operation.start_parameter,
        operation.end_parameter,
        operation.limit_parameter,
    )
    return tuple(name for name in names if name is not None)


def parse_query(query_string: bytes, operation: Operation = OPEN_INTEREST) -> Query:
    """The query of a raw ``query_string``. Raises `HTTPError` (422) with every problem found."""
    # Bytes that are not UTF-8 become U+FFFD, which no parameter allows: a 422 instead of a decoding error.
    parameters = dict(parse_qsl(query_string.decode("latin-1"), keep_blank_values=True, errors="replace"))
    problems: list[Problem] = []
    interval = _interval(parameters, operation, problems)
    start = _instant(parameters, operation.start_parameter, problems)
    end = _instant(parameters, operation.end_parameter, problems)
    limit = _limit(parameters, operation, problems)
    if start is not None and end is not None:
        problems += _window(start, end, operation)
    if problems or interval is None or start is None or end is None:
        raise HTTPError(422, [problem.detail() for problem in problems])
    return Query(interval, start, end, limit)


def _interval(parameters: Mapping[str, str], operation: Operation, problems: list[Problem]) -> Interval | None:
    name = operation.interval_parameter
    if name is None:
        return operation.intervals[0]
    text = _required(parameters, name, problems)
    for interval in operation.intervals:
        if text == interval:
            return interval
    if text is not None:
        *others, last = (repr(interval) for interval in operation.intervals)
        choices = f"{', '.join(others)} or {last}" if others else last
        problems.append(Problem(name, f"Input should be {choices}", "enum"))
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


def _limit(parameters: Mapping[str, str], operation: Operation, problems: list[Problem]) -> int:
    name = operation.limit_parameter
    text = parameters.get(name)
    if text is None:
        return operation.limit_default
    if not _INTEGER.fullmatch(text):
        problems.append(Problem(name, "Input should be a valid integer", "int_parsing"))
        return operation.limit_default
    # Python does not convert numbers of thousands of digits; 20 are more than any limit has.
    limit = int(text.lstrip("-").lstrip("0")[:20] or "0") * (-1 if text.startswith("-") else 1)
    least, most = operation.limit_minimum, operation.limit_maximum
    if limit < least:
        problems.append(Problem(name, f"Input should be greater than or equal to {least}", "greater_than_equal"))
    elif limit > most:
        problems.append(Problem(name, f"Input should be less than or equal to {most}", "less_than_equal"))
    return limit


def _window(start: int, end: int, operation: Operation) -> list[Problem]:
    if end <= start:
        message = f"Input should be after {operation.start_parameter}"
    elif end - start > operation.window_cap:
        message = f"The query window is capped at {in_words(operation.window_cap)}"
    else:
        return []
    return [Problem(operation.end_parameter, message, "value_error")]


def _required(parameters: Mapping[str, str], name: str, problems: list[Problem]) -> str | None:
    if name not in parameters:
        problems.append(Problem(name, "Field required", "missing"))
    return parameters.get(name)
