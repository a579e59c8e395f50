"""A loop in a thread: started once, shared, left in order, and gone when nobody needs it."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest

from allium_market_data.client import loop_thread as portal
from allium_market_data.client.loop_thread import LoopThread
from allium_market_data.errors import UsageError


class Inside:
    """What lives on the loop of a test: notes where it was made, used and ended."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.made = threading.current_thread()
        self.ended = False
        self.left: list[str] = []

    async def end(self) -> None:
        assert asyncio.get_running_loop() is self.loop
        self.ended = True

    async def count(self, most: int = 10**9) -> AsyncGenerator[int, None]:
        try:
            for number in range(most):
                yield number
                await asyncio.sleep(0)
        finally:
            await asyncio.sleep(0)
            self.left.append(threading.current_thread().name)


def made() -> LoopThread[Inside]:
    return LoopThread(Inside, Inside.end)


async def itself(inside: Inside) -> Inside:
    return inside


def ours() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "allium-market-data"]


def gone(seconds: float = 2) -> bool:
    until = time.monotonic() + seconds
    while ours() and time.monotonic() < until:
        time.sleep(0.005)
    return not ours()


@pytest.fixture(autouse=True)
def _no_thread_stays() -> Any:
    assert gone()
    yield
    gc.collect()
    assert gone()


def test_nothing_starts_before_it_is_needed() -> None:
    unused = made()
    assert not ours()
    unused.close()


def test_what_lives_on_the_loop_is_made_and_ended_there() -> None:
    one = made()
    inside = one.call(itself)
    assert inside.made is ours()[0]
    assert one.call(itself) is inside
    one.close()
    assert inside.ended
    assert not ours()
    one.close()


def test_a_closed_portal_starts_anew() -> None:
    one = made()
    first = one.call(itself)
    one.close()
    assert one.call(itself) is not first
    one.close()


def test_an_error_on_the_loop_is_raised_to_the_caller_and_the_loop_goes_on() -> None:
    async def fail(_: Inside) -> None:
        raise ZeroDivisionError

    one = made()
    with pytest.raises(ZeroDivisionError):
        one.call(fail)
    one.call(itself)
    one.close()


def test_what_cannot_be_made_is_raised_to_the_caller_and_leaves_no_thread() -> None:
    def fail() -> Inside:
        raise UsageError("there is no API key")

    one = LoopThread(fail, Inside.end)
    for _ in range(2):
        with pytest.raises(UsageError, match="there is no API key"):
            one.call(itself)
    assert gone()


