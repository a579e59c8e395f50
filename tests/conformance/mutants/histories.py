"""Histories that tell something else than the last sample of each bucket."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import TypeAlias

from allium_market_data.model.intervals import MINUTE, floor
from allium_market_data.sandbox.answer import History, ItemText, Row, Span
from allium_market_data.sandbox.source import Sample

Amounts: TypeAlias = tuple[str, str]


def every_sample(history: History, span: Span) -> list[Sample]:
    """All samples in ``span``: a bucket of a microsecond holds one at most."""
    # The store may keep only the last sample of each minute ready for spans that end with a minute; this one does not.
    before = span.before if span.before % MINUTE else span.before + 1
    return [sample for sample in history.last_per_bucket(1, Span(span.since, before)) if sample[0] < span.before]


class Double:
    """Another history's samples, told differently; an `answer.History`."""

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
        """Every row of ``span``, ascending: what a double changes."""
        return self.history.last_per_bucket(width, span)

    def last_per_bucket(self, width: int, span: Span, limit: int | None = None, latest: bool = False) -> list[Row]:
        """Those rows, at most ``limit`` of them, from one end."""
        rows = self.rows(width, span)
        if limit is None or len(rows) <= limit:
            return rows
        return rows[-limit:] if latest else rows[:limit]

    def items_text(self, width: int, span: Span, limit: int, item: ItemText) -> str:
        """Never asked for: rows that were changed are written one by one."""
        raise NotImplementedError

    def last_before(self, moment: int) -> Amounts | None:
        """The amounts of the last sample before ``moment``."""
        return self.history.last_before(moment)


Pick: TypeAlias = Callable[[Sequence[Sample], int, int], Amounts]
"""From a bucket's samples, its start and its width to its amounts."""


class Picked(Double):
    """Of each bucket, what ``pick`` makes of its samples."""

    def __init__(self, history: History, pick: Pick) -> None:
        super().__init__(history)
        self.pick = pick

    def rows(self, width: int, span: Span) -> list[Row]:
        """One row a bucket, with the amounts picked."""
        groups = groupby(every_sample(self.history, span), lambda sample: floor(sample[0], width))
        return [(start, *self.pick(list(samples), start, width)) for start, samples in groups]


class Delayed(Double):
    """Every sample as if it had been taken ``by`` microseconds later."""

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
        """The last sample of each bucket, of the samples as they are told."""
        samples = every_sample(self.history, Span(span.since - self.by, span.before - self.by))
        told = {floor(time + self.by, width): (base, quote) for time, base, quote in samples}
        return [(start, *amounts) for start, amounts in told.items()]

    def last_before(self, moment: int) -> Amounts | None:
        """The amounts of the last sample before ``moment``."""
        return self.history.last_before(moment - self.by)


class Filled(Double):
    """A bucket without a sample is zero."""

    def rows(self, width: int, span: Span) -> list[Row]:
        """A row for each bucket from the first sample to the last one."""
        present = {start: (base, quote) for start, base, quote in self.history.last_per_bucket(width, span)}
        starts = range(floor(max(span.since, self.first), width), min(span.before, self.last + 1), width)
        return [(start, *present.get(start, ("0", "0"))) for start in starts]


class Counted(Double):
    """Only ``limit`` samples of any span, from one end."""

    def __init__(self, history: History, limit: int, latest: bool) -> None:
        super().__init__(history)
        self.limit = limit
        self.latest = latest

    def rows(self, width: int, span: Span) -> list[Row]:
        """The last sample of each bucket, of those samples."""
        samples = every_sample(self.history, span)
        samples = samples[-self.limit :] if self.latest else samples[: self.limit]
        return [
            (start, base, quote) for start, (base, quote) in {floor(t, width): (b, q) for t, b, q in samples}.items()
        ]
