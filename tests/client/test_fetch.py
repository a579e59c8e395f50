"""The watermark of settled buckets, and the order in which windows are requested and yielded."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

import pytest

from allium_market_data.client.decode import Page
from allium_market_data.client.fetch import Watermark, between, in_order
from allium_market_data.errors import ServerError
from allium_market_data.model.rows import Columns
from allium_market_data.model.windows import Window
from support import virtual_time

MAY = datetime(2026, 5, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def hour(count: int) -> datetime:
    return MAY + count * HOUR


def rows(*hours: int) -> Columns:
    texts = [str(count) for count in hours]
    return Columns([hour(count) for count in hours], (texts, texts), [False] * len(hours))


def window(start: int, first: int, end: int) -> Window:
    return Window(hour(start), hour(first), hour(end))


def test_rows_up_to_the_last_one_are_settled() -> None:
    watermark = Watermark(hour(1), HOUR)
    refetch_end, settled = watermark.add(window(0, 1, 6), rows(0, 1, 2, 4))
    assert (refetch_end, watermark.settled, settled) == (hour(1), hour(5), rows(1, 2, 4))


def test_a_row_at_the_start_of_the_window_may_be_incomplete() -> None:
    """A server that selects raw samples by the window returns this bucket without its beginning, so it settles nothing."""
    watermark = Watermark(hour(1), HOUR)
    refetch_end, settled = watermark.add(window(1, 1, 4), rows(1, 2, 3))
    assert refetch_end == hour(2)
    assert settled == rows(2, 3)


def test_what_is_before_the_first_row_is_refetched() -> None:
    watermark = Watermark(hour(1), HOUR)
    refetch_end, settled = watermark.add(window(0, 1, 6), rows(3, 4, 5))
    assert (refetch_end, settled) == (hour(3), rows(3, 4, 5))


def test_a_gap_with_rows_on_both_sides_in_the_next_page_is_settled() -> None:
    watermark = Watermark(hour(1), HOUR)
    watermark.add(window(0, 1, 6), rows(1, 2))
    refetch_end, settled = watermark.add(window(1, 6, 12), rows(1, 2, 8, 9))
    assert refetch_end == hour(3)
    assert (settled, watermark.settled) == (rows(8, 9), hour(10))


def test_an_empty_page_settles_nothing() -> None:
    watermark = Watermark(hour(1), HOUR)
    assert watermark.add(window(0, 1, 6), rows()) == (hour(1), rows())
    assert watermark.settled == hour(1)


def test_a_row_after_the_window_settles_no_more_than_the_window() -> None:
    watermark = Watermark(hour(1), HOUR)
    refetch_end, settled = watermark.add(window(0, 1, 4), rows(1, 2, 3, 4))
    assert (refetch_end, settled, watermark.settled) == (hour(1), rows(1, 2, 3), hour(4))
    refetch_end, settled = Watermark(hour(1), HOUR).add(window(0, 1, 4), rows(4))
    assert (refetch_end, settled) == (hour(4), rows())


def test_a_page_before_the_watermark_adds_nothing() -> None:
    watermark = Watermark(hour(5), HOUR)
    refetch_end, settled = watermark.add(window(0, 1, 6), rows(1, 2))
    assert (refetch_end, settled, watermark.settled) == (hour(5), rows(), hour(5))


def test_between_includes_the_start_and_excludes_the_end() -> None:
    assert between(rows(1, 2, 3, 4), hour(2), hour(4)) == rows(2, 3)


WINDOWS = [window(count, count + 1, count + 2) for count in range(6)]


def test_pages_are_yielded_in_order_though_they_arrive_in_another() -> None:
    async def fetch_page(window: Window) -> Page:
        for _ in range(10 - WINDOWS.index(window)):
            await asyncio.sleep(0)
        return Page(rows(WINDOWS.index(window)), {})

    async def main() -> list[Window]:
        return [window async for window, page in in_order(WINDOWS, fetch_page, 4) if page.rows.ts == [window.start]]

    assert virtual_time.run(main()) == WINDOWS


def test_no_more_windows_are_requested_ahead_than_allowed() -> None:
    begun: list[Window] = []

    async def fetch_page(window: Window) -> Page:
        begun.append(window)
        return Page(rows(), {})

    async def main() -> None:
        async with aclosing(in_order(WINDOWS, fetch_page, 3)) as pages:
            await anext(pages)
            await asyncio.sleep(1)
            assert begun == WINDOWS[:3]

    virtual_time.run(main())


def test_the_first_failure_of_any_window_cancels_the_others() -> None:
    ended: list[Window] = []

    async def fetch_page(window: Window) -> Page:
        if window is WINDOWS[2]:
            raise ServerError("the server failed")
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(window)
        raise AssertionError("unreachable")

    async def main() -> None:
        with pytest.raises(ServerError):
            await anext(in_order(WINDOWS, fetch_page, 4))
        assert ended == [WINDOWS[0], WINDOWS[1], WINDOWS[3]]
        assert len(asyncio.all_tasks()) == 1

    virtual_time.run(main())
