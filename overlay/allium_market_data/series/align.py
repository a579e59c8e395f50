"""Several markets on one clock, and their total."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal, Inexact
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from ..errors import IncompleteError, UsageError
from ..formats import arrow as frames
from ..formats.arrow import Decimals, Tabular
from ..model.endpoint import OPEN_INTEREST
from ..model.intervals import Interval
from ..model.times import to_iso
from ..optional import require
from .dense import DenseColumns, DenseRow, DenseSeries, Fill, append, clock, clock_table, on_clock

if TYPE_CHECKING:
    import pyarrow as pa

    from .series import OpenInterestSeries

Missing: TypeAlias = Literal["error", "skip"]
Amount: TypeAlias = Literal["oi_base", "oi_quote_usd"]

EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[Inexact])
"""Room for every digit of a sum. It rounds nothing: were a digit ever lost, that would be an error."""


class Total(NamedTuple):
    """The sum over the ``markets`` markets that have a row at ``ts``; None where none has.

    ``provisional`` holds when a part of it may still change, or a part that is missing may still come.
    """

    ts: datetime
    total: Decimal | None
    markets: int
    provisional: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Aligned(Tabular, Mapping[str, DenseSeries]):
    """Markets on the clock ``ts``: a mapping from market to its ``DenseSeries``, all of one length.

    It spans start <= ts < end, which every market's series covers: None means that there is no row, never that
    nobody asked. Where one market was fetched later than another, the buckets that began in between are provisional.
    """

    interval: Interval
    start: datetime
    end: datetime
    fill: Fill
    ts: list[datetime]
    columns: Mapping[str, DenseColumns]

    def __getitem__(self, market_id: str) -> DenseSeries:
        return DenseSeries(
            market_id=market_id, interval=self.interval, fill=self.fill, ts=self.ts, columns=self.columns[market_id]
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    def __repr__(self) -> str:
        span = f"{to_iso(self.start)} to {to_iso(self.end)}"
        return f"<Aligned {len(self)} markets {self.interval} {span}: {len(self.ts)} buckets>"

    def rows(self) -> Iterator[tuple[DenseRow, ...]]:
        """The rows of all markets, bucket by bucket."""
        return zip(*self.values(), strict=True)

    def to_arrow(self, *, decimals: Decimals = "exact") -> pa.Table:
        """A wide Arrow table: ts, and for each market ``market:oi_base``, ``market:oi_quote_usd``,
        ``market:provisional`` and ``market:filled``. The amounts are null where there is no row.

        Exact decimals are as in ``OpenInterestSeries.to_arrow``; nothing is rounded.
        """
        pa = require("pyarrow", "arrow")
        table = clock_table(self.ts)
        amounts: list[str] = []
        for market_id, columns in self.columns.items():
            named = {f"{market_id}:{name}": c for name, c in zip(OPEN_INTEREST.values, columns.values, strict=True)}
            flags = {f"{market_id}:provisional": columns.provisional, f"{market_id}:filled": columns.filled}
            table = append(append(table, named, pa.string()), flags, pa.bool_())
            amounts += named
        return frames.typed(table, tuple(amounts), decimals)


def align(*series: OpenInterestSeries, fill: Fill = None) -> Aligned:
    """Put series of different markets, all of one interval, on one clock.

    The clock has every bucket of the span that all of them cover. ``fill="last"`` carries values as ``densify`` does, from
    before that span too. Raises ``UsageError`` without series, for a market that comes twice, and for series that differ
    in interval or have no span in common.
    """
    start, end = _common(series)
    ts = sorted({stamp for one in series for stamp in clock(one) if start <= stamp < end})
    columns = {one.market_id: on_clock(one, ts, fill) for one in series}
    return Aligned(interval=series[0].interval, start=start, end=end, fill=fill, ts=ts, columns=columns)


def totals(*series: OpenInterestSeries, missing: Missing = "error", amount: Amount = "oi_quote_usd") -> list[Total]:
    """The sum over markets at every bucket that ``align`` gives, exact to the last digit.

    A bucket that a market has no row for raises ``IncompleteError``; ``missing="skip"`` leaves that market out of the sum,
    and ``Total.markets`` says how many are in it. The default ``amount`` is in US dollars; ``"oi_base"`` is in units of the
    base asset, so it makes sense only for markets of one base.
    """
    if missing not in ("error", "skip") or amount not in OPEN_INTEREST.values:
        raise UsageError(
            f"missing is 'error' or 'skip', amount one of {OPEN_INTEREST.values}: not {missing!r}, {amount!r}"
        )
    aligned, field = align(*series), OPEN_INTEREST.values.index(amount)
    columns = [one.values[field] for one in aligned.columns.values()]
    if missing == "error":
        _check_whole(aligned)
    flags = zip(*(one.provisional for one in aligned.columns.values()), strict=True)
    made = []
    for ts, values, provisional in zip(aligned.ts, zip(*columns, strict=True), flags, strict=True):
        there = [Decimal(value) for value in values if value is not None]
        made.append(Total(ts, exact_sum(there) if there else None, len(there), any(provisional)))
    return made


def exact_sum(values: Sequence[Decimal]) -> Decimal:
    """The sum of finite decimals, with every digit."""
    total = Decimal(0)
    for value in values:
        total = EXACT.add(total, value)
    return total


def _check_whole(aligned: Aligned) -> None:
    holes = {market: columns.values[0].count(None) for market, columns in aligned.columns.items()}
    if not any(holes.values()):
        return
    market, count = next((market, count) for market, count in holes.items() if count)
    first = to_iso(aligned.ts[aligned.columns[market].values[0].index(None)])
    raise IncompleteError(
        f"no total: {market} has no row in {count} of {len(aligned.ts)} buckets, {first} the first of them "
        f'({sum(map(bool, holes.values()))} of {len(holes)} markets lack some): missing="skip" adds up those there are'
    )


def _common(series: Sequence[OpenInterestSeries]) -> tuple[datetime, datetime]:
    """The span that all series cover."""
    if not series:
        raise UsageError("nothing to align: give at least one series")
    intervals = dict.fromkeys(one.interval for one in series)
    if len(intervals) > 1:
        raise UsageError(f"series of {' and '.join(intervals)} have no clock in common: resample the finer ones first")
    markets = [one.market_id for one in series]
    twice = next((market for market in markets if markets.count(market) > 1), None)
    if twice is not None:
        raise UsageError(f"{twice} comes twice: give each market once")
    start, end = max(one.start for one in series), min(one.end for one in series)
    if start >= end:
        raise UsageError(f"no span in common: one series begins at {to_iso(start)}, another ends at {to_iso(end)}")
    return start, end
