"""One series from several of the same market."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from ..errors import UsageError
from ..model.intervals import WIDTHS, ceil, floor
from ..model.rows import Columns
from ..model.times import from_micros, micros, to_iso
from ..model.timestamps import count_before
from .base import SeriesBase

S = TypeVar("S", bound=SeriesBase)


def concat(*series: S) -> S:
    """The series over all spans of series of one market, one interval and one server, in any order.

    Where spans overlap, the rows of the later fetch are taken. The spans must touch, so that a missing bucket is a gap in
    the data and never one that was not requested; and a series must have been fetched after the start of the one that
    continues it. ``align`` brings series of different markets together.

    The provenance is that of the series that reaches furthest, with the requests of all and no windows.
    Raises ``UsageError`` for anything else.
    """
    if not series:
        raise UsageError("nothing to join: pass at least one series")
    kinds = {(each.market_id, each.interval, each.endpoint.columns, each.provenance.base_url): each for each in series}
    if len(kinds) > 1:
        first, second = list(kinds)[:2]
        one, other = next((a, b) for a, b in zip(first, second, strict=True) if a != b)
        raise UsageError(f"only series of one market, interval and server are joined, not {one} and {other}")
    _check_touching(series)
    joined, *later = sorted(series, key=lambda each: each.provenance.started)
    for each in later:
        joined = _joined(joined, each)
    return joined


def _joined(old: S, new: S) -> S:
    """``old`` with the rows of ``new``, which was fetched later, over the span of ``new``."""
    left, right = (count_before(old.columns.ts, edge) for edge in (new.start, new.end))
    furthest = new if new.end >= old.end else old
    requests = old.provenance.requests + new.provenance.requests
    return replace(
        furthest,
        start=min(old.start, new.start),
        end=furthest.end,
        columns=_appended(old.columns[:left], new.columns, old.columns[right:]),
        provenance=replace(furthest.provenance, requests=requests, windows=()),
        unknown_fields={**old.unknown_fields, **new.unknown_fields},
    )


def _check_touching(series: Sequence[SeriesBase]) -> None:
    """Raise ``UsageError`` for a bucket within the joined span of which no series is certain."""
    width = WIDTHS[series[0].interval]
    first, *others = sorted(series, key=lambda each: each.start)
    certain = _certain_until(first, width)
    for each in others:
        if certain < ceil(micros(each.start), width):
            missing = f"{to_iso(from_micros(certain))} to {to_iso(each.start)}"
            raise UsageError(f"nothing certain is known of {each.market_id} from {missing}: fetch that span too")
        certain = max(certain, _certain_until(each, width))


def _certain_until(series: SeriesBase, width: int) -> int:
    """The first bucket that the series does not cover, or that had not ended when it was fetched."""
    return min(ceil(micros(series.end), width), floor(micros(series.provenance.started), width))


def _appended(*parts: Columns) -> Columns:
    ts: list[datetime] = [stamp for part in parts for stamp in part.ts]
    values = tuple(
        [text for column in columns for text in column] for columns in zip(*(p.values for p in parts), strict=True)
    )
    return Columns(ts, values, [flag for part in parts for flag in part.provisional])
