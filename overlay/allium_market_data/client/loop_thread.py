"""An event loop in its own thread, for callers without a loop."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import Any, Generic, TypeVar

from ..errors import UsageError

GRACE = 0.5
"""How long an interrupted caller waits for its call to unwind, in seconds."""

R = TypeVar("R")
T = TypeVar("T")

_ABANDONED: list[object] = []
"""Loops that a fork copied without their threads. Destroying one in the child would reach into the parent's sockets."""


class _Call(Generic[T]):
    """One coroutine on the loop. It is created there, so an interrupt of the caller cannot leave one that never runs."""

    def __init__(self, function: Callable[[], Awaitable[T]]) -> None:
        self._function = function
        self._task: asyncio.Task[T] | None = None
        self.future: Future[T] = Future()
        self.is_over = threading.Event()

    def start(self) -> None:
        """Start the coroutine. On the loop."""
        self._task = asyncio.get_running_loop().create_task(self._run())
        self._task.add_done_callback(self._finish)

    def cancel(self) -> None:
        """Cancel the coroutine. On the loop, where ``start`` has run before or never will."""
        if self._task is None:
            self.is_over.set()
        else:
            self._task.cancel()

    async def _run(self) -> T:
        return await self._function()

    def _finish(self, task: asyncio.Task[T]) -> None:
        if task.cancelled():
            self.future.cancel()
        elif (error := task.exception()) is not None:
            self.future.set_exception(error)
        else:
            self.future.set_result(task.result())
        self.is_over.set()


class _RunningLoop(Generic[R]):
    """A started loop, its thread, and the resource that lives on the loop. It belongs to the process that started it."""

    def __init__(self, make: Callable[[], R], close: Callable[[R], Awaitable[None]], grace: float) -> None:
        self._grace = grace
        self._lock = threading.Lock()
        self._is_open = True
        self._process = os.getpid()
        self._failure: BaseException | None = None
        self._iterators: set[AsyncGenerator[Any, None]] = set()
        started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, R]] = Future()

        async def live() -> None:
            stop, resource = asyncio.Event(), make()
            started.set_result((asyncio.get_running_loop(), stop, resource))
            await stop.wait()
            await self._unwind()
            await close(resource)

        def run() -> None:
            try:
                with asyncio.Runner() as runner:
                    runner.run(live())
            except BaseException as error:  # noqa: BLE001 - raised in the thread that waits
                if started.done():
                    self._failure = error
                else:
                    started.set_exception(error)

        self._thread = threading.Thread(target=run, name="allium-market-data", daemon=True)
        self._thread.start()
        try:
            self._loop, self._stop, self.resource = started.result()
        except BaseException:
            started.add_done_callback(_stop_loop)  # interrupted: nobody else would stop the loop
            raise

    @property
    def is_ours(self) -> bool:
        """True in the process that started the loop, False in a fork of it."""
        return self._process == os.getpid()

    def call(self, function: Callable[[R], Awaitable[T]]) -> T:
        """Run ``function`` on the loop and wait for it. An interrupt (Ctrl-C) cancels it and is raised."""
        if not self.is_ours:  # before the lock, which a thread of the parent may have held
            raise UsageError("these rows are being read in the process that this one was forked from")
        call = _Call(lambda: function(self.resource))
        try:
            with self._lock:
                if not self._is_open:
                    raise UsageError("the client was closed while its rows were being read")
                self._loop.call_soon_threadsafe(call.start)
            return call.future.result()
        except CancelledError:
            raise UsageError("the client was closed while a call was under way") from None
        except Exception:
            raise
        except BaseException:  # an interrupt, perhaps before the loop knows of the call
            with suppress(RuntimeError):  # raised if the loop has ended, and the call with it
                self._loop.call_soon_threadsafe(call.cancel)
                call.is_over.wait(self._grace)
            raise
        finally:
            del call  # it holds its error, whose traceback holds this frame

    def start_iterator(self, function: Callable[[R], AsyncGenerator[T, None]]) -> AsyncGenerator[T, None]:
        """Make an iterator on the loop. It must be closed with ``close_iterator``."""

        async def make(resource: R) -> AsyncGenerator[T, None]:
            iterator = function(resource)
            self._iterators.add(iterator)
            return iterator

        return self.call(make)

    def close_iterator(self, iterator: AsyncGenerator[Any, None]) -> None:
        """Close an iterator on the loop and cancel its requests. A loop that has ended has closed its iterators."""
        self._iterators.discard(iterator)
        if sys.is_finalizing():  # the loop's thread does not run any more
            return
        if threading.current_thread() is self._thread:  # the garbage collector may run in any thread
            self._loop.create_task(_close(iterator))
            return
        with suppress(UsageError):
            self.call(lambda _: _close(iterator))

    async def _unwind(self) -> None:
        """Cancel all tasks, then close the iterators one by one, as closing nested ones at once fails."""
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        while self._iterators:
            await _close(self._iterators.pop())

    def stop(self) -> None:
        """Tell the loop to end. Does not wait."""
        if not self.is_ours:
            _ABANDONED.append(self)
            return
        with self._lock:
            if self._is_open:
                self._is_open = False
                self._loop.call_soon_threadsafe(self._stop.set)

    def join(self) -> None:
        """Wait until the loop has ended. Raises the error with which it ended."""
        if self.is_ours:
            self._thread.join()
            if self._failure is not None:
                raise self._failure


