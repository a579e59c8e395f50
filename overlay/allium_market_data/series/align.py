"""Several markets over the same buckets, and their total."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, KeysView, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import reduce
from itertools import islice
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, NoReturn, TypeAlias, get_args

from ..counts import counted
from ..errors import IncompleteError, SpanWarning, UsageError
from ..formats.arrow import Decimals, Tabular, typed
from ..model.endpoint import Endpoint
from ..model.intervals import WIDTHS, Interval, ceil
from ..model.rows import EXACT
from ..model.times import micros, to_iso
from ..optional import require
from ..validation import check_choice
from .base import SeriesBase, decimal_column, flatten
from .dense import DenseColumns, DenseRow, DenseSeries, Fill, append, bucket_times, dense_columns, time_table
from .display import Displayed

if TYPE_CHECKING:
    import pyarrow as pa

SHOWN: Final = 3
"""The markets whose values are shown."""

Missing: TypeAlias = Literal["error", "skip"]
"""What ``totals`` does where a market has no row: raise an error, or leave the market out of that sum."""


class Total(NamedTuple):
    """The sum over the ``markets`` markets that have a row at ``ts``; None if none has each.

    ``provisional`` holds if a value in the sum may still change, or a missing row may still come.
    """

    ts: datetime
    total: Decimal | None
    markets: int
    provisional: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Aligned(Displayed, Tabular):
    """Markets over the same buckets ``ts``, read like a dictionary from market to its ``DenseSeries``, all of one length.

    The span start <= ts < end is covered by every market's series, so None means that there is no row, never that the
    row was not requested. If the markets were fetched at different times, the buckets that began in between are
    provisional. ``columns`` stores the rows. It is internal: users have ``DenseSeries`` and frames.
    """

    endpoint: Endpoint
    interval: Interval
    start: datetime
    end: datetime
    fill: Fill
    ts: list[datetime]
    columns: Mapping[str, DenseColumns]

    def __getitem__(self, market_id: str) -> DenseSeries:
        return DenseSeries(
            endpoint=self.endpoint,
            market_id=market_id,
            interval=self.interval,
            fill=self.fill,
            ts=self.ts,
            columns=self.columns[market_id],
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    def keys(self) -> KeysView[str]:
        """The markets."""
        return self.columns.keys()

    def values(self) -> list[DenseSeries]:
        """The series of each market."""
        return [self[market_id] for market_id in self]

    def items(self) -> list[tuple[str, DenseSeries]]:
        """Each market and its series."""
        return [(market_id, self[market_id]) for market_id in self]

    def __array__(self, *_: object, **__: object) -> NoReturn:
        raise UsageError("aligned markets are not an array: use to_pandas(), to_polars() or to_arrow()")

    def _title(self) -> str:
        span = f"{to_iso(self.start)} to {to_iso(self.end)}"
        return f"Aligned {counted(len(self), 'market')} {self.interval} {span}: {counted(len(self.ts), 'bucket')}"

    def _headings(self) -> Sequence[str]:
        more = ["..."] if len(self) > SHOWN else []
        names = (f"{market}:{name}" for market in islice(self, SHOWN) for name in self.endpoint.columns)
        return ["ts", *names, *more]

    def _cells(self, row: int) -> Sequence[str]:
        more = ["..."] if len(self) > SHOWN else []
        shown = (column for dense in islice(self.columns.values(), SHOWN) for column in dense.values)
        return [to_iso(self.ts[row]), *(column[row] or "-" for column in shown), *more]

    def _row_count(self) -> int:
        return len(self.ts)

    def rows(self) -> Iterator[tuple[DenseRow, ...]]:
        """The rows of all markets, bucket by bucket."""
        return zip(*self.values(), strict=True)

    def to_arrow(self, *, decimals: Decimals = "exact") -> pa.Table:
        """A wide Arrow table: ts, and for each market its decimals, such as ``market:oi_base``, ``market:provisional`` and
        ``market:filled``. The decimals are null where there is no row.

        ``decimals`` works as in ``Series.to_arrow``; nothing is rounded unless it is ``"float"``.
        """
        pa = require("pyarrow", "arrow")
        table = time_table(self.ts)
        amounts: list[str] = []
        for market_id, columns in self.columns.items():
            values = {f"{market_id}:{name}": c for name, c in zip(self.endpoint.columns, columns.values, strict=True)}
            flags = {f"{market_id}:provisional": columns.provisional, f"{market_id}:filled": columns.filled}
            table = append(append(table, values, pa.string()), flags, pa.bool_())
            amounts += values
        return typed(table, tuple(amounts), decimals)


def align(*series: SeriesBase | Mapping[str, SeriesBase], fill: Fill = None) -> Aligned:
    """Bring series of different markets, all of one interval, to the same buckets. A mapping stands for its series.

    These are the buckets of the span that all series cover; a ``SpanWarning`` says so where that leaves out buckets of some.
    ``fill="last"`` carries values forward as ``densify`` does, from before that span too. Raises ``UsageError`` for no
    series, a repeated market, different intervals or endpoints, or no common span.
    """
    return _aligned(series, fill)


def totals(
    *series: SeriesBase | Mapping[str, SeriesBase], missing: Missing = "error", amount: str | None = None
) -> list[Total]:
    """The sum over markets at every bucket of ``align``, exact to the last digit. A mapping stands for its series.

    A bucket for which a market has no row raises ``IncompleteError``; ``missing="skip"`` leaves that market out of the
    sum, and ``Total.markets`` counts the markets in it. ``amount`` is a decimal column, by default the last one, which of
    open interest is in US dollars; ``"oi_base"`` is in units of the base asset, so it makes sense only for markets of one
    base. Raises and warns as ``align`` does.
    """
    check_choice("missing", missing, get_args(Missing))
    aligned = _aligned(series, None)
    field = aligned.endpoint.columns.index(decimal_column(aligned.endpoint, amount))
    if missing == "error":
        _check_complete(aligned)
    columns = aligned.columns.values()
    rows = zip(*(dense.values[field] for dense in columns), strict=True)
    flags = zip(*(dense.provisional for dense in columns), strict=True)
    return [
        _total(ts, [Decimal(value) for value in values if value is not None], any(provisional))
        for ts, values, provisional in zip(aligned.ts, rows, flags, strict=True)
    ]


def _aligned(arguments: Sequence[SeriesBase | Mapping[str, SeriesBase]], fill: Fill) -> Aligned:
    series = flatten(arguments)
    start, end = _common_span(series)
    _warn_of_other_buckets(series, start, end)
    ts = sorted({stamp for each in series for stamp in bucket_times(each) if start <= stamp < end})
    columns = {each.market_id: dense_columns(each, ts, fill) for each in series}
    first = series[0]
    return Aligned(
        endpoint=first.endpoint, interval=first.interval, start=start, end=end, fill=fill, ts=ts, columns=columns
    )


def _total(ts: datetime, values: Sequence[Decimal], provisional: bool) -> Total:
    total = reduce(EXACT.add, values, Decimal(0)) if values else None
    return Total(ts, total, len(values), provisional)


def _check_complete(aligned: Aligned) -> None:
    missing = {market: columns.values[0].count(None) for market, columns in aligned.columns.items()}
    incomplete = [market for market, count in missing.items() if count]
    if not incomplete:
        return
    market = incomplete[0]
    first = to_iso(aligned.ts[aligned.columns[market].values[0].index(None)])
    raise IncompleteError(
        f"no total: {market} has no row in {missing[market]} of {counted(len(aligned.ts), 'bucket')}, the first at {first} "
        f'({len(incomplete)} of {len(missing)} markets are incomplete); missing="skip" sums the rows that exist'
    )


def _common_span(series: Sequence[SeriesBase]) -> tuple[datetime, datetime]:
    """The span that all series cover."""
    if not series:
        raise UsageError("nothing to align: pass at least one series")
    endpoints = {each.endpoint.columns: each.endpoint.name for each in series}
    if len(endpoints) > 1:
        raise UsageError(f"cannot align {' and '.join(endpoints.values())}: they have different columns")
    intervals = dict.fromkeys(each.interval for each in series)
    if len(intervals) > 1:
        raise UsageError(f"cannot align intervals {' and '.join(intervals)}: resample the finer series first")
    markets = [each.market_id for each in series]
    repeated = next((market for market in markets if markets.count(market) > 1), None)
    if repeated is not None:
        raise UsageError(f"{repeated} occurs twice: pass each market once")
    start, end = max(each.start for each in series), min(each.end for each in series)
    if start >= end:
        raise UsageError(f"no common span: one series begins at {to_iso(start)}, another ends at {to_iso(end)}")
    return start, end


def _warn_of_other_buckets(series: Sequence[SeriesBase], start: datetime, end: datetime) -> None:
    """Say which buckets of the series lie outside the common span, unless there are none. To the caller of the caller."""
    width = WIDTHS[series[0].interval]
    first, stop = ceil(micros(start), width), ceil(micros(end), width)
    others = {
        each.market_id: max(first - ceil(micros(each.start), width), 0) + max(ceil(micros(each.end), width) - stop, 0)
        for each in series
    }
    left_out = [f"{count // width} bucket(s) of {market_id}" for market_id, count in others.items() if count]
    if left_out:
        more = f" and {len(left_out) - 3} more markets" if len(left_out) > 3 else ""
        span = f'"{to_iso(start)}":"{to_iso(end)}"'
        warnings.warn(
            f"the series cover different spans, and this is their common one, {to_iso(start)} to {to_iso(end)}: "
            f"it leaves out {', '.join(left_out[:3])}{more} (slice the series with [{span}] to say that this is meant)",
            SpanWarning,
            stacklevel=4,
        )
