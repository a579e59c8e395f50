"""The questions that the specification leaves open, and one answer to each; pure.

A `Reading` holds one choice a question. Its defaults are the *plain* reading: whole buckets, selected by their label,
``ts`` names the start of its bucket, start <= ts < end, ascending, the earliest survive ``limit``, an empty bucket is
omitted. With ``w`` the width of the interval, and ``stop`` the instant that the window ends before (``end``, or a
microsecond later with *end-inclusive*), the choices compose like this:

- **label**: a bucket [b, b+w) is called b, or with *label-end* b+w. Its samples are the same.
- **cut** by bucket (plain): a bucket is returned when start <= label < stop, and its value is the last sample of the
  whole [b, b+w), even where that lies outside the window.
- **start-bucket**: moreover the bucket that contains an unaligned ``start`` is returned, labelled before it. With
  *label-end* that bucket is labelled after ``start`` and is in or out like any other, so nothing is added.
- **cut-samples**: only samples with start <= t < stop count, and every bucket that holds one is returned, wherever its
  label lies; the buckets at the edges are partial. This returns the bucket around an unaligned ``start`` by itself, so
  *start-bucket* adds nothing. With *end-inclusive* a sample at exactly ``end`` makes one more bucket.
- **carry-forward**: after that choice of buckets, one without a sample carries the market's last earlier value, from
  before the window too; with *cut-samples* that goes for every bucket that the window touches, a bucket whose samples
  all lie after the window included, and its value is the one in force where the window cuts it. Never before the
  market's first sample, never in a bucket that starts after its last one.
- **keep-latest**: of those rows, in order of time, the last ``limit`` survive instead of the first.
- **descending**: what survived is sent in reverse.

The other choices are about text and bytes only. None changes a value.
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
    """Is ``end_timestamp`` part of the window?"""
    label: Literal["start", "end"] = "start"
    """What ``ts`` names."""
    cut: Literal["buckets", "samples"] = "buckets"
    """What the window cuts."""
    start_bucket: bool = False
    """Is the bucket that contains an unaligned ``start_timestamp`` returned, labelled before it?"""
    order: Literal["ascending", "descending"] = "ascending"
    """The order of ``items``."""
    keep: Literal["earliest", "latest"] = "earliest"
    """Which rows survive ``limit``."""
    empty: Literal["omitted", "carried"] = "omitted"
    """A bucket with no sample."""
    ts_text: Literal["micros", "z"] = "micros"
    """``2026-05-01T01:00:00.000000+00:00`` or ``2026-05-01T01:00:00Z``."""
    decimals: Literal["stored", "trailing-zeros", "integer", "18"] = "stored"
    """The text of an amount: as stored, or the same number written differently."""
    unknown_fields: bool = False
    """Do fields that the specification does not name appear, in an item and beside ``items``?"""
    error_body: Literal["fastapi", "plain-text", "problem-json", "empty"] = "fastapi"
    """The body of a refusal."""
    compression: Literal["none", "gzip"] = "none"
    """Is an answer compressed for those who accept it?"""


class Choice(NamedTuple):
    """What a name for ``--reading`` sets, and what it means."""

    field: str
    value: str | bool
    description: str


READINGS: Final[dict[str, Choice]] = {
    "end-inclusive": Choice("end_inclusive", True, "end_timestamp is part of the window"),
    "label-end": Choice("label", "end", "ts names the end of its bucket"),
    "cut-samples": Choice("cut", "samples", "the window cuts raw samples, so buckets at its edges are partial"),
    "start-bucket": Choice("start_bucket", True, "the bucket around an unaligned start is returned too"),
    "descending": Choice("order", "descending", "items come latest first"),
    "keep-latest": Choice("keep", "latest", "of more rows than limit, the latest survive"),
    "carry-forward": Choice("empty", "carried", "a bucket with no sample carries the last value forward"),
    "ts-z": Choice("ts_text", "z", "ts ends in Z and has no microseconds"),
    "decimals-trailing-zeros": Choice("decimals", "trailing-zeros", "amounts have three more zeros than they need"),
    "decimals-integer": Choice("decimals", "integer", "whole amounts are written without a point"),
    "decimals-18": Choice("decimals", "18", "amounts have at least 18 decimals"),
    "unknown-fields": Choice("unknown_fields", True, "fields nobody documented, in each item and beside items"),
    "error-plain-text": Choice("error_body", "plain-text", "a refusal is a line of plain text"),
    "error-problem-json": Choice("error_body", "problem-json", "a refusal is application/problem+json"),
    "error-empty": Choice("error_body", "empty", "a refusal has no body"),
    "gzip": Choice("compression", "gzip", "answers are compressed for those who accept it"),
}
"""Every departure from the plain reading, by the name that ``--reading`` takes."""


def reading_named(names: Iterable[str]) -> Reading:
    """The reading that departs from the plain one by each of ``names``.

    Raises `SandboxError` for an unknown name, and for two names that answer the same question differently.
    """
    chosen: dict[str, str] = {}
    for name in names:
        if name not in READINGS:
            raise SandboxError(f"there is no reading {name!r}; choose from {', '.join(READINGS)}")
        field = READINGS[name].field
        if chosen.setdefault(field, name) != name:
            raise SandboxError(f"the readings {chosen[field]!r} and {name!r} exclude each other")
    # The names and values of READINGS are checked against Reading by a test; the type checker cannot see through them.
    return replace(Reading(), **{field: READINGS[name].value for field, name in chosen.items()})  # type: ignore[arg-type]
