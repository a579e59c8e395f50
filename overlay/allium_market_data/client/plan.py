"""From a span of time to the requests that cover it."""

from __future__ import annotations

from datetime import datetime

from ..errors import UsageError
from ..model.endpoint import Endpoint
from ..model.intervals import WIDTHS, Interval
from ..model.times import to_iso
from ..model.windows import OVERLAP, Plan


def plan(endpoint: Endpoint, interval: Interval, start: datetime, end: datetime, overlap: int = OVERLAP) -> Plan:
    """The requests for every bucket of ``interval`` with start <= ts < end. ``start`` and ``end`` are aware UTC datetimes.

    Raises ``UsageError`` for an interval that the specification does not have, or a start that is not before its end.
    """
    if interval not in WIDTHS:
        raise UsageError(f"unknown interval {interval!r:.80}: use one of {', '.join(WIDTHS)}")
    if not start < end:
        raise UsageError(f"start must be before end: {to_iso(start)} is not before {to_iso(end)}")
    requests = Plan(interval, start, end, endpoint.span, endpoint.limit, overlap)
    try:
        if requests:
            requests[0], requests[-1]
    except OverflowError:
        raise UsageError(
            f"{to_iso(start)} to {to_iso(end)} touches the end of the calendar: leave one bucket on each side"
        ) from None
    return requests
