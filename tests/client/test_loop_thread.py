"""A loop in a thread: started once, shared, closed in order, and gone when nobody holds it. Nothing here waits for time."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
import warnings
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import Future
from contextlib import aclosing
from typing import Any

import pytest

from allium_market_data.client import loop_thread
from allium_market_data.client.loop_thread import LoopThread
from allium_market_data.errors import UsageError

HANG = 60.0
"""Seconds after which a wait fails: only if something hangs."""

FOREVER = 10.0**6
"""A grace that no test could wait for."""


class Resource:
    """Lives on the loop of a test and records where it was made, used and closed."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.thread = threading.current_thread()
        self.is_closed = False
        self.iterator_closed = asyncio.Event()

    async def close(self) -> None:
        assert asyncio.get_running_loop() is self.loop
        self.is_closed = True

    async def count(self, stop: int = 10**9) -> AsyncGenerator[int, None]:
        try:
            for number in range(stop):
                yield number
                await asyncio.sleep(0)
        finally:
            await asyncio.sleep(0)
            assert threading.current_thread() is self.thread
            self.iterator_closed.set()


async def itself(resource: Resource) -> Resource:
    return resource


def loop_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "allium-market-data"]


def join_loop_threads() -> None:
    for thread in loop_threads():
        thread.join(HANG)
        assert not thread.is_alive()


@pytest.fixture(autouse=True)
def _no_thread_remains() -> Iterator[None]:
    join_loop_threads()
    yield
    gc.collect()
    join_loop_threads()


@pytest.fixture
def thread() -> Iterator[LoopThread[Resource]]:
    thread = LoopThread(Resource, Resource.close, FOREVER)
    yield thread
    thread.close()


def test_nothing_starts_before_the_first_call(thread: LoopThread[Resource]) -> None:
    assert not loop_threads()


def test_the_resource_is_made_once_and_closed_on_the_loop(thread: LoopThread[Resource]) -> None:
    resource = thread.call(itself)
    assert [resource.thread] == loop_threads()
    assert thread.call(itself) is resource
    thread.close()
    assert resource.is_closed
    assert not loop_threads()
    thread.close()


def test_a_closed_thread_starts_again(thread: LoopThread[Resource]) -> None:
    first = thread.call(itself)
    thread.close()
    assert thread.call(itself) is not first


def test_an_error_is_raised_to_the_caller_and_the_loop_goes_on(thread: LoopThread[Resource]) -> None:
    async def fail(_: Resource) -> None:
        raise ZeroDivisionError

    resource = thread.call(itself)
    with pytest.raises(ZeroDivisionError):
        thread.call(fail)
    assert thread.call(itself) is resource


def test_an_error_of_make_is_raised_and_leaves_no_thread() -> None:
    def fail() -> Resource:
        raise UsageError("there is no API key")

    thread = LoopThread(fail, Resource.close)
    for _ in range(2):
        with pytest.raises(UsageError, match="there is no API key"):
            thread.call(itself)
    join_loop_threads()


def test_an_error_of_close_is_raised_to_who_closes() -> None:
    async def fail(_: Resource) -> None:
        raise ZeroDivisionError

    thread = LoopThread(Resource, fail)
    thread.call(itself)
    with pytest.raises(ZeroDivisionError):
        thread.close()


