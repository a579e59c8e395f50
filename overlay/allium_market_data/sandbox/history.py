"""The samples of one market in DuckDB, by bucket.

A market is sorted on first use, into a table in which each sample has the time of the next one. So a comparison within
a row finds the last sample of a bucket, and a response is one scan of a short range, without grouping or sorting.
A history that grows with time has a table for each era, made when a request first needs it.
"""

from __future__ import annotations

import threading
from contextlib import closing
from typing import Any, Final

from allium_market_data_wire.contract import Operation

from ..model.intervals import MINUTE
from .answer import ItemText, Row, Span, item_text
from .instants import LabelFormat
from .readings import Reading
from .source import Eras, Source

_NEVER: Final = 2**63 - 1
"""Later than the end of any window."""
_LONG_AGO: Final = -(2**62)

_LABELS: Final[dict[LabelFormat, str]] = {
    "micros": "strftime(make_timestamp({label}), '%Y-%m-%dT%H:%M:%S.%f+00:00')",
    "z": "strftime(make_timestamp({label}), '%Y-%m-%dT%H:%M:%SZ')",
    "milliseconds": "({label}) // 1000",
}
"""The SQL of a label in microseconds."""

# This drops repeated instants too: all but the last loaded of them are followed by the same instant.
_ORDER = """
CREATE OR REPLACE TABLE samples_{name} AS
SELECT * FROM (
    SELECT t, lead(t, 1, {end}) OVER (ORDER BY t, rowid) AS next, {amounts} FROM raw_{name}
) WHERE next <> t ORDER BY t;
CREATE OR REPLACE TABLE minutes_{name} AS
SELECT *, {text} AS text FROM samples_{name} WHERE t // {minute} <> next // {minute} ORDER BY t;
DROP TABLE raw_{name};
"""

# A sample is the last of its bucket if the next one is after the bucket, or after the span.
# Rows keep the order of the sorted table; an ORDER BY would sort again.
_LAST_PER_BUCKET = """
SELECT t - t % $width, {amounts} {table}
WHERE t >= $since AND t < $before AND next >= least(t - t % $width + $width, $before)
{order} LIMIT $limit
"""
_ITEMS_TEXT = """
SELECT string_agg({text}, $between) FROM (
    SELECT * {table} WHERE t >= $since AND t < $before AND {last} LIMIT $limit
)
"""
_LAST_BEFORE = "SELECT {amounts} {table} WHERE t < $instant AND next >= $instant"


class MarketTables:
    """The sorted tables of one market, each made on first use. ``lock`` is held meanwhile.

    The amounts are the columns v0, v1 and so on, in the order of the operation.
    """

    def __init__(
        self, connection: Any, number: int, source: Source, operation: Operation, lock: threading.Lock
    ) -> None:
        fill = source.fill
        columns = [field.column for field in operation.decimals]
        self.amounts: Final = ", ".join(f"v{index}" for index in range(len(columns)))
        self.stored: Final = item_text("", MINUTE, Reading(), operation)
        """The text of items that is stored for the last samples of minutes, which most requests need."""
        self._raw = ", ".join(f"v{columns.index(column)} VARCHAR" for column in source.columns or columns)
        self._connection = connection
        self._number = number
        self._lock = lock
        self._made: set[int] = set()
        self.grows: Final = isinstance(fill, Eras)
        """True if samples appear when their time has come."""
        self.eras: Final = (
            fill
            if isinstance(fill, Eras)
            else Eras(_LONG_AGO, _NEVER - _LONG_AGO, lambda connection, table, _era: fill(connection, table))
        )

    def relation(self, kind: str, span: Span) -> str:
        """The SQL of a table that holds at least the samples in ``span``. ``kind`` is "samples" or "minutes"."""
        eras = range(self.eras.era_of(span.since), self.eras.era_of(max(span.since, span.before - 1)) + 1)
        tables = [f"FROM {kind}_{self._made_name(era)}" for era in eras]
        return tables[0] if len(tables) == 1 else f"FROM ({' UNION ALL '.join(tables)})"

    def rows(self, statement: str, parameters: dict[str, object] | None = None) -> Any:
        """The rows of an SQL statement."""
        with closing(self._connection.cursor()) as cursor:
            return cursor.execute(statement, parameters).fetchall()

    def _made_name(self, era: int) -> str:
        name = f"{self._number}_{era}"
        with self._lock:
            if era not in self._made:
                self._make(name, era)
                self._made.add(era)
        return name

    def _make(self, name: str, era: int) -> None:
        with closing(self._connection.cursor()) as cursor:
            cursor.execute(f"CREATE OR REPLACE TABLE raw_{name} (t BIGINT, {self._raw})")
            self.eras.fill(cursor, f"raw_{name}", era)
            ends, text = self.eras.end_of(era), _text(self.stored, MINUTE)
            cursor.execute(_ORDER.format(name=name, end=ends, minute=MINUTE, amounts=self.amounts, text=text))


