"""An event loop in a thread of its own, for callers that have none."""

from __future__ import annotations

import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Generic, TypeVar

from anyio.from_thread import BlockingPortal, start_blocking_portal

GRACE = 0.5
"""How long an interrupted caller waits for its call to unwind, in seconds."""

C = TypeVar("C")
T = TypeVar("T")


@dataclass
class _Running(Generic[C]):
    """A started loop, with what lives on it, and the process that it lives in."""

    portal: BlockingPortal
    inside: C
    stack: ExitStack
    process: int


class Portal(Generic[C]):
    """Runs coroutines on its loop, which starts at the first call and, after a fork, anew in the child.

    ``make`` makes what lives on the loop, ``end`` closes it.
    """

    def __init__(self, make: Callable[[], C], end: Callable[[C], Awaitable[None]]) -> None:
        self._make = make
        self._end = end
        self._running: _Running[C] | None = None
        self._lock = threading.Lock()

    def call(self, function: Callable[[C], Awaitable[T]]) -> T:
        """Run ``function`` on the loop and wait for it. An interrupt (Ctrl-C) cancels it and is passed on."""
        running = self._started()
        over = threading.Event()

        async def run() -> T:
            try:
                return await function(running.inside)
            finally:
                over.set()

        future = running.portal.start_task_soon(run)
        try:
            return future.result()
        except BaseException:
            if future.cancel():
                over.wait(GRACE)
            raise

    def iterate(self, function: Callable[[C], AsyncIterator[T]]) -> Iterator[T]:
        """Hand on what an asynchronous iterator on the loop yields. Leaving early ends it there."""
        running = self._started()
        iterator = function(running.inside)
        done = object()

        async def step() -> object:
            return await anext(iterator, done)

        try:
            while (item := self.call(lambda _: step())) is not done:
                yield item  # type: ignore[misc]
        finally:
            if running is self._running:
                self.call(lambda _: iterator.aclose())  # type: ignore[attr-defined]

    def close(self) -> None:
        """Close what lives on the loop, and end the loop and its thread."""
        with self._lock:
            running, self._running = self._running, None
        if running is not None and running.process == os.getpid():
            running.stack.close()

    def _started(self) -> _Running[C]:
        with self._lock:
            if self._running is None or self._running.process != os.getpid():
                self._running = self._start()
            return self._running

    def _start(self) -> _Running[C]:
        with ExitStack() as stack:
            portal = stack.enter_context(start_blocking_portal("asyncio"))
            inside = self._make()
            stack.callback(portal.call, self._end, inside)
            return _Running(portal, inside, stack.pop_all(), os.getpid())
