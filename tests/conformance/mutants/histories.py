"""Histories whose rows are not the last sample of each bucket."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import TypeAlias

from allium_market_data.model.intervals import MINUTE, floor
from allium_market_data.sandbox.answer import History, ItemText, Row, Span
from allium_market_data.sandbox.source import Sample

Amounts: TypeAlias = tuple[str, str]


def every_sample(history: History, span: Span) -> list[Sample]:
    """All samples in ``span``: a bucket of a microsecond has at most one."""
    # For spans that end on a minute, `MarketHistory` reads the last sample of each minute only: avoid them.
    before = span.before if span.before % MINUTE else span.before + 1
    return [sample for sample in history.last_per_bucket(1, Span(span.since, before)) if sample[0] < span.before]


class WrappedHistory:
    """An `answer.History` that changes the rows of another one."""

    def __init__(self, history: History) -> None:
        self.history = history

    @property
    def first(self) -> int:
        """The time of the first sample."""
        return self.history.first

    @property
    def last(self) -> int:
        """The time of the last sample."""
        return self.history.last

    def rows(self, width: int, span: Span) -> list[Row]:
        """All rows of ``span``, ascending. Subclasses override this."""
        return self.history.last_per_bucket(width, span)

    def last_per_bucket(self, width: int, span: Span, limit: int | None = None, latest: bool = False) -> list[Row]:
        """At most ``limit`` of those rows, from one end."""
        rows = self.rows(width, span)
        if limit is None or len(rows) <= limit:
            return rows
        return rows[-limit:] if latest else rows[:limit]

    def items_text(self, width: int, span: Span, limit: int, item: ItemText) -> str:
        """Not used: changed rows are written one by one."""
        raise NotImplementedError

    def last_before(self, moment: int) -> Amounts | None:
        """The amounts of the last sample before ``moment``."""
        return self.history.last_before(moment)


Pick: TypeAlias = Callable[[Sequence[Sample], int, int], Amounts]
"""From a bucket's samples, its start and its width to its amounts."""


class Picked(WrappedHistory):
    """The amounts that ``pick`` computes from the samples of each bucket."""

    def __init__(self, history: History, pick: Pick) -> None:
        super().__init__(history)
        self.pick = pick

    def rows(self, width: int, span: Span) -> list[Row]:
        """A row for each bucket, with those amounts."""
        groups = groupby(every_sample(self.history, span), lambda sample: floor(sample[0], width))
        return [(start, *self.pick(list(samples), start, width)) for start, samples in groups]


class Delayed(WrappedHistory):
    """Every sample, ``by`` microseconds later."""

    def __init__(self, history: History, by: int) -> None:
        super().__init__(history)
        self.by = by

    @property
    def first(self) -> int:
        """The time of the first sample."""
        return self.history.first + self.by

    @property
    def last(self) -> int:
        """The time of the last sample."""
        return self.history.last + self.by

    def rows(self, width: int, span: Span) -> list[Row]:
        """The last of the moved samples of each bucket."""
        samples = every_sample(self.history, Span(span.since - self.by, span.before - self.by))
        amounts_at = {floor(time + self.by, width): (base, quote) for time, base, quote in samples}
        return [(start, *amounts) for start, amounts in amounts_at.items()]

    def last_before(self, moment: int) -> Amounts | None:
        """The amounts of the last sample before ``moment``."""
        return self.history.last_before(moment - self.by)


class Filled(WrappedHistory):
    """Zero in each bucket without a sample."""

    def rows(self, width: int, span: Span) -> list[Row]:
        """A row for each bucket from the first sample to the last one."""
        present = {start: (base, quote) for start, base, quote in self.history.last_per_bucket(width, span)}
        starts = range(floor(max(span.since, self.first), width), min(span.before, self.last + 1), width)
        return [(start, *present.get(start, ("0", "0"))) for start in starts]


class Counted(WrappedHistory):
    """Only ``limit`` samples of any span, from one end."""

    def __init__(self, history: History, limit: int, latest: bool) -> None:
        super().__init__(history)
        self.limit = limit
        self.latest = latest

    def rows(self, width: int, span: Span) -> list[Row]:
        """The last of those samples in each bucket."""
        samples = every_sample(self.history, span)
        samples = samples[-self.limit :] if self.latest else samples[: self.limit]
        return [
            (start, base, quote) for start, (base, quote) in {floor(t, width): (b, q) for t, b, q in samples}.items()
        ]
