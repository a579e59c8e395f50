"""Rows as lines of text: CSV and JSON Lines, with decimals as the server wrote them. Pure."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import chain, repeat
from typing import Literal, TypeAlias

from ..model.intervals import DAY, MINUTE, WIDTHS, Interval
from ..model.rows import Columns
from ..model.times import MICROSECOND, micros
from ..model.timestamps import clocks, contiguous_runs

TextFormat: TypeAlias = Literal["csv", "jsonl"]
"""The formats that are lines of text."""

TAIL = ":00+00:00"
"""What follows the minute of a label."""


def header(form: TextFormat, fields: Sequence[str]) -> str:
    """What stands before the first row: the names of the columns in CSV, nothing in JSON Lines."""
    return ",".join(("market_id", "ts", *fields)) + "\n" if form == "csv" else ""


def lines(
    market_id: str, columns: Columns, interval: Interval, form: TextFormat, fields: Sequence[str]
) -> Iterator[str]:
    """The rows as text of many lines each, every line with its end.

    ``ts`` is written like 2026-05-01T01:00:00+00:00. A market id is data: quoted where CSV asks for it, never changed.
    """
    if form == "csv":
        lead, between, end = _quoted(market_id) + ",", [","] * len(fields), "\n"
    else:
        lead = f'{{"market_id":{json.dumps(market_id, ensure_ascii=False)},"ts":"'
        between, end = [f'","{name}":"' for name in fields], '"}\n'
    for first, stop, day, times in _stamps(columns.ts, interval):
        cells: list[Sequence[str] | repeat[str]] = [repeat(lead + day), times]
        for separator, column in zip(between, columns.values, strict=True):
            cells += (repeat(separator), column[first:stop])
        yield "".join(chain.from_iterable(zip(*cells, repeat(end), strict=False)))


def _quoted(value: str) -> str:
    if value and not any(mark in value for mark in ',"\r\n') and value == value.strip():
        return value
    return '"' + value.replace('"', '""') + '"'


def _stamps(ts: Sequence[datetime], interval: Interval) -> Iterator[tuple[int, int, str, Sequence[str]]]:
    """Row ranges [first, stop) of one day each, the text of that day, and what follows it for each row.

    Writing a datetime costs more than all the rest of a line, so the times of a day are written once and used again.
    """
    clock, minutes = clocks(WIDTHS[interval], TAIL), WIDTHS[interval] // MINUTE
    first = 0
    while first < len(ts):
        midnight = ts[first].replace(hour=0, minute=0)
        stop = bisect_left(ts, micros(midnight) + DAY, first, min(len(ts), first + len(clock)), key=micros)
        start = (ts[first] - midnight) // MICROSECOND // WIDTHS[interval]
        if next(contiguous_runs(ts[first:stop], interval)) == (0, stop - first):
            times: Sequence[str] = clock[start : start + stop - first]
        else:
            times = [clock[(stamp.hour * 60 + stamp.minute) // minutes] for stamp in ts[first:stop]]
        yield first, stop, midnight.date().isoformat(), times
        first = stop