def _stop_loop(started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, Any]]) -> None:
    if started.exception() is None:
        loop, stop, _ = started.result()
        loop.call_soon_threadsafe(stop.set)


async def _close(iterator: AsyncGenerator[Any, None]) -> None:
    with suppress(RuntimeError):  # it is still unwinding after an interrupt, and ends by itself
        await iterator.aclose()


class LoopThread(Generic[R]):
    """Runs coroutines on an event loop in its own thread, which starts at the first call, and again in a fork's child.

    ``make`` makes the resource that lives on the loop, ``close`` closes it; both are called on the loop. The loop ends with
    ``close()``, or when the ``LoopThread`` is garbage-collected. ``grace`` bounds how long an interrupted caller waits.
    """

    def __init__(self, make: Callable[[], R], close: Callable[[R], Awaitable[None]], grace: float = GRACE) -> None:
        self._start: Callable[[], _RunningLoop[R]] = lambda: _RunningLoop(make, close, grace)
        self._running: _RunningLoop[R] | None = None
        self._lock, self._process = threading.Lock(), os.getpid()
        self._finalizer = weakref.finalize(self, lambda: None)

    def call(self, function: Callable[[R], Awaitable[T]]) -> T:
        """Run ``function`` on the loop and wait for it. An interrupt (Ctrl-C) cancels it and is raised."""
        return self._started().call(function)

    def iterate(self, function: Callable[[R], AsyncGenerator[T, None]]) -> Generator[T, None, None]:
        """Yield what an asynchronous iterator on the loop yields. Closing the generator closes the iterator."""
        running = self._started()
        done, iterator = object(), running.start_iterator(function)
        try:
            while (item := running.call(lambda _: anext(iterator, done))) is not done:
                yield item  # type: ignore[misc]
        finally:
            running.close_iterator(iterator)

    def close(self) -> None:
        """Close the resource, and end the loop and its thread."""
        with self._current_lock():
            running, self._running = self._running, None
            self._finalizer.detach()
        if running is not None:
            running.stop()
            running.join()

    def _started(self) -> _RunningLoop[R]:
        with self._current_lock():
            if self._running is None or not self._running.is_ours:
                if self._running is not None:
                    self._running.stop()
                self._running = self._start()
                self._finalizer.detach()
                self._finalizer = weakref.finalize(self, self._running.stop)
                self._finalizer.atexit = False  # daemon threads end with the process
            return self._running

    def _current_lock(self) -> threading.Lock:
        """The lock. A fork gets a new one, as a thread of the parent may have held the old one."""
        if self._process != os.getpid():
            self._lock, self._process = threading.Lock(), os.getpid()
        return self._lock
