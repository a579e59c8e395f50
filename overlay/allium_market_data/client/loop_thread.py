"""An event loop in a thread of its own, for callers that have none."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import Any, Generic, TypeVar, cast

from ..errors import UsageError

GRACE = 0.5
"""How long an interrupted caller waits for its call to unwind, in seconds."""

C = TypeVar("C")
T = TypeVar("T")

_LEFT_TO_A_PARENT: list[object] = []
"""Loops that a fork copied without their threads. To take one apart in the child would reach into the parent's sockets."""


class _Running(Generic[C]):
    """A started loop in its thread, with what lives on it, in the process that started it."""

    def __init__(self, make: Callable[[], C], end: Callable[[C], Awaitable[None]]) -> None:
        self._lock = threading.Lock()
        self._open = True
        self._process = os.getpid()
        self._failure: BaseException | None = None
        self._iterators: set[AsyncGenerator[Any, None]] = set()
        started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, C]] = Future()

        async def live() -> None:
            stop, inside = asyncio.Event(), make()
            started.set_result((asyncio.get_running_loop(), stop, inside))
            await stop.wait()
            await self._unwind()
            await end(inside)

        def run() -> None:
            try:
                with asyncio.Runner() as runner:
                    runner.run(live())
            except BaseException as error:  # noqa: BLE001 - for whoever waits, in another thread
                if started.done():
                    self._failure = error
                else:
                    started.set_exception(error)

        self._thread = threading.Thread(target=run, name="allium-market-data", daemon=True)
        self._thread.start()
        self._loop, self._stop, self.inside = started.result()

    @property
    def is_ours(self) -> bool:
        """Whether this is the process that started it, and not a fork of that."""
        return self._process == os.getpid()

    def call(self, function: Callable[[C], Awaitable[T]]) -> T:
        """Run ``function`` on the loop and wait for it. An interrupt (Ctrl-C) cancels it and is passed on."""
        over, given_up = threading.Event(), threading.Event()
        tasks: list[asyncio.Task[Any]] = []

        async def run() -> T:
            try:
                tasks.append(cast("asyncio.Task[Any]", asyncio.current_task()))
                if given_up.is_set():
                    raise asyncio.CancelledError
                return await function(self.inside)
            finally:
                over.set()

        if not self.is_ours:  # before the lock: some thread of the parent may have held it
            raise UsageError("these rows are being read in the process that this one was forked from")
        future: Future[T] | None = None
        try:
            with self._lock:
                if not self._open:
                    raise UsageError("the client was closed while its rows were being read")
                future = asyncio.run_coroutine_threadsafe(run(), self._loop)
            return future.result()
        except CancelledError:
            raise UsageError("the client was closed while a call was under way") from None
        except Exception:
            raise
        except BaseException:  # an interrupt, which may come before there is a future to cancel
            given_up.set()
            with suppress(RuntimeError):  # the loop has ended, and the call with it
                self._loop.call_soon_threadsafe(lambda: [task.cancel() for task in tasks])
            if not over.is_set():
                over.wait(GRACE)
            raise
        finally:
            del future  # it holds its error, whose traceback holds this frame

    def begin(self, function: Callable[[C], AsyncGenerator[T, None]]) -> AsyncGenerator[T, None]:
        """Make an iterator on the loop, to be left later."""

        async def make(inside: C) -> AsyncGenerator[T, None]:
            iterator = function(inside)
            self._iterators.add(iterator)
            return iterator

        return self.call(make)

    def leave(self, iterator: AsyncGenerator[Any, None]) -> None:
        """End an iterator on the loop, and what it has under way. A loop that has ended has ended its iterators."""
        self._iterators.discard(iterator)
        if sys.is_finalizing():  # the loop's thread is stopped for good
            return
        if threading.current_thread() is self._thread:  # the collector of garbage may come by in any thread
            self._loop.create_task(_closed(iterator))
            return
        with suppress(UsageError):
            self.call(lambda _: _closed(iterator))

    async def _unwind(self) -> None:
        """Cancel what is under way, then end the iterators: one inside of another must not be ended at the same time."""
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        while self._iterators:
            await _closed(self._iterators.pop())

    def stop(self) -> None:
        """End the loop, soon."""
        if not self.is_ours:
            _LEFT_TO_A_PARENT.append(self)
            return
        with self._lock:
            if self._open:
                self._open = False
                self._loop.call_soon_threadsafe(self._stop.set)

    def join(self) -> None:
        """Wait until it has ended, and raise what went wrong at its end."""
        if self.is_ours:
            self._thread.join()
            if self._failure is not None:
                raise self._failure


async def _closed(iterator: AsyncGenerator[Any, None]) -> None:
    with suppress(RuntimeError):  # it is still unwinding after an interrupt, and ends by itself
        await iterator.aclose()


class LoopThread(Generic[C]):
    """Runs coroutines on its loop, which starts at the first call and, after a fork, anew in the child.

    ``make`` makes what lives on the loop, ``end`` closes it; both are called there. A portal that nobody holds any longer
    ends its loop.
    """

    def __init__(self, make: Callable[[], C], end: Callable[[C], Awaitable[None]]) -> None:
        self._make = make
        self._end = end
        self._running: _Running[C] | None = None
        self._lock, self._process = threading.Lock(), os.getpid()
        self._unheld = weakref.finalize(self, lambda: None)

    def call(self, function: Callable[[C], Awaitable[T]]) -> T:
        """Run ``function`` on the loop and wait for it. An interrupt (Ctrl-C) cancels it and is passed on."""
        return self._started().call(function)

    def iterate(self, function: Callable[[C], AsyncGenerator[T, None]]) -> Generator[T, None, None]:
        """Hand on what an asynchronous iterator on the loop yields. Leaving early ends it there."""
        running = self._started()
        done, iterator = object(), running.begin(function)
        try:
            while (item := running.call(lambda _: anext(iterator, done))) is not done:
                yield item  # type: ignore[misc]
        finally:
            running.leave(iterator)

    def close(self) -> None:
        """Close what lives on the loop, and end the loop and its thread."""
        with self._guard():
            running, self._running = self._running, None
            self._unheld.detach()
        if running is not None:
            running.stop()
            running.join()

    def _started(self) -> _Running[C]:
        with self._guard():
            if self._running is None or not self._running.is_ours:
                if self._running is not None:
                    self._running.stop()
                self._running = _Running(self._make, self._end)
                self._unheld.detach()
                self._unheld = weakref.finalize(self, self._running.stop)
                self._unheld.atexit = False  # at the end of the process its threads end by themselves
            return self._running

    def _guard(self) -> threading.Lock:
        """The lock; after a fork a new one, as some thread of the parent may have held the old one."""
        if self._process != os.getpid():
            self._lock, self._process = threading.Lock(), os.getpid()
        return self._lock