class MarketHistory:
    """The samples of one market before ``now`` (microseconds), an `answer.History`. Thread-safe.

    Of a market with a fixed history, all samples.
    """

    def __init__(self, tables: MarketTables, now: int) -> None:
        self._tables = tables
        self._now = now if tables.grows else _NEVER

    @property
    def first(self) -> int:
        """The time of the first sample."""
        start = self._tables.eras.start
        first: int = self._tables.rows(f"SELECT min(t) {self._tables.relation('samples', Span(start, start))}")[0][0]
        return first

    @property
    def last(self) -> int:
        """The time of the last sample; before `first` if there is none yet."""
        table = self._tables.relation("samples", Span(self._now - 1, self._now))
        last: int | None = self._tables.rows(f"SELECT max(t) {table} WHERE t < {self._now}")[0][0]
        return self._tables.eras.start if last is None else last

    def last_per_bucket(self, width: int, span: Span, limit: int | None = None, latest: bool = False) -> list[Row]:
        """The last sample in ``span`` of each bucket of ``width`` microseconds that has one, ascending.

        At most ``limit`` of them, the earliest or the ``latest``.
        """
        span = self._past(span)
        statement = _LAST_PER_BUCKET.format(
            amounts=self._tables.amounts,
            table=self._tables.relation(_kind(span), span),
            order="ORDER BY t DESC" if latest else "",
        )
        parameters: dict[str, object] = {
            "width": width,
            "since": span.since,
            "before": span.before,
            "limit": _NEVER if limit is None else limit,
        }
        rows: list[Row] = self._tables.rows(statement, parameters)
        return rows[::-1] if latest else rows

    def items_text(self, width: int, span: Span, limit: int, item: ItemText) -> str:
        """The earliest ``limit`` rows of `last_per_bucket` as JSON items, separated by commas."""
        span = self._past(span)
        kind = _kind(span)
        stored = self._tables.stored
        is_stored = kind == "minutes" and (width, *item[1:4]) == (MINUTE, *stored[1:4])
        text = "text" if is_stored else _text(item, width)
        last = "true" if is_stored else f"next >= least(t - t % {width} + {width}, $before)"
        parameters: dict[str, object] = {"since": span.since, "before": span.before, "limit": limit}
        parameters["between"] = f"{item.tail},{item.head}"
        statement = _ITEMS_TEXT.format(table=self._tables.relation(kind, span), text=text, last=last)
        items: str | None = self._tables.rows(statement, parameters)[0][0]
        return f"{item.head}{items}{item.tail}" if items else ""

    def last_before(self, instant: int) -> tuple[Any, ...] | None:
        """The amounts of the last sample before ``instant`` (microseconds), or None."""
        instant = min(instant, self._now)
        table = self._tables.relation("samples", Span(instant - 1, instant))
        statement = _LAST_BEFORE.format(amounts=self._tables.amounts, table=table)
        rows: list[tuple[Any, ...]] = self._tables.rows(statement, {"instant": instant})
        return rows[0] if rows else None

    def _past(self, span: Span) -> Span:
        """The part of ``span`` that is in the past."""
        return Span(min(span.since, self._now), min(span.before, self._now))


def _text(item: ItemText, width: int) -> str:
    """The SQL of an item without its head and tail."""
    label = _LABELS[item.label_format].format(label=f"t - t % {width} + {item.shift}")
    literals = ("'" + joint.replace("'", "''") + "'" for joint in item.joints)
    return " || ".join([label, *(f"{literal} || v{index}" for index, literal in enumerate(literals))])


def _kind(span: Span) -> str:
    # A bucket is whole minutes, so the last samples of minutes are enough, unless the span ends within a minute.
    return "samples" if span.before % MINUTE else "minutes"
