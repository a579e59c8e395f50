"""From a question, a reading and a market's history to the bytes of an answer; pure.

`respond` is the whole of it. The steps are public: a double that answers *wrongly* on purpose replaces one of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from http import HTTPStatus
from typing import Final, NamedTuple, Protocol, TypeAlias

from ..model.intervals import ceil, floor
from .instants import label_text
from .query import Detail, Query
from .readings import Reading

Row: TypeAlias = tuple[int, str, str]
"""Start of the bucket in microseconds, ``oi_base`` and ``oi_quote_usd`` as text."""


class Span(NamedTuple):
    """The samples that an answer rests on: ``since`` <= t < ``before``, in microseconds."""

    since: int
    before: int


class ItemText(NamedTuple):
    """How an item is written: ``head``, label, the two amounts, ``tail``."""

    head: str
    shift: int
    """From the start of a bucket to its label, in microseconds."""
    zulu: bool
    """Does the label end in Z?"""
    tail: str


class History(Protocol):
    """The samples of one market, asked for by bucket."""

    @property
    def first(self) -> int:
        """The time of the first sample."""

    @property
    def last(self) -> int:
        """The time of the last sample."""

    def last_per_bucket(self, width: int, span: Span, limit: int | None = None, latest: bool = False) -> list[Row]:
        """The last sample in ``span`` of each bucket that has one, ascending; at most ``limit``, from one end."""

    def items_text(self, width: int, span: Span, limit: int, item: ItemText) -> str:
        """The earliest ``limit`` rows of `last_per_bucket`, each written as ``item`` says, with commas between."""

    def last_before(self, instant: int) -> tuple[str, str] | None:
        """The amounts of the last sample before ``instant``."""


def respond(market_id: str, query: Query, reading: Reading, history: History) -> bytes:
    """The body of the answer, as JSON."""
    if (reading.empty, reading.keep, reading.order, reading.decimals) == ("omitted", "earliest", "ascending", "stored"):
        # The store holds these very rows in this very order: it can write them, and in a fraction of the time.
        item = item_text(market_id, query.width, reading)
        return enclose(history.items_text(query.width, span_of(query, reading), query.limit, item), reading)
    return render(market_id, select(query, reading, history), query.width, reading)


def select(query: Query, reading: Reading, history: History) -> list[Row]:
    """The rows of the answer in the order in which they are sent."""
    span = span_of(query, reading)
    if reading.empty == "carried":
        rows = carry(history, query.width, span)
    else:
        rows = history.last_per_bucket(query.width, span, query.limit, reading.keep == "latest")
    kept = rows[-query.limit :] if reading.keep == "latest" else rows[: query.limit]
    return kept[::-1] if reading.order == "descending" else kept


def span_of(query: Query, reading: Reading) -> Span:
    """The samples that a window rests on: its own, or those of the whole buckets whose label lies in it."""
    stop = query.end + 1 if reading.end_inclusive else query.end
    if reading.cut == "samples":
        return Span(query.start, stop)
    if reading.label == "end":
        return Span(ceil(query.start, query.width) - query.width, ceil(stop, query.width) - query.width)
    edge = floor if reading.start_bucket else ceil
    return Span(edge(query.start, query.width), ceil(stop, query.width))


def carry(history: History, width: int, span: Span) -> list[Row]:
    """A row for each bucket that ``span`` touches, from the first sample's to the last sample's."""
    present = {start: amounts for start, *amounts in history.last_per_bucket(width, span)}
    value: Sequence[str] | None = history.last_before(span.since)
    rows: list[Row] = []
    for start in range(floor(max(span.since, history.first), width), min(span.before, history.last + 1), width):
        value = present.get(start, value)
        if value is not None:
            rows.append((start, value[0], value[1]))
    return rows


def render(market_id: str, rows: Iterable[Row], width: int, reading: Reading) -> bytes:
    """``rows`` as the JSON of the specification."""
    head, shift, zulu, tail = item_text(market_id, width, reading)
    write = DECIMALS[reading.decimals]
    items = (
        f'{head}{label_text(start + shift, zulu)}","oi_base":"{write(base)}","oi_quote_usd":"{write(quote)}"{tail}'
        for start, base, quote in rows
    )
    return enclose(",".join(items), reading)


def item_text(market_id: str, width: int, reading: Reading) -> ItemText:
    """How an item of this market is written under ``reading``."""
    unknown = ',"oi_contracts":null,"sandbox":{"note":["undocumented"]}' if reading.unknown_fields else ""
    shift = width if reading.label == "end" else 0
    return ItemText(f'{{"market_id":{json.dumps(market_id)},"ts":"', shift, reading.ts_text == "z", f"{unknown}}}")


def enclose(items: str, reading: Reading) -> bytes:
    """The answer around its ``items``."""
    head, tail = ('{"request_id":"sandbox",', ',"next_cursor":null}') if reading.unknown_fields else ("{", "}")
    return f'{head}"items":[{items}]{tail}'.encode()


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
"""How each reading rewrites a plain decimal; the number stays the same."""


def error_body(status: int, detail: Detail, reading: Reading) -> tuple[str, bytes]:
    """Content type and body of a refusal."""
    if reading.error_body == "empty":
        return "text/plain; charset=utf-8", b""
    title = HTTPStatus(status).phrase
    # JSON as pure ASCII: a refusal quotes what was sent, and what was sent need not be encodable.
    plain = detail if isinstance(detail, str) else "; ".join(_sentence(problem) for problem in detail)
    if reading.error_body == "plain-text":
        return "text/plain; charset=utf-8", f"{title}: {plain}\n".encode("utf-8", "backslashreplace")
    if reading.error_body == "problem-json":
        problem = {"type": "about:blank", "title": title, "status": status, "detail": plain}
        return "application/problem+json", json.dumps(problem).encode()
    return "application/json", json.dumps({"detail": detail}).encode()


def _sentence(problem: dict[str, object]) -> str:
    where = problem["loc"]
    return f"{where[-1] if isinstance(where, list) else where}: {problem['msg']}"
