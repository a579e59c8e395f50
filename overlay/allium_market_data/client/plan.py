"""From a span of time to the requests that cover it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from ..errors import UsageError
from ..formats.arrow import source_metadata
from ..model.endpoint import OPEN_INTEREST, Endpoint
from ..model.intervals import WIDTHS, Interval
from ..model.times import to_iso
from ..model.windows import OVERLAP, Plan
from ..validation import Instant, check_choice, to_span
from ..version import VERSION

By = Literal["row", "page"]
"""What a stream yields."""

Errors = Literal["raise", "collect"]
"""What a fetch of several markets does with the error of one: raise it, or return it with the others."""

RECENT = 60
"""The buckets in which the latest row is expected."""


def plan(endpoint: Endpoint, interval: Interval, start: datetime, end: datetime, overlap: int = OVERLAP) -> Plan:
    """The requests for every bucket of ``interval`` with start <= ts < end. ``start`` and ``end`` are aware UTC datetimes.

    Raises ``UsageError`` for an interval that the specification does not have, one whose buckets are too wide for the window
    cap, or a start that is not before its end.
    """
    operation = endpoint.operation
    if interval not in operation.intervals:
        raise UsageError(f"unknown interval {interval!r:.80}: use one of {', '.join(operation.intervals)}")
    if not start < end:
        raise UsageError(f"start must be before end: {to_iso(start)} is not before {to_iso(end)}")
    requests = Plan(interval, start, end, operation.window_cap, operation.limit_maximum, overlap)
    if not requests.is_possible:
        raise UsageError(f"no request can hold a whole bucket of {interval}: fetch a smaller interval and resample it")
    try:
        if requests:
            requests[0], requests[-1]
    except OverflowError:
        raise UsageError(
            f"{to_iso(start)} to {to_iso(end)} touches the end of the calendar: leave one bucket on each side"
        ) from None
    return requests


def plan_open_interest(interval: Interval, start: Instant, end: Instant | None) -> Plan:
    """The requests for open interest, by default until now. Raises ``UsageError`` for a wrong argument."""
    return plan(OPEN_INTEREST, interval, *to_span(start, end))


def plan_latest(endpoint: Endpoint, interval: Interval, now: datetime) -> tuple[Plan, Plan]:
    """Two plans of one request each that end now: a short one, and the longest, for a market without recent rows.

    Raises ``UsageError`` for an unknown interval.
    """
    check_choice("interval", interval, endpoint.operation.intervals)
    bucket = timedelta(microseconds=WIDTHS[interval])
    longest = min(endpoint.operation.window_cap // WIDTHS[interval], endpoint.operation.limit_maximum - 2) - 2
    short, long = (plan(endpoint, interval, now - buckets * bucket, now) for buckets in (min(RECENT, longest), longest))
    return short, long


def plan_metadata(requests: Plan, base_url: str) -> dict[str, str]:
    """What a file of the rows says about their source: URL, specification, versions, interval and span."""
    from .transport import specification

    return source_metadata(
        interval=requests.interval,
        start=requests.start,
        end=requests.end,
        base_url=base_url,
        specification=specification(),
        client_version=VERSION,
    )
