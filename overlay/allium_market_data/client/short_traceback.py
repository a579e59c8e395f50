"""Tracebacks that end at the call of the user.

A failed fetch has passed through tasks, futures and the retries of another library. Their frames say nothing that the message,
the context and the causes of the error do not say, and there are dozens of them.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TypeVar

from ..errors import FetchError

E = TypeVar("E", bound=BaseException)
T = TypeVar("T")


def shorten(error: E) -> E:
    """The error without the frames that it and its causes have passed through so far."""
    each: BaseException | None = error
    while each is not None:
        each.__traceback__ = None
        each = each.__cause__ or each.__context__
    return error


async def shortened(items: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """The items; a ``FetchError`` among them is shortened."""
    try:
        async with aclosing(items):
            async for item in items:
                yield item
    except FetchError as error:
        raise shorten(error) from error.__cause__