def test_many_threads_share_one_loop() -> None:
    one = made()
    found: list[Inside] = []
    threads = [threading.Thread(target=lambda: found.append(one.call(itself))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 16
    assert len(set(map(id, found))) == 1
    one.close()


def test_a_portal_that_nobody_holds_ends_its_loop() -> None:
    one = made()
    inside = one.call(itself)
    del one
    gc.collect()
    assert gone()
    assert inside.ended


def test_an_iterator_hands_on_everything_in_order() -> None:
    one = made()
    assert list(one.iterate(lambda inside: inside.count(5))) == [0, 1, 2, 3, 4]
    assert one.call(itself).left == ["allium-market-data"]
    one.close()


def test_leaving_an_iterator_early_ends_it_on_its_loop_at_once() -> None:
    one = made()
    for number in one.iterate(lambda inside: inside.count()):
        if number == 3:
            break
    inside = one.call(itself)
    assert inside.left == ["allium-market-data"]

    async def tasks(_: Inside) -> int:
        return len(asyncio.all_tasks())

    assert one.call(tasks) == 2  # this one, and the one that waits for the end
    one.close()


def test_an_iterator_that_is_collected_on_the_loop_itself_does_not_wait_for_itself() -> None:
    one = made()
    held = [one.iterate(lambda inside: inside.count())]
    assert next(held[0]) == 0

    async def drop(inside: Inside) -> list[str]:
        held.clear()
        await asyncio.sleep(0.01)
        return inside.left

    assert one.call(drop) == ["allium-market-data"]
    one.close()


def test_an_iterator_whose_portal_was_closed_says_so_and_starts_nothing() -> None:
    one = made()
    numbers = one.iterate(lambda inside: inside.count())
    inside = one.call(itself)
    next(numbers)
    one.close()
    assert inside.left == ["allium-market-data"]
    with pytest.raises(UsageError, match="the client was closed while its rows were being read"):
        next(numbers)
    assert not ours()


def test_closing_in_the_middle_of_nested_iterators_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def outer(inside: Inside) -> AsyncGenerator[int, None]:
        async with aclosing(inside.count()) as numbers:
            async for number in numbers:
                yield number

    one = made()
    numbers = one.iterate(outer)
    inside = one.call(itself)
    next(numbers)
    one.close()
    assert inside.left == ["allium-market-data"]
    assert caplog.text == ""


def test_a_call_in_another_thread_ends_when_the_portal_is_closed() -> None:
    one = made()
    begun = threading.Event()
    raised: list[BaseException] = []

    async def stall(_: Inside) -> None:
        begun.set()
        await asyncio.sleep(60)

    def call() -> None:
        try:
            one.call(stall)
        except UsageError as error:
            raised.append(error)

    caller = threading.Thread(target=call)
    caller.start()
    assert begun.wait(5)
    one.close()
    caller.join(5)
    assert [str(error) for error in raised] == ["the client was closed while a call was under way"]


class Interrupted(BaseException):
    """Stands for KeyboardInterrupt, which pytest would take for its own."""


def test_an_interrupt_of_the_caller_cancels_the_call_and_waits_for_it_to_unwind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = made()
    unwound: list[str] = []

    async def stall(_: Inside) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            unwound.append("all of it")

    real = asyncio.run_coroutine_threadsafe

    def interrupting(*args: Any) -> Any:
        future: Any = real(*args)
        time.sleep(0.02)
        result = future.result

        def interrupted() -> Any:
            future.result = result
            raise Interrupted

        future.result = interrupted
        return future

    monkeypatch.setattr(asyncio, "run_coroutine_threadsafe", interrupting)
    with pytest.raises(Interrupted):
        one.call(stall)
    assert unwound == ["all of it"]
    monkeypatch.undo()
    one.close()


def test_an_interrupt_before_there_is_a_future_ends_the_call_too(monkeypatch: pytest.MonkeyPatch) -> None:
    one = made()
    one.call(itself)
    unwound = threading.Event()

    async def stall(_: Inside) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            unwound.set()

    real = asyncio.run_coroutine_threadsafe

    def interrupting(*args: Any) -> Any:
        real(*args)
        time.sleep(0.02)
        raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr(asyncio, "run_coroutine_threadsafe", interrupting)
        with pytest.raises(Interrupted):
            one.call(stall)
    assert unwound.is_set()
    one.close()


def test_an_interrupted_call_that_does_not_unwind_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portal, "GRACE", 0.05)
    one = made()
    begun, release, unwound = threading.Event(), threading.Event(), threading.Event()

    async def stubborn(_: Inside) -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.to_thread(release.wait, 20)
            unwound.set()

    def interrupt() -> None:
        begun.wait(20)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        one.call(stubborn)
    assert not unwound.is_set()
    release.set()
    assert unwound.wait(20)
    one.close()


def test_what_cannot_be_ended_is_raised_to_who_closes() -> None:
    async def end(_: Inside) -> None:
        raise ZeroDivisionError

    one = LoopThread(Inside, end)
    one.call(itself)
    with pytest.raises(ZeroDivisionError):
        one.close()


def test_nothing_waits_for_the_loop_when_python_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    one = made()
    numbers = one.iterate(lambda inside: inside.count())
    next(numbers)
    with monkeypatch.context() as ending:
        ending.setattr(sys, "is_finalizing", lambda: True)
        ending.setattr(one._running, "call", None)
        numbers.close()
    one.close()


def test_another_process_has_a_loop_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a fork, but for the thread, which goes on here."""
    one = made()
    before = one.call(itself)
    numbers = one.iterate(lambda inside: inside.count())
    next(numbers)
    parent = one._running
    assert parent is not None
    with monkeypatch.context() as forked:
        forked.setattr(os, "getpid", lambda: -1)
        parent.stop()
        parent.join()
        with pytest.raises(UsageError, match="in the process that this one was forked from"):
            next(numbers)
        assert one.call(itself) is not before
        one.close()
    assert not before.ended
    parent.stop()
    parent.stop()
    parent.join()
    assert before.ended


FORK = """
import os, sys, threading, warnings
from tests_portal import Inside, made, itself
one = made()
before = one.call(itself)
numbers = one.iterate(lambda inside: inside.count(4))
next(numbers)
warnings.simplefilter("ignore", DeprecationWarning)  # forking with threads is the very point
child = os.fork()
if child == 0:
    from allium_market_data.errors import UsageError
    try:
        next(numbers)
    except UsageError as error:
        assert "forked" in str(error), error
    after = one.call(itself)
    assert after is not before and not before.ended
    assert list(one.iterate(lambda inside: inside.count(3))) == [0, 1, 2]
    one.close()
    assert after.ended and not before.ended
    one.call(itself)
    del one
    print("child done", flush=True)
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
assert list(numbers) == [1, 2, 3]
assert one.call(itself) is before
print("parent done", flush=True)
"""


def script(text: str) -> str:
    """The output of a script that may import this file; it must end by itself, without a word of complaint."""
    loading = f"import importlib.util as u, sys; s = u.spec_from_file_location('tests_portal', {__file__!r}); "
    loading += "sys.modules['tests_portal'] = m = u.module_from_spec(s); s.loader.exec_module(m)\n"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", loading + text], capture_output=True, text=True, timeout=20, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_a_child_of_a_fork_has_a_loop_of_its_own_and_leaves_the_parent_s_alone() -> None:
    assert script(FORK).splitlines() == ["child done", "parent done"]


def test_a_script_that_closes_nothing_ends_all_the_same() -> None:
    text = (
        "from tests_portal import *; one = made(); two = one.iterate(lambda inside: inside.count()); print(next(two))"
    )
    assert script(text) == "0\n"
