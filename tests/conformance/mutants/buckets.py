"""Rows that are duplicated, out of order, outside the window, of another market or with a wrong label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from allium_market_data.model.intervals import HOUR, MINUTE
from allium_market_data.sandbox.answer import Row
from allium_market_data.sandbox.endpoint import SandboxRequest, SandboxResponse

from .amounts import moved_buckets
from .edits import INTERVAL, MARKET, edit_each_item, edit_rows, parse_parameters
from .mutant import Change, Changes, Mutant, QueryContext, SelectedRows, Step

_SERIES: Final = ("series.open-interest-2",)
_MARKET: Final = ("market.slug-1", "row.market-id-2")
_LABEL: Final = ("row.ts-boundary-1", "bucket.last-sample-1", "bucket.last-sample-2")
OTHERS: Final = ("bybit:perp:BTC-USDT", "hl:perp:ETH-USDC")


def _mutant(name: str, description: str, clauses: tuple[str, ...], change: Change[QueryContext, list[Row]]) -> Mutant:
    return Mutant(name, description, clauses, Changes(select=change))


def _swapped(context: QueryContext, rows: list[Row]) -> list[Row]:
    middle = len(rows) // 2
    return rows if len(rows) < 3 else [*rows[: middle - 1], rows[middle], rows[middle - 1], *rows[middle + 1 :]]


def _far_row(context: QueryContext, rows: Sequence[Row], buckets: int) -> Row:
    """A row ``buckets`` buckets outside the window, too far for any reading."""
    width = context.query.width
    edge = context.query.start if buckets < 0 else context.query.end
    nearest = rows[0] if buckets < 0 else rows[-1]
    return (edge - edge % width + buckets * width, nearest[1], nearest[2])


def _other_in_4h(request: SandboxRequest, call_next: Step[SandboxRequest, SandboxResponse]) -> SandboxResponse:
    """The rows of another market, with the requested market_id."""
    response = call_next(request)
    if response.status != 200 or parse_parameters(request.query_string).get(INTERVAL) != "4h":
        return response
    other = OTHERS[request.market_id == OTHERS[0]]
    replacement = call_next(replace(request, market_id=other))
    return replace(replacement, body=replacement.body.replace(other.encode(), request.market_id.encode()))


def _label_of(interval: str) -> Change[SelectedRows, bytes]:
    """In ``interval``, ts is the other edge of the bucket."""

    def change(selected: SelectedRows, call_next: Step[SelectedRows, bytes]) -> bytes:
        context = selected.context
        if context.query.interval != interval:
            return call_next(selected)
        other = replace(context.reading, label="start" if context.reading.label == "end" else "end")
        return call_next(selected._replace(context=context._replace(reading=other)))

    return change


MUTANTS: Final = (
    _mutant("last-row-twice", "the last row comes twice", _SERIES, edit_rows(lambda _, rows: [*rows, *rows[-1:]])),
    _mutant(
        "bucket-twice",
        "one bucket in the middle comes twice, with different amounts",
        _SERIES,
        edit_rows(lambda _, rows: [*rows[:1], *((rows[0][0], *row[1:]) for row in rows[1:2]), *rows[1:]]),
    ),
    _mutant(
        "duplicates-when-unaligned",
        "if the start is within a bucket, the first row comes twice",
        ("series.open-interest-2",),
        edit_rows(
            lambda context, rows: [*rows[:1], *rows] if context.query.start % context.query.width else rows,
        ),
    ),
    _mutant("rows-swapped", "two rows in the middle have changed places", _SERIES, edit_rows(_swapped)),
    _mutant(
        "rows-by-amount",
        "rows are sorted by their amount",
        _SERIES,
        edit_rows(lambda _, rows: sorted(rows, key=lambda row: (row[1].zfill(60), row[0]))),
    ),
    _mutant(
        "row-before-window",
        "a row from before the window comes first",
        ("start.window-1",),
        edit_rows(lambda context, rows: [_far_row(context, rows, -3), *rows] if rows else rows),
    ),
    _mutant(
        "row-after-window",
        "a row from after the window comes last",
        ("end.window-1",),
        edit_rows(lambda context, rows: [*rows, _far_row(context, rows, 3)] if rows else rows),
    ),
    Mutant(
        "other-market-id",
        "rows name another market",
        _MARKET,
        Changes(render=edit_each_item(lambda item: item | {MARKET: OTHERS[item[MARKET] == OTHERS[0]]})),
    ),
    Mutant(
        "market-id-lower-case",
        "rows name the market in small letters",
        _MARKET,
        Changes(render=edit_each_item(lambda item: item | {MARKET: item[MARKET].lower()})),
    ),
    Mutant(
        "market-id-of-pair-only",
        "rows name the pair instead of the market",
        _MARKET,
        Changes(render=edit_each_item(lambda item: item | {MARKET: item[MARKET].rpartition(":")[2]})),
    ),
    Mutant(
        "other-market-rows-in-4h",
        "with interval 4h, the rows are another market's",
        ("series.open-interest-1", "series.open-interest-2", *_MARKET, "bucket.last-sample-1"),
        Changes(whole=_other_in_4h),
    ),
    Mutant(
        "label-of-15m", "ts names the other end of the bucket in 15m alone", _LABEL, Changes(render=_label_of("15m"))
    ),
    Mutant("label-of-1d", "ts names the other end of the bucket in 1d alone", _LABEL, Changes(render=_label_of("1d"))),
    _mutant(
        "buckets-of-15m-at-five-past",
        "buckets of 15m begin five minutes past the quarter",
        ("row.ts-boundary-1", "interval.bucket-1"),
        moved_buckets("15m", 5 * MINUTE, labelled=True),
    ),
    _mutant(
        "day-in-local-time",
        "buckets of 1d begin at 22:00 UTC, the midnight of somewhere else, and say so",
        ("row.ts-boundary-1", "interval.bucket-1"),
        moved_buckets("1d", -2 * HOUR, labelled=True),
    ),
)
