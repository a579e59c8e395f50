"""From a query, a reading and a market's history to the bytes of a response body.

`respond` does all of it. Its steps are public, so that tests can replace one of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from http import HTTPStatus
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from allium_market_data_wire.contract import OPEN_INTEREST, Operation

from ..model.intervals import ceil, floor
from .instants import LabelFormat, label_text
from .query import Detail, Query
from .readings import Reading

Row: TypeAlias = tuple[Any, ...]
"""Start of the bucket in microseconds (int), then the amounts as text (str), in the order of the operation."""


class Span(NamedTuple):
    """A range of samples: ``since`` <= t < ``before``, in microseconds."""

    since: int
    before: int


class ItemText(NamedTuple):
    """The text of an item around its values: ``head``, the label, then each of ``joints`` with an amount, ``tail``."""

    head: str
    shift: int
    """Offset of the label from the start of the bucket, in microseconds."""
    label_format: LabelFormat
    joints: tuple[str, ...]
    tail: str

    def write(self, rows: Iterable[Row], write: Callable[[str], str] = str) -> str:
        """The items of ``rows``, separated by commas, with amounts in the text that ``write`` gives them."""
        head, shift, label_format, joints, tail = self
        template = "%s".join(part.replace("%", "%%") for part in (head, *joints, tail))
        # By columns: a loop over the values of each row takes twice as long.
        starts, *amounts = zip(*rows, strict=True) if (rows := list(rows)) else ((),)
        labels = (label_text(start + shift, label_format) for start in starts)
        return ",".join(map(template.__mod__, zip(labels, *(map(write, column) for column in amounts), strict=True)))


class History(Protocol):
    """The samples of one market, by bucket."""

    @property
    def first(self) -> int:
        """The time of the first sample."""

    @property
    def last(self) -> int:
        """The time of the last sample."""

    def last_per_bucket(self, width: int, span: Span, limit: int | None = None, latest: bool = False) -> list[Row]:
        """The last sample in ``span`` of each bucket that has one, ascending; at most ``limit``, from one end."""

    def items_text(self, width: int, span: Span, limit: int, item: ItemText) -> str:
        """The earliest ``limit`` rows of `last_per_bucket` as JSON items, separated by commas."""

    def last_before(self, instant: int) -> tuple[Any, ...] | None:
        """The amounts of the last sample before ``instant``."""


def respond(
    market_id: str, query: Query, reading: Reading, history: History, operation: Operation = OPEN_INTEREST
) -> bytes:
    """The body of the response, as JSON."""
    if (reading.empty, reading.keep, reading.order, reading.decimals) == ("omitted", "earliest", "ascending", "stored"):
        # The database holds exactly these rows in this order, and writes the JSON much faster than Python does.
        item = item_text(market_id, query.width, reading, operation)
        items = history.items_text(query.width, span_of(query, reading), query.limit, item)
        return enclose(items, reading, operation)
    return render(market_id, select(query, reading, history), query.width, reading, operation)


def select(query: Query, reading: Reading, history: History) -> list[Row]:
    """The rows of the response, in the order in which they are sent."""
    span = span_of(query, reading)
    if reading.empty == "carried":
        rows = carry(history, query.width, span)
    else:
        rows = history.last_per_bucket(query.width, span, query.limit, reading.keep == "latest")
    rows = rows[-query.limit :] if reading.keep == "latest" else rows[: query.limit]
    return rows[::-1] if reading.order == "descending" else rows


def span_of(query: Query, reading: Reading) -> Span:
    """The samples of a window: those inside it, or those of the whole buckets whose label is inside it."""
    stop = query.end + 1 if reading.end_inclusive else query.end
    if reading.cut == "samples":
        return Span(query.start, stop)
    if reading.label == "end":
        return Span(ceil(query.start, query.width) - query.width, ceil(stop, query.width) - query.width)
    edge = floor if reading.start_bucket else ceil
    return Span(edge(query.start, query.width), ceil(stop, query.width))


def carry(history: History, width: int, span: Span) -> list[Row]:
    """A row for each bucket that ``span`` touches, from the bucket of the first sample to that of the last one."""
    present = {start: amounts for start, *amounts in history.last_per_bucket(width, span)}
    value: Sequence[str] | None = history.last_before(span.since)
    rows: list[Row] = []
    for start in range(floor(max(span.since, history.first), width), min(span.before, history.last + 1), width):
        value = present.get(start, value)
        if value is not None:
            rows.append((start, *value))
    return rows


def render(
    market_id: str, rows: Iterable[Row], width: int, reading: Reading, operation: Operation = OPEN_INTEREST
) -> bytes:
    """``rows`` in the JSON of the specification."""
    item = item_text(market_id, width, reading, operation)
    return enclose(item.write(rows, DECIMALS[reading.decimals]), reading, operation)


def item_text(market_id: str, width: int, reading: Reading, operation: Operation = OPEN_INTEREST) -> ItemText:
    """The text around the values of an item of this market, under ``reading``."""
    unknown = ',"undocumented":null,"sandbox":{"note":["undocumented"]}' if reading.unknown_fields else ""
    shift = width if reading.label == "end" else 0
    is_text = operation.timestamp_format == "iso-8601"
    label_format: LabelFormat = ("z" if reading.ts_text == "z" else "micros") if is_text else "milliseconds"
    market, timestamp = json.dumps(operation.market_field), json.dumps(operation.timestamp_field)
    head = f"{{{market}:{json.dumps(market_id)},{timestamp}:{_quote(operation)}"
    return ItemText(head, shift, label_format, joints_of(operation), f'"{unknown}}}')


def joints_of(operation: Operation) -> tuple[str, ...]:
    """The text before each amount of an item."""
    first, *others = (f"{json.dumps(field.name)}:" for field in operation.decimals)
    return f'{_quote(operation)},{first}"', *(f'",{other}"' for other in others)


def _quote(operation: Operation) -> str:
    """The quotation mark around a timestamp, if it is text."""
    return '"' if operation.timestamp_format == "iso-8601" else ""


def enclose(items: str, reading: Reading, operation: Operation = OPEN_INTEREST) -> bytes:
    """The JSON object with these ``items``."""
    head, tail = ('{"request_id":"sandbox",', ',"next_cursor":null}') if reading.unknown_fields else ("{", "}")
    return f"{head}{json.dumps(operation.items_field)}:[{items}]{tail}".encode()


def _trailing_zeros(text: str) -> str:
    return f"{text}000" if "." in text else f"{text}.000"


def _integer(text: str) -> str:
    whole, _, fraction = text.partition(".")
    return text if fraction.strip("0") else whole


def _eighteen(text: str) -> str:
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction.ljust(18, '0')}"


DECIMALS: Final[dict[str, Callable[[str], str]]] = {
    "stored": str,
    "trailing-zeros": _trailing_zeros,
    "integer": _integer,
    "18": _eighteen,
}
"""How each reading writes a plain decimal. The number stays the same."""


def error_body(status: int, detail: Detail, reading: Reading) -> tuple[str, bytes]:
    """Content type and body of an error response."""
    if reading.error_body == "empty":
        return "text/plain; charset=utf-8", b""
    title = HTTPStatus(status).phrase
    # JSON in ASCII: the detail quotes the request, which may contain text that cannot be encoded.
    text = detail if isinstance(detail, str) else "; ".join(_sentence(problem) for problem in detail)
    if reading.error_body == "plain-text":
        return "text/plain; charset=utf-8", f"{title}: {text}\n".encode("utf-8", "backslashreplace")
    if reading.error_body == "problem-json":
        problem = {"type": "about:blank", "title": title, "status": status, "detail": text}
        return "application/problem+json", json.dumps(problem).encode()
    return "application/json", json.dumps({"detail": detail}).encode()


def _sentence(problem: dict[str, object]) -> str:
    where = problem["loc"]
    return f"{where[-1] if isinstance(where, list) else where}: {problem['msg']}"
