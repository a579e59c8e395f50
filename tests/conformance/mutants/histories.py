"""Histories whose rows are not the last sample of each bucket."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import TypeAlias

from allium_market_data.model.intervals import DAY, MINUTE, floor
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


class RepeatedHistory(WrappedHistory):
    """The same samples again before the first one, once in every `PERIOD`, for eight years."""

    PERIOD = 60 * DAY
    COUNT = 50

    @property
    def first(self) -> int:
        """The time of the first sample, years earlier."""
        return self.history.first - self.COUNT * self.PERIOD

    def rows(self, width: int, span: Span) -> list[Row]:
        """The last sample of each bucket, piece by piece. Pieces begin at midnight, so no bucket is in two of them."""
        origin = floor(self.history.first, DAY) + DAY
        rows: list[Row] = []
        since = max(span.since, origin - self.COUNT * self.PERIOD)
        while since < span.before:
            earlier = max(-((since - origin) // self.PERIOD), 0)
            edge = span.before if not earlier else min(span.before, origin - (earlier - 1) * self.PERIOD)
            shift = earlier * self.PERIOD
            piece = self.history.last_per_bucket(width, Span(since + shift, edge + shift))
            rows += [(start - shift, base, quote) for start, base, quote in piece]
            since = edge
        return rows

    def last_before(self, moment: int) -> Amounts | None:
        """The amounts of the last sample before ``moment``."""
        origin = floor(self.history.first, DAY) + DAY
        return self.history.last_before(moment + max(-((moment - 1 - origin) // self.PERIOD), 0) * self.PERIOD)


class ThinnedHistory(WrappedHistory):
    """Only the first sample of each ``every`` microseconds: a quiet market."""

    def __init__(self, history: History, every: int) -> None:
        super().__init__(history)
        self.every = every

    def samples(self, span: Span) -> list[Sample]:
        """The samples of ``span`` that are left."""
        found = every_sample(self.history, Span(floor(span.since, self.every), span.before))
        first = [next(samples) for _, samples in groupby(found, lambda sample: floor(sample[0], self.every))]
        return [sample for sample in first if sample[0] >= span.since]

    def rows(self, width: int, span: Span) -> list[Row]:
        """The last of those samples in each bucket."""
        amounts_at = {floor(time, width): (base, quote) for time, base, quote in self.samples(span)}
        return [(start, *amounts) for start, amounts in amounts_at.items()]

    def last_before(self, moment: int) -> Amounts | None:
        """The amounts of the last sample before ``moment``, if it is at most three days old."""
        samples = self.samples(Span(moment - 3 * DAY, moment))
        return (samples[-1][1], samples[-1][2]) if samples else None


class LaggingHistory(WrappedHistory):
    """The samples until ``until()`` only."""

    def __init__(self, history: History, until: Callable[[], int]) -> None:
        super().__init__(history)
        self.until = until

    @property
    def last(self) -> int:
        """The time of the last sample, at most."""
        return min(self.history.last, self.until())

    def rows(self, width: int, span: Span) -> list[Row]:
        """The last known sample of each bucket."""
        before = min(span.before, self.until())
        return self.history.last_per_bucket(width, Span(span.since, before)) if span.since < before else []

    def last_before(self, moment: int) -> Amounts | None:
        """The amounts of the last sample before ``moment``."""
        return self.history.last_before(min(moment, self.until()))
