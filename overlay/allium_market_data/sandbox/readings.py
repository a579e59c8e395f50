"""The questions that the specification leaves open, and readings of the specification that decide them.

A `Reading` makes one choice for each question. Its defaults are the *plain* reading: whole buckets, selected by their
label; the label is the start of the bucket; start <= ts < end; ascending; ``limit`` keeps the earliest rows; empty buckets
are omitted. Let ``w`` be the width of the interval and ``stop`` the exclusive end of the window (``end``, or a
microsecond later with *end-inclusive*). The choices compose like this:

- **label**: the label of a bucket [b, b+w) is b, or b+w with *label-end*. Its samples are the same.
- **cut** by bucket (plain): a bucket is returned when start <= label < stop, and its value is the last sample of the
  whole [b, b+w), even where that lies outside the window.
- **start-bucket**: the bucket that contains an unaligned ``start`` is returned too, with a label before ``start``. With
  *label-end* the label of that bucket is after ``start``, and the option changes nothing.
- **cut-samples**: only samples with start <= t < stop count, and every bucket that holds one is returned, wherever its
  label is; the buckets at the edges are partial. The bucket around an unaligned ``start`` is returned anyway, so
  *start-bucket* changes nothing. With *end-inclusive* a sample at exactly ``end`` makes one more bucket.
- **carry-forward**: a selected bucket without a sample has the market's last earlier value, which may be from before
  the window. With *cut-samples* this applies to every bucket that the window touches, even if its samples are all after
  the window; its value is the one in force where the window cuts it. No value is carried before the market's first
  sample, or into a bucket that starts after its last one.
- **keep-latest**: ``limit`` keeps the latest of those rows instead of the earliest.
- **descending**: the rows are sent in reverse.

*history-refused* and *date-refused* refuse queries that are valid otherwise. The other choices change text and bytes only,
never a value.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple

from ..errors import SandboxError


@dataclass(frozen=True, slots=True)
class Reading:
    """One choice for each open question; the defaults are the plain reading."""

    end_inclusive: bool = False
    """True if the end is part of the window."""
    label: Literal["start", "end"] = "start"
    """Which edge of its bucket a timestamp is."""
    cut: Literal["buckets", "samples"] = "buckets"
    """What the window cuts."""
    start_bucket: bool = False
    """True if the bucket that contains an unaligned start is returned."""
    order: Literal["ascending", "descending"] = "ascending"
    """The order of the rows."""
    keep: Literal["earliest", "latest"] = "earliest"
    """Which rows ``limit`` keeps."""
    empty: Literal["omitted", "carried"] = "omitted"
    """What happens to a bucket without a sample."""
    ts_text: Literal["micros", "z"] = "micros"
    """``2026-05-01T01:00:00.000000+00:00`` or ``2026-05-01T01:00:00Z``, where a timestamp is text."""
    decimals: Literal["stored", "trailing-zeros", "integer", "18"] = "stored"
    """The text of an amount: as stored, or the same number written differently."""
    unknown_fields: bool = False
    """True if items and the response have fields that the specification does not name."""
    error_body: Literal["fastapi", "plain-text", "problem-json", "empty"] = "fastapi"
    """The format of an error response."""
    compression: Literal["none", "gzip"] = "none"
    """Whether responses are compressed for clients that accept it."""
    old_windows: Literal["empty", "refused"] = "empty"
    """What a window that ends before the first sample gets."""
    dates: Literal["midnight", "refused"] = "midnight"
    """Whether a date without a time is an instant."""


class Choice(NamedTuple):
    """The field that a name sets, its value and its meaning."""

    field: str
    value: str | bool
    description: str


READINGS: Final[dict[str, Choice]] = {
    "end-inclusive": Choice("end_inclusive", True, "the end is part of the window"),
    "label-end": Choice("label", "end", "a timestamp is the end of its bucket"),
    "cut-samples": Choice("cut", "samples", "the window cuts raw samples, so buckets at its edges are partial"),
    "start-bucket": Choice("start_bucket", True, "the bucket that contains an unaligned start is returned too"),
    "descending": Choice("order", "descending", "rows come latest first"),
    "keep-latest": Choice("keep", "latest", "limit keeps the latest rows"),
    "carry-forward": Choice("empty", "carried", "a bucket without a sample carries the last value forward"),
    "ts-z": Choice("ts_text", "z", "timestamps end in Z and have no microseconds"),
    "decimals-trailing-zeros": Choice("decimals", "trailing-zeros", "amounts have three extra zeros"),
    "decimals-integer": Choice("decimals", "integer", "whole amounts are written without a point"),
    "decimals-18": Choice("decimals", "18", "amounts have at least 18 decimals"),
    "unknown-fields": Choice("unknown_fields", True, "items and the response have undocumented fields"),
    "error-plain-text": Choice("error_body", "plain-text", "an error is a line of plain text"),
    "error-problem-json": Choice("error_body", "problem-json", "an error is application/problem+json"),
    "error-empty": Choice("error_body", "empty", "an error has no body"),
    "gzip": Choice("compression", "gzip", "responses are compressed for clients that accept it"),
    "history-refused": Choice("old_windows", "refused", "a window before the first sample is an error"),
    "date-refused": Choice("dates", "refused", "a date without a time is an error"),
}
"""Every choice that is not in the plain reading, by its name for ``--reading``."""


def reading_named(names: Iterable[str]) -> Reading:
    """The plain reading, changed by each of ``names``.

    Raises `SandboxError` for an unknown name, and for two names that decide the same question.
    """
    chosen: dict[str, str] = {}
    for name in names:
        if name not in READINGS:
            raise SandboxError(f"there is no reading {name!r}; choose from {', '.join(READINGS)}")
        field = READINGS[name].field
        if chosen.setdefault(field, name) != name:
            raise SandboxError(f"the readings {chosen[field]!r} and {name!r} exclude each other")
    # A test checks the fields and values of READINGS, which the type checker cannot.
    return replace(Reading(), **{field: READINGS[name].value for field, name in chosen.items()})  # type: ignore[arg-type]
