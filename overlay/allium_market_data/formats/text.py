"""Rows as lines of text: CSV and JSON Lines, with decimals as the server wrote them and ``provisional`` as true or false."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain, repeat
from typing import Any, Literal, TypeAlias

from ..model.intervals import DAY, MINUTE, WIDTHS, Interval
from ..model.rows import Columns
from ..model.times import MICROSECOND, micros
from ..model.timestamps import contiguous_runs, times_of_day

TextFormat: TypeAlias = Literal["csv", "jsonl"]
"""The text formats."""

SUFFIX = ":00+00:00"
"""The text of a timestamp after its minute."""


def header(text_format: TextFormat, fields: Sequence[str]) -> str:
    """The text before the first row: column names for CSV, nothing for JSON Lines. ``fields`` are the decimal columns."""
    return ",".join(("market_id", "ts", *fields, "provisional")) + "\n" if text_format == "csv" else ""


def lines(
    market_id: str, columns: Columns, interval: Interval, text_format: TextFormat, fields: Sequence[str]
) -> Iterator[str]:
    """The rows as text, several complete lines at a time.

    ``ts`` is written like 2026-05-01T01:00:00+00:00. A market id is written unchanged, quoted where CSV requires it. In JSON
    Lines ``provisional`` is a boolean and everything else a string.
    """
    if text_format == "csv":
        prefix, separators = _quoted(market_id) + ",", [","] * len(fields)
        line_ends = {False: ",false\n", True: ",true\n"}
    else:
        prefix = f'{{"market_id":{json.dumps(market_id, ensure_ascii=False)},"ts":"'
        separators = [f'","{name}":"' for name in fields]
        line_ends = {flag: f'","provisional":{str(flag).lower()}}}\n' for flag in (False, True)}
    for first, stop, day, times in _days(columns.ts, interval):
        cells: list[Iterable[str]] = [repeat(prefix + day), times]
        for separator, column in zip(separators, columns.values, strict=True):
            cells += (repeat(separator), column[first:stop])
        flags = columns.provisional[first:stop]
        cells.append(map(line_ends.__getitem__, flags) if True in flags else repeat(line_ends[False]))
        yield "".join(chain.from_iterable(zip(*cells, strict=False)))


def csv_line(row: Any, fields: Sequence[str]) -> str:
    """One record as a line of CSV, as ``lines`` writes it, but for zeros before a number, which a decimal does not keep."""
    values = (f"{getattr(row, name):f}" for name in fields)
    return ",".join((_quoted(row.market_id), row.ts.isoformat(), *values, str(row.provisional).lower())) + "\n"


def _quoted(value: str) -> str:
    if value and not any(mark in value for mark in ',"\r\n') and value == value.strip():
        return value
    return '"' + value.replace('"', '""') + '"'


def _days(ts: Sequence[datetime], interval: Interval) -> Iterator[tuple[int, int, str, Sequence[str]]]:
    """Row ranges [first, stop) of one day each, with the text of that day, and the text after it for each row.

    Formatting a datetime costs more than the rest of a line, so the times of a day are formatted once and reused.
    """
    width = WIDTHS[interval]
    times, minutes = times_of_day(width, SUFFIX), width // MINUTE
    first = 0
    while first < len(ts):
        midnight = ts[first].replace(hour=0, minute=0)
        stop = bisect_left(ts, micros(midnight) + DAY, first, min(len(ts), first + len(times)), key=micros)
        start = (ts[first] - midnight) // MICROSECOND // width
        if next(contiguous_runs(ts[first:stop], interval)) == (0, stop - first):
            texts: Sequence[str] = times[start : start + stop - first]
        else:
            texts = [times[(stamp.hour * 60 + stamp.minute) // minutes] for stamp in ts[first:stop]]
        yield first, stop, midnight.date().isoformat(), texts
        first = stop
