"""Rows that are there twice, out of order, out of the window, of another market or under another label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from allium_market_data.model.intervals import HOUR, MINUTE
from allium_market_data.sandbox.answer import Row
from allium_market_data.sandbox.endpoint import SandboxRequest, SandboxResponse

from .amounts import moved_buckets
from .edits import each_item, parameters_of, rows
from .mutant import Asked, Change, Changes, Mutant, Selected, Step

_SERIES: Final = ("series.open-interest-2",)
_MARKET: Final = ("market.slug-1", "row.market-id-2")
_LABEL: Final = ("row.ts-boundary-1", "bucket.last-sample-1", "bucket.last-sample-2")
OTHERS: Final = ("bybit:perp:BTC-USDT", "hl:perp:ETH-USDC")


def _mutant(name: str, description: str, clauses: tuple[str, ...], change: Change[Asked, list[Row]]) -> Mutant:
    return Mutant(name, description, clauses, Changes(select=change))


def _swapped(asked: Asked, found: list[Row]) -> list[Row]:
    middle = len(found) // 2
    return found if len(found) < 3 else [*found[: middle - 1], found[middle], found[middle - 1], *found[middle + 1 :]]


def _far_row(asked: Asked, found: Sequence[Row], buckets: int) -> Row:
    """A row so many buckets beyond one end of the window that no reading reaches it."""
    width = asked.query.width
    edge = asked.query.start if buckets < 0 else asked.query.end
    place = found[0] if buckets < 0 else found[-1]
    return (edge - edge % width + buckets * width, place[1], place[2])


def _other_in_4h(call: SandboxRequest, following: Step[SandboxRequest, SandboxResponse]) -> SandboxResponse:
    """The rows of another market, under the name of the one asked for."""
    answer = following(call)
    if answer.status != 200 or parameters_of(call.query_string).get("interval") != "4h":
        return answer
    other = OTHERS[call.market_id == OTHERS[0]]
    instead = following(replace(call, market_id=other))
    return replace(instead, body=instead.body.replace(other.encode(), call.market_id.encode()))


def _label_of(interval: str) -> Change[Selected, bytes]:
    """For one interval, ts names the other end of the bucket."""

    def change(selected: Selected, following: Step[Selected, bytes]) -> bytes:
        asked = selected.asked
        if asked.query.interval != interval:
            return following(selected)
        other = replace(asked.reading, label="start" if asked.reading.label == "end" else "end")
        return following(selected._replace(asked=asked._replace(reading=other)))

    return change


MUTANTS: Final = (
    _mutant("last-row-twice", "the last row comes twice", _SERIES, rows(lambda _, found: [*found, *found[-1:]])),
    _mutant(
        "bucket-twice",
        "one bucket in the middle comes twice, with different amounts",
        _SERIES,
        rows(lambda _, found: [*found[:1], *((found[0][0], *row[1:]) for row in found[1:2]), *found[1:]]),
    ),
    _mutant("rows-swapped", "two rows in the middle have changed places", _SERIES, rows(_swapped)),
    _mutant(
        "rows-by-amount",
        "rows are sorted by their amount",
        _SERIES,
        rows(lambda _, found: sorted(found, key=lambda row: (row[1].zfill(60), row[0]))),
    ),
    _mutant(
        "row-before-window",
        "a row from before the window comes first",
        ("start.window-1",),
        rows(lambda asked, found: [_far_row(asked, found, -3), *found] if found else found),
    ),
    _mutant(
        "row-after-window",
        "a row from after the window comes last",
        ("end.window-1",),
        rows(lambda asked, found: [*found, _far_row(asked, found, 3)] if found else found),
    ),
    Mutant(
        "other-market-id",
        "rows name another market",
        _MARKET,
        Changes(render=each_item(lambda item: item | {"market_id": OTHERS[item["market_id"] == OTHERS[0]]})),
    ),
    Mutant(
        "market-id-lower-case",
        "rows name the market in small letters",
        _MARKET,
        Changes(render=each_item(lambda item: item | {"market_id": item["market_id"].lower()})),
    ),
    Mutant(
        "market-id-of-pair-only",
        "rows name the pair instead of the market",
        _MARKET,
        Changes(render=each_item(lambda item: item | {"market_id": item["market_id"].rpartition(":")[2]})),
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
