"""The watermark of settled buckets, and the order and end of what is asked at a time."""

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
    again, settled = watermark.add(window(0, 1, 6), rows(0, 1, 2, 4))
    assert (again, watermark.settled, settled) == (hour(1), hour(5), rows(1, 2, 4))


def test_a_first_row_at_the_very_start_of_the_window_is_not_trusted_as_whole() -> None:
    """A server that cuts raw samples gives that bucket without its beginning, so it cannot settle what it stands for."""
    watermark = Watermark(hour(1), HOUR)
    again, settled = watermark.add(window(1, 1, 4), rows(1, 2, 3))
    assert again == hour(2)
    assert settled == rows(2, 3)


def test_what_lies_before_the_first_row_is_looked_at_again() -> None:
    watermark = Watermark(hour(1), HOUR)
    again, settled = watermark.add(window(0, 1, 6), rows(3, 4, 5))
    assert (again, settled) == (hour(3), rows(3, 4, 5))


def test_what_lies_behind_the_last_row_is_settled_when_the_next_answer_shows_rows_around_it() -> None:
    watermark = Watermark(hour(1), HOUR)
    watermark.add(window(0, 1, 6), rows(1, 2))
    again, settled = watermark.add(window(1, 6, 12), rows(1, 2, 8, 9))
    assert again == hour(3)
    assert (settled, watermark.settled) == (rows(8, 9), hour(10))


def test_an_empty_answer_settles_nothing() -> None:
    watermark = Watermark(hour(1), HOUR)
    assert watermark.add(window(0, 1, 6), rows()) == (hour(1), rows())
    assert watermark.settled == hour(1)


def test_a_row_behind_the_window_settles_no_more_than_the_window() -> None:
    watermark = Watermark(hour(1), HOUR)
    again, settled = watermark.add(window(0, 1, 4), rows(1, 2, 3, 4))
    assert (again, settled, watermark.settled) == (hour(1), rows(1, 2, 3), hour(4))
    again, settled = Watermark(hour(1), HOUR).add(window(0, 1, 4), rows(4))
    assert (again, settled) == (hour(4), rows())


def test_an_answer_that_is_older_than_what_is_settled_brings_nothing() -> None:
    watermark = Watermark(hour(5), HOUR)
    again, settled = watermark.add(window(0, 1, 6), rows(1, 2))
    assert (again, settled, watermark.settled) == (hour(5), rows(), hour(5))


def test_between_takes_the_start_and_leaves_the_end() -> None:
    assert between(rows(1, 2, 3, 4), hour(2), hour(4)) == rows(2, 3)


WINDOWS = [window(count, count + 1, count + 2) for count in range(6)]


def test_answers_come_in_order_though_they_arrive_in_another() -> None:
    async def ask(asked: Window) -> Page:
        for _ in range(10 - WINDOWS.index(asked)):
            await asyncio.sleep(0)
        return Page(rows(WINDOWS.index(asked)), {})

    async def run() -> list[Window]:
        return [asked async for asked, answer in in_order(WINDOWS, ask, 4) if answer.rows.ts == [asked.start]]

    assert asyncio.run(run()) == WINDOWS


def test_no_more_are_under_way_or_wait_than_was_said() -> None:
    begun: list[Window] = []

    async def ask(asked: Window) -> Page:
        begun.append(asked)
        return Page(rows(), {})

    async def run() -> None:
        async with aclosing(in_order(WINDOWS, ask, 3)) as answers:
            await anext(answers)
            await asyncio.sleep(0.01)
            assert begun == WINDOWS[:3]

    asyncio.run(run())


def test_the_first_failure_of_whichever_window_ends_the_others_at_once() -> None:
    ended: list[Window] = []

    async def ask(asked: Window) -> Page:
        if asked is WINDOWS[2]:
            raise ServerError("the server failed")
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(asked)
        raise AssertionError("nobody waits a minute")

    async def run() -> None:
        with pytest.raises(ServerError):
            await anext(in_order(WINDOWS, ask, 4))
        assert ended == [WINDOWS[0], WINDOWS[1], WINDOWS[3]]
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(run())
