"""Where the suite looks for data, how it divides a week into windows, and which special days it picks."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import httpx
import pytest

from allium_market_data.model.intervals import DAY, HOUR, WIDTHS
from allium_market_data_wire.contract import OPEN_INTEREST, Operation
from conformance import times
from conformance.clock import VirtualClock
from conformance.reference_week import ReferenceWeek, scout
from conformance.request import Server, Window
from conformance.requester import Requester
from conformance.test_special_days import SPECIAL, latest

MAY, JUNE, JULY = (times.parse(f"2026-0{month}-01T00:00:00Z") for month in (5, 6, 7))


def item(instant: int, operation: Operation = OPEN_INTEREST) -> dict[str, str]:
    amounts = {field.name: "1.5" for field in operation.decimals}
    return {operation.market_field: "m", operation.timestamp_field: times.text(instant), **amounts}


def requester(answer: Callable[[int], httpx.Response], operation: Operation = OPEN_INTEREST) -> Requester:
    """A server whose answer depends on the start of the window."""

    def handler(request: httpx.Request) -> httpx.Response:
        return answer(times.parse(request.url.params[operation.start_parameter]))

    client = httpx.Client(transport=httpx.MockTransport(handler))
    return Requester(Server("http://server", "m", operation, "X", "k"), client, VirtualClock())


def rows_from(first: int) -> Callable[[int], httpx.Response]:
    def answer(start: int) -> httpx.Response:
        items = [item(start), item(start + HOUR)] if start >= first else []
        return httpx.Response(200, content=json.dumps({OPEN_INTEREST.items_field: items}))

    return answer


def test_the_first_place_with_rows_is_the_reference() -> None:
    assert scout(requester(rows_from(MAY - 9 * DAY)), (MAY, JUNE, JULY)).start == MAY - 3 * DAY
    assert scout(requester(rows_from(MAY)), (MAY, JUNE, JULY)).start == JUNE - 3 * DAY
    assert scout(requester(rows_from(JULY + 9 * DAY)), (MAY, JUNE, JULY)).start == MAY - 3 * DAY


def test_a_server_may_refuse_what_it_does_not_keep() -> None:
    def answer(start: int) -> httpx.Response:
        return httpx.Response(400) if start < JUNE else rows_from(0)(start)

    week = scout(requester(answer), (MAY, JUNE, JULY))
    assert week.start == JULY - 3 * DAY
    assert [window.start for window in week.refused] == [MAY - 3 * DAY, JUNE - 3 * DAY]


def test_a_server_that_refuses_all_is_tested_at_the_first_place() -> None:
    week = scout(requester(lambda _: httpx.Response(400)), (MAY, JUNE))
    assert week.start == MAY - 3 * DAY
    assert not week.refused


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        ({}, [3, 1, 1, 1, 1, 1]),
        ({"limit_maximum": 1000}, [12, 3, 1, 1, 1, 1]),
        ({"window_cap": DAY}, [3, 3, 3, 3, 3, 3]),
        ({"window_cap": 31 * DAY}, [3, 1, 1, 1, 1, 1]),
    ],
)
def test_the_week_is_divided_as_the_contract_demands(changes: dict[str, Any], counts: list[int]) -> None:
    operation = replace(OPEN_INTEREST, **changes)
    week = ReferenceWeek(requester(rows_from(0), operation), MAY)
    for interval, count in zip(week.intervals, counts, strict=True):
        parts = week.parts(interval)
        assert len(parts) == count
        assert (parts[0].start, parts[-1].end) == (week.start, week.end)
        assert all(a.end == b.start and a.end % WIDTHS[interval] == 0 for a, b in pairwise(parts))
        longest = max(part.end - part.start for part in parts)
        assert longest <= min(operation.window_cap, operation.limit_maximum * WIDTHS[interval])
        assert week.window(interval).end - week.start <= operation.window_cap


def test_a_window_shows_offsets_only_with_rows_near_its_edges() -> None:
    week = ReferenceWeek(requester(rows_from(0)), MAY)
    window = Window(week.intervals[1], MAY, MAY + 12 * HOUR)
    minute = HOUR // 60
    near = [edge + side for edge in (window.start, window.end) for side in (-90 * minute, 90 * minute)]
    week.rows(window.interval).clear()
    week.rows(window.interval).update(dict.fromkeys(near))  # type: ignore[arg-type]
    assert week.shows_offsets(window)
    del week.rows(window.interval)[near[0]]
    assert not week.shows_offsets(window)


@pytest.mark.parametrize(
    ("name", "before", "day"),
    [
        ("a leap day", "2026-05-05", "2024-02-29"),
        ("a leap day", "2028-03-09", "2028-02-29"),
        ("the turn of a year", "2026-05-05", "2026-01-01"),
        ("a change of clocks", "2026-05-05", "2026-03-29"),
        ("a change of clocks", "2026-12-05", "2026-10-25"),
    ],
)
def test_the_latest_special_day_is_picked(name: str, before: str, day: str) -> None:
    assert times.text(latest(SPECIAL[name], times.parse(f"{before}T00:00:00Z"))) == f"{day}T00:00:00Z"
