"""What a fetch of several markets returns."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Generic, TypeVar

from ..counts import counted
from ..errors import FetchError

T = TypeVar("T")


class ByMarket(dict[str, T], Generic[T]):
    """A dictionary from market to its series or row, in the order of the request.

    ``errors`` holds the error of each market that is missing because of ``errors="collect"``; else it is empty. ``align``,
    ``totals`` and ``plot`` take the dictionary as it is.
    """

    def __init__(self, items: Iterable[tuple[str, T]] = (), errors: Iterable[tuple[str, FetchError]] = ()) -> None:
        super().__init__(items)
        self.errors: dict[str, FetchError] = dict(errors)

    def __repr__(self) -> str:
        lines = [f"  {market!r}: {repr(value).splitlines()[0]}" for market, value in self.items()]
        lines += [f"  {market!r}: {error!r:.200}" for market, error in self.errors.items()]
        failed = f", {len(self.errors)} failed" if self.errors else ""
        return "\n".join([f"<{counted(len(self), 'market')}{failed}>", *lines])

    def _repr_html_(self) -> str:
        return f"<pre>{escape(repr(self))}</pre>"