def test_many_threads_share_one_loop(thread: LoopThread[Resource]) -> None:
    resources: list[Resource] = []
    callers = [threading.Thread(target=lambda: resources.append(thread.call(itself))) for _ in range(16)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(resources) == 16
    assert len(set(map(id, resources))) == 1


def test_garbage_collection_ends_the_loop() -> None:
    thread = LoopThread(Resource, Resource.close)
    resource = thread.call(itself)
    del thread
    gc.collect()
    join_loop_threads()
    assert resource.is_closed


def test_an_iterator_yields_everything_in_order(thread: LoopThread[Resource]) -> None:
    assert list(thread.iterate(lambda resource: resource.count(5))) == [0, 1, 2, 3, 4]
    assert thread.call(itself).iterator_closed.is_set()


def test_leaving_an_iterator_early_closes_it_at_once(thread: LoopThread[Resource]) -> None:
    for number in thread.iterate(lambda resource: resource.count()):
        if number == 3:
            break
    assert thread.call(itself).iterator_closed.is_set()

    async def count_tasks(_: Resource) -> int:
        return len(asyncio.all_tasks())

    assert thread.call(count_tasks) == 2  # this one, and the one that waits for the end


def test_an_iterator_collected_on_the_loop_does_not_wait_for_itself(thread: LoopThread[Resource]) -> None:
    iterators = [thread.iterate(lambda resource: resource.count())]
    assert next(iterators[0]) == 0

    async def drop(resource: Resource) -> None:
        iterators.clear()
        await asyncio.wait_for(resource.iterator_closed.wait(), HANG)

    thread.call(drop)


def test_an_iterator_of_a_closed_thread_raises_and_starts_nothing(thread: LoopThread[Resource]) -> None:
    numbers = thread.iterate(lambda resource: resource.count())
    resource = thread.call(itself)
    next(numbers)
    thread.close()
    assert resource.iterator_closed.is_set()
    with pytest.raises(UsageError, match="the client was closed while its rows were being read"):
        next(numbers)
    assert not loop_threads()


def test_closing_within_nested_iterators_logs_nothing(
    thread: LoopThread[Resource], caplog: pytest.LogCaptureFixture
) -> None:
    async def outer(resource: Resource) -> AsyncGenerator[int, None]:
        async with aclosing(resource.count()) as numbers:
            async for number in numbers:
                yield number

    numbers = thread.iterate(outer)
    resource = thread.call(itself)
    next(numbers)
    thread.close()
    assert resource.iterator_closed.is_set()
    assert caplog.text == ""


def test_closing_ends_a_call_of_another_thread(thread: LoopThread[Resource]) -> None:
    begun = threading.Event()
    errors: list[BaseException] = []

    async def stall(_: Resource) -> None:
        begun.set()
        await asyncio.Event().wait()

    def call() -> None:
        try:
            thread.call(stall)
        except UsageError as error:
            errors.append(error)

    caller = threading.Thread(target=call)
    caller.start()
    assert begun.wait(HANG)
    thread.close()
    caller.join(HANG)
    assert [str(error) for error in errors] == ["the client was closed while a call was under way"]


class Interrupted(BaseException):
    """Stands for KeyboardInterrupt, which pytest would take for its own."""


def interrupted_futures(wait: Callable[[], object]) -> type[Future[Any]]:
    """Futures whose waiting caller is interrupted as soon as ``wait`` returns."""

    class InterruptedFuture(Future[Any]):
        def result(self, timeout: float | None = None) -> Any:
            wait()
            raise Interrupted

    return InterruptedFuture


def test_an_interrupt_cancels_the_call_and_waits_until_it_unwound(
    thread: LoopThread[Resource], monkeypatch: pytest.MonkeyPatch
) -> None:
    thread.call(itself)
    begun = threading.Event()
    unwound: list[bool] = []

    async def stall(_: Resource) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            unwound.append(True)

    with monkeypatch.context() as patch:
        patch.setattr(loop_thread, "Future", interrupted_futures(lambda: begun.wait(HANG)))
        with pytest.raises(Interrupted):
            thread.call(stall)
    assert unwound == [True]


def test_an_interrupted_call_that_does_not_unwind_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    thread = LoopThread(Resource, Resource.close, grace=0)
    thread.call(itself)
    begun, release, unwound = threading.Event(), threading.Event(), threading.Event()

    async def stubborn(_: Resource) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.to_thread(release.wait, HANG)
            unwound.set()

    with monkeypatch.context() as patch:
        patch.setattr(loop_thread, "Future", interrupted_futures(lambda: begun.wait(HANG)))
        with pytest.raises(Interrupted):
            thread.call(stubborn)
    assert not unwound.is_set()
    release.set()
    assert unwound.wait(HANG)
    thread.close()


@pytest.mark.parametrize("is_scheduled", [False, True])
def test_an_interrupt_while_a_call_is_handed_over_leaves_no_coroutine(
    thread: LoopThread[Resource], monkeypatch: pytest.MonkeyPatch, is_scheduled: bool
) -> None:
    loop = thread.call(itself).loop
    schedule = loop.call_soon_threadsafe
    calls: list[Any] = []

    def interrupting(callback: Any, *args: Any, **options: Any) -> Any:
        monkeypatch.undo()
        if is_scheduled:
            schedule(callback, *args, **options)
        raise Interrupted

    async def never(_: Resource) -> None:
        calls.append(True)

    monkeypatch.setattr(loop, "call_soon_threadsafe", interrupting)
    with warnings.catch_warnings(record=True) as recorded:
        warnings.simplefilter("always")
        with pytest.raises(Interrupted):
            thread.call(never)
        gc.collect()
    assert recorded == []
    assert is_scheduled or calls == []
    assert thread.call(itself).loop is loop


def test_an_interrupted_start_ends_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    resources: list[Resource] = []

    def make() -> Resource:
        release.wait(HANG)
        resources.append(Resource())
        return resources[0]

    thread = LoopThread(make, Resource.close)
    with monkeypatch.context() as patch:

        class Waited(Future[Any]):
            def result(self, timeout: float | None = None) -> Any:
                if not self.done():
                    raise Interrupted
                return super().result(timeout)

        patch.setattr(loop_thread, "Future", Waited)
        with pytest.raises(Interrupted):
            thread.call(itself)
        release.set()
        join_loop_threads()
    assert resources[0].is_closed


def test_closing_an_iterator_does_not_wait_when_python_ends(
    thread: LoopThread[Resource], monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = thread.iterate(lambda resource: resource.count())
    next(numbers)
    with monkeypatch.context() as ending:
        ending.setattr(sys, "is_finalizing", lambda: True)
        ending.setattr(thread._running, "call", None)
        numbers.close()


def test_another_process_gets_its_own_loop(thread: LoopThread[Resource], monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a fork, except that the thread of the parent goes on here. tests/system forks."""
    before = thread.call(itself)
    numbers = thread.iterate(lambda resource: resource.count())
    next(numbers)
    parent = thread._running
    assert parent is not None
    with monkeypatch.context() as forked:
        forked.setattr(os, "getpid", lambda: -1)
        parent.stop()
        parent.join()
        with pytest.raises(UsageError, match="in the process that this one was forked from"):
            next(numbers)
        assert thread.call(itself) is not before
        thread.close()
    assert not before.is_closed
    parent.stop()
    parent.stop()
    parent.join()
    assert before.is_closed
