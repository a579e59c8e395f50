"""Raw samples in DuckDB: the open interest of each market at irregular instants.

Amounts are stored as the text of the source (``12483.50`` stays ``12483.50``), times as microseconds since 1970 in UTC.
Of several samples of a market at the same instant, the one loaded last counts.

A market is sorted on first use, into a table in which each sample has the time of the next one. So a comparison within
a row finds the last sample of a bucket, and a response is one scan of a short range, without grouping or sorting.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import duckdb

from ..model.intervals import MINUTE
from .answer import ItemText, Row, Span
from .bitmex import bitmex_sources
from .files import load_files
from .source import Source
from .synthetic import DEFAULT_SEED, synthetic_sources

# `next` of the last sample, later than the end of any window.
_NEVER: Final = 2**63 - 1

# The label and the amounts of an item as they are sent. They are stored for the last samples of minutes, which most
# requests need.
_MICROS: Final = "%Y-%m-%dT%H:%M:%S.%f+00:00"
_ZULU: Final = "%Y-%m-%dT%H:%M:%SZ"
_TEXT: Final = """
strftime(make_timestamp(t - t % {width} + {shift}), '{format}')
|| '","oi_base":"' || oi_base || '","oi_quote_usd":"' || oi_quote_usd || '"'
"""

# This drops repeated instants too: all but the last loaded of them are followed by the same instant.
_ORDER = """
CREATE OR REPLACE TABLE samples_{number} AS
SELECT * FROM (
    SELECT t, lead(t, 1, {never}) OVER (ORDER BY t, rowid) AS next, oi_base, oi_quote_usd FROM raw_{number}
) WHERE next <> t ORDER BY t;
CREATE OR REPLACE TABLE minutes_{number} AS
SELECT *, {text} AS text FROM samples_{number} WHERE t // {minute} <> next // {minute} ORDER BY t;
DROP TABLE raw_{number};
"""

# A sample is the last of its bucket if the next one is after the bucket, or after the span.
# Rows keep the order of the sorted table; an ORDER BY would sort again.
_LAST_PER_BUCKET = """
SELECT t - t % $width, oi_base, oi_quote_usd FROM {table}
WHERE t >= $since AND t < $before AND next >= least(t - t % $width + $width, $before)
{order} LIMIT $limit
"""
_ITEMS_TEXT = """
SELECT string_agg({text}, $between) FROM (
    SELECT * FROM {table} WHERE t >= $since AND t < $before AND {last} LIMIT $limit
)
"""
_LAST_BEFORE = "SELECT oi_base, oi_quote_usd FROM samples_{number} WHERE t < $instant AND next >= $instant"


class MarketHistory:
    """The samples of one market, an `answer.History`. Thread-safe."""

    def __init__(self, connection: Any, number: int) -> None:
        self._connection = connection
        self._number = number
        row = self._rows(f"SELECT min(t), max(t), count(*) FROM samples_{number}")[0]  # noqa: S608 - our own number
        self.first: Final[int] = row[0]
        self.last: Final[int] = row[1]
        self.count: Final[int] = row[2]
        """Number of samples, repeated instants counted once."""

    def last_per_bucket(self, width: int, span: Span, limit: int | None = None, latest: bool = False) -> list[Row]:
        """The last sample in ``span`` of each bucket of ``width`` microseconds that has one, ascending.

        At most ``limit`` of them, the earliest or the ``latest``.
        """
        statement = _LAST_PER_BUCKET.format(table=self._table(span), order="ORDER BY t DESC" if latest else "")
        parameters: dict[str, object] = {
            "width": width,
            "since": span.since,
            "before": span.before,
            "limit": _NEVER if limit is None else limit,
        }
        rows: list[Row] = self._rows(statement, parameters)
        return rows[::-1] if latest else rows

    def items_text(self, width: int, span: Span, limit: int, item: ItemText) -> str:
        """The earliest ``limit`` rows of `last_per_bucket` as JSON items, separated by commas."""
        table = self._table(span)
        is_stored = table.startswith("minutes") and (width, item.shift, item.zulu) == (MINUTE, 0, False)
        label_format = _ZULU if item.zulu else _MICROS
        text = "text" if is_stored else _TEXT.format(width=width, shift=item.shift, format=label_format)
        last = "true" if is_stored else f"next >= least(t - t % {width} + {width}, $before)"
        parameters: dict[str, object] = {"since": span.since, "before": span.before, "limit": limit}
        parameters["between"] = f"{item.tail},{item.head}"
        items: str | None = self._rows(_ITEMS_TEXT.format(table=table, text=text, last=last), parameters)[0][0]
        return f"{item.head}{items}{item.tail}" if items else ""

    def _table(self, span: Span) -> str:
        # A bucket is whole minutes, so the last samples of minutes are enough, unless the span ends within a minute.
        return f"{'samples' if span.before % MINUTE else 'minutes'}_{self._number}"

    def last_before(self, instant: int) -> tuple[str, str] | None:
        """The amounts of the last sample before ``instant`` (microseconds), or None."""
        rows: list[tuple[str, str]] = self._rows(_LAST_BEFORE.format(number=self._number), {"instant": instant})
        return rows[0] if rows else None

    def _rows(self, statement: str, parameters: dict[str, object] | None = None) -> Any:
        with closing(self._connection.cursor()) as cursor:
            return cursor.execute(statement, parameters).fetchall()


def connect() -> Any:
    """An empty database in memory, set up for samples."""
    # DuckDB must not download extensions. One thread: responses are small, and rows keep the order of their table.
    config = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false", "threads": "1"}
    return duckdb.connect(":memory:", config=config)


class Samples:
    """The markets of a sandbox and their samples.

    Built from a database (`connect`) and sources, or by `open` from the bundled ones. Close it, or use it as a context
    manager. Several applications may share one.
    """

    def __init__(self, connection: Any, sources: Iterable[Source]) -> None:
        self._connection = connection
        self._numbered = {source.market_id: (number, source) for number, source in enumerate(sources)}
        self._histories: dict[str, MarketHistory] = {}
        self._lock = threading.Lock()

    @classmethod
    def open(cls, data: Sequence[Path] = (), seed: int = DEFAULT_SEED) -> Samples:
        """The bundled markets and those of the files ``data``, each CSV or Parquet.

        A market in a file is served from files only: real, synthetic and own samples never mix in one series. If two
        files have the same instant, the later file wins. Raises `SandboxError` for an invalid file.
        """
        connection = connect()
        try:
            sources = {source.market_id: source for source in (*bitmex_sources(), *synthetic_sources(seed))}
            sources |= {source.market_id: source for source in load_files(connection, data)}
        except BaseException:
            connection.close()
            raise
        return cls(connection, sources.values())

    @property
    def sources(self) -> tuple[Source, ...]:
        """Every market."""
        return tuple(source for _, source in self._numbered.values())

    def source(self, market_id: str) -> Source | None:
        """The market of that identifier, or None."""
        return self._numbered[market_id][1] if market_id in self._numbered else None

    def history(self, market_id: str) -> MarketHistory:
        """The samples of ``market_id``, sorted on first use. Raises `KeyError` for an unknown market."""
        with self._lock:
            if market_id not in self._histories:
                number, source = self._numbered[market_id]
                self._histories[market_id] = self._order(number, source)
            return self._histories[market_id]

    def _order(self, number: int, source: Source) -> MarketHistory:
        with closing(self._connection.cursor()) as cursor:
            columns = "t BIGINT, oi_base VARCHAR, oi_quote_usd VARCHAR"
            cursor.execute(f"CREATE OR REPLACE TABLE raw_{number} ({columns})")
            source.fill(cursor, f"raw_{number}")
            text = _TEXT.format(width=MINUTE, shift=0, format=_MICROS)
            cursor.execute(_ORDER.format(number=number, never=_NEVER, minute=MINUTE, text=text))
        return MarketHistory(self._connection, number)

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    def __enter__(self) -> Samples:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
