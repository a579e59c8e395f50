"""The markets of a sandbox: raw samples in DuckDB, the amounts of each market at irregular instants.

Amounts are stored as the text of the source (``12483.50`` stays ``12483.50``), times as microseconds since 1970 in UTC.
Of several samples of a market at the same instant, the one loaded last counts.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import duckdb

from allium_market_data_wire.contract import OPEN_INTEREST, Operation

from .bitmex import bitmex_sources
from .files import LoadedFile, load_files
from .history import MarketHistory, MarketTables
from .layout import layout_of
from .source import Source
from .synthetic import DEFAULT_SEED, synthetic_sources


def _now() -> int:
    return time.time_ns() // 1000


def connect() -> Any:
    """An empty database in memory, set up for samples."""
    # DuckDB must not download extensions. One thread: responses are small, and rows keep the order of their table.
    config = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false", "threads": "1"}
    return duckdb.connect(":memory:", config=config)


class Samples:
    """The markets of a sandbox and their samples.

    Built from a database (`connect`) and sources, or by `open` from the bundled ones. ``now`` is the clock, in
    microseconds since 1970: synthetic samples appear when their time has come. ``operation`` decides which amounts a
    sample has. Close it, or use it as a context manager.
    Several applications may share one.
    """

    def __init__(
        self,
        connection: Any,
        sources: Iterable[Source],
        now: Callable[[], int] = _now,
        files: Sequence[LoadedFile] = (),
        operation: Operation = OPEN_INTEREST,
    ) -> None:
        self.operation = operation
        self._connection = connection
        self._now = now
        self.files = tuple(files)
        """The files of the user that were loaded."""
        lock = threading.Lock()
        self._markets = {
            source.market_id: (source, MarketTables(connection, number, source, operation, lock))
            for number, source in enumerate(sources)
        }

    @classmethod
    def open(
        cls,
        data: Sequence[Path] = (),
        seed: int = DEFAULT_SEED,
        now: Callable[[], int] = _now,
        columns: Sequence[str] = (),
        *,
        skip_bad_rows: bool = False,
        operation: Operation = OPEN_INTEREST,
    ) -> Samples:
        """The bundled markets of ``operation``, if any, and those of the files ``data``.

        A file is CSV, CSV with gzip, or Parquet.
        ``columns`` maps columns to their names in the files, as ``ts=time,oi_base=sumOpenInterest`` does (see
        `layout_of`). A market in a file is served from files only: real, synthetic and own samples never mix in one
        series. If two files have the same instant, the later file wins. Raises `SandboxError` for an invalid file; rows
        that are no samples may be skipped, and `files` counts them.
        """
        signed = {field.column: field.is_signed for field in operation.decimals}
        layout = layout_of(signed, columns)
        connection = connect()
        try:
            bundled = (*bitmex_sources(), *synthetic_sources(seed))
            sources = {source.market_id: source for source in bundled if set(source.columns or ()) == set(signed)}
            own, files = load_files(connection, data, layout, skip_bad_rows=skip_bad_rows)
            sources |= {source.market_id: source for source in own}
        except BaseException:
            connection.close()
            raise
        return cls(connection, sources.values(), now, files, operation)

    @property
    def sources(self) -> tuple[Source, ...]:
        """Every market."""
        return tuple(source for source, _ in self._markets.values())

    def source(self, market_id: str) -> Source | None:
        """The market of that identifier, or None."""
        return self._markets[market_id][0] if market_id in self._markets else None

    def history(self, market_id: str) -> MarketHistory:
        """The samples of ``market_id`` until now. Raises `KeyError` for an unknown market."""
        return MarketHistory(self._markets[market_id][1], self._now())

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    def __enter__(self) -> Samples:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
