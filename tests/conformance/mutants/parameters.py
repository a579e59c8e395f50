"""Parameters that are misread: offsets, missing or unreadable values, markets."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Final

from allium_market_data.model.intervals import DAY, INTERVALS
from allium_market_data.sandbox.endpoint import SandboxRequest, SandboxResponse
from allium_market_data.sandbox.query import HTTPError, Query

from .edits import (
    EMPTY,
    INTERVAL,
    JSON_HEADERS,
    TIMES,
    Parameters,
    edit_parameters,
    instant,
    instant_text,
    parse_parameters,
)
from .mutant import Change, Changes, Mutant, Step

_ISO: Final = ("start.iso-8601-1", "end.iso-8601-1")
_NAIVE: Final = ("start.naive-is-utc-1",)
_WINDOW: Final = ("start.window-1",)
_INTERVAL: Final = ("interval.enum-1",)

_ZONE: Final = re.compile(r"(?<=[0-9])(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})$")
_OFFSET: Final = re.compile(r"(?<=[0-9])[+-][0-9]{2}:?[0-9]{2}$")
_WORDS: Final = re.compile(r"[A-Za-z]+")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}.*")


def _mutant(name: str, description: str, clauses: tuple[str, ...], change: Change[bytes, Query]) -> Mutant:
    return Mutant(name, description, clauses, Changes(parse=change))


def _times(edit: Callable[[str], str], names: Collection[str] = TIMES) -> Change[bytes, Query]:
    """Edit both times, or one."""
    return edit_parameters(
        lambda parameters: parameters | {name: edit(parameters[name]) for name in names if name in parameters}
    )


def _naive(text: str) -> bool:
    return instant(text) is not None and not (_zoned(text))


def _zoned(text: str) -> bool:
    # The end of a date looks like an offset.
    return "T" in text and _ZONE.search(text) is not None


def _local(text: str) -> str:
    if not _naive(text):
        return text
    return f"{text}+02:00" if "T" in text else f"{text}T00:00+02:00"


def _rolled_over(text: str) -> str:
    return re.sub(r"^([0-9]{4})-02-30", r"\1-03-02", text)


def _without_offset(text: str) -> str:
    return _OFFSET.sub("", text) if _zoned(text) else text


def _sign_flipped(text: str) -> str:
    if not (_zoned(text) and _OFFSET.search(text)):
        return text
    head, sign, tail = text[:-6], text[-6], text[-5:]
    return f"{head}{'-' if sign == '+' else '+'}{tail}"


def _refused(is_wrong: Callable[[str], bool]) -> Change[bytes, Query]:
    def change(query_string: bytes, call_next: Step[bytes, Query]) -> Query:
        parameters = parse_parameters(query_string)
        if any(is_wrong(parameters.get(name, "")) for name in TIMES):
            raise HTTPError(422, "This form of ISO 8601 is not supported")
        return call_next(query_string)

    return change


def _defaults(parameters: Parameters, missing: Callable[[str | None], bool]) -> Parameters:
    """Set a time that is ``missing`` to a day from the other one, if that is readable."""
    start, end = (parameters.get(name) for name in TIMES)
    if missing(start) and end is not None and (moment := instant(end)) is not None:
        return parameters | {TIMES[0]: instant_text(moment - DAY)}
    if missing(end) and start is not None and (moment := instant(start)) is not None:
        return parameters | {TIMES[1]: instant_text(moment + DAY)}
    return parameters


def _default_for(name: str) -> Change[bytes, Query]:
    """A missing time is a day from the other one."""
    return edit_parameters(lambda given: given if name in given else _defaults(given, lambda text: text is None))


def _unreadable(text: str | None) -> bool:
    return text is not None and instant(text) is None


def _unknown_interval(parameters: Parameters) -> Parameters:
    known = parameters.get(INTERVAL, "1h") in INTERVALS
    return parameters if known else parameters | {INTERVAL: "1h"}


def _reversed_read_forward(parameters: Parameters) -> Parameters:
    start, end = (instant(parameters.get(name, "")) for name in TIMES)
    if start is None or end is None or start <= end:
        return parameters
    return parameters | {TIMES[0]: parameters[TIMES[1]], TIMES[1]: parameters[TIMES[0]]}


def _empty_where(is_wrong: Callable[[Parameters], bool]) -> Change[SandboxRequest, SandboxResponse]:
    """200 and no items instead of an error."""

    def change(request: SandboxRequest, call_next: Step[SandboxRequest, SandboxResponse]) -> SandboxResponse:
        response = call_next(request)
        if response.status == 422 and is_wrong(parse_parameters(request.query_string)):
            return SandboxResponse(200, EMPTY, JSON_HEADERS)
        return response

    return change


def _reversed(parameters: Parameters) -> bool:
    start, end = (instant(parameters.get(name, "")) for name in TIMES)
    return start is not None and end is not None and start > end


def _any_time(parameters: Parameters, pattern: re.Pattern[str]) -> bool:
    texts = [parameters.get(name, "") for name in TIMES]
    return any(pattern.fullmatch(text) is not None and instant(text) is None for text in texts)


def _interval_refused(interval: str) -> Change[bytes, Query]:
    return edit_parameters(lambda given: given | {INTERVAL: "none"} if given.get(INTERVAL) == interval else given)


def _path_refused(part: bytes) -> Change[SandboxRequest, SandboxResponse]:
    def change(request: SandboxRequest, call_next: Step[SandboxRequest, SandboxResponse]) -> SandboxResponse:
        is_refused = part in request.raw_path.upper()
        return call_next(replace(request, market_id="not:found:HERE") if is_refused else request)

    return change


MUTANTS: Final = (
    _mutant("naive-is-local", "naive time is read as two hours ahead of UTC", _NAIVE, _times(_local)),
    _mutant("naive-end-is-local", "a naive end is read as local time", _NAIVE, _times(_local, TIMES[1:])),
    _mutant("naive-start-is-local", "a naive start is read as local time", _NAIVE, _times(_local, TIMES[:1])),
    _mutant("naive-refused", "naive time is refused", _NAIVE, _refused(_naive)),
    _mutant(
        "naive-with-fraction-is-local",
        "a naive time with a fraction of a second is read as local time",
        _NAIVE,
        _times(lambda text: _local(text) if "." in text else text),
    ),
    _mutant(
        "date-alone-is-local",
        "a date without a time is midnight in local time",
        _NAIVE,
        _times(lambda text: text if "T" in text else _local(text)),
    ),
    _mutant("february-30-is-march-2", "30 February rolls over to 2 March", _ISO, _times(_rolled_over)),
    _mutant("offset-ignored", "an offset is ignored", _ISO, _times(_without_offset)),
    _mutant(
        "end-offset-ignored",
        "the offset of the end is ignored",
        ("end.iso-8601-1",),
        _times(_without_offset, TIMES[1:]),
    ),
    _mutant(
        "start-offset-ignored",
        "the offset of the start is ignored",
        ("start.iso-8601-1",),
        _times(_without_offset, TIMES[:1]),
    ),
    _mutant("offset-sign-flipped", "an offset counts the wrong way", _ISO, _times(_sign_flipped)),
    _mutant("z-refused", "Z is refused", _ISO, _refused(lambda text: text.endswith("Z"))),
    _mutant(
        "offset-refused",
        "an offset is refused",
        _ISO,
        _refused(lambda text: "T" in text and bool(_OFFSET.search(text))),
    ),
    _mutant(
        "start-not-needed",
        "a missing start is a day before the end",
        ("start.required-1",),
        edit_parameters(
            lambda parameters: (
                parameters if TIMES[0] in parameters else _defaults(parameters, lambda text: text is None)
            )
        ),
    ),
    _mutant(
        "end-not-needed",
        "a missing end is a day after the start",
        ("end.required-1",),
        edit_parameters(
            lambda parameters: (
                parameters if TIMES[1] in parameters else _defaults(parameters, lambda text: text is None)
            )
        ),
    ),
    _mutant(
        "interval-not-needed",
        "a missing interval is 1h",
        ("interval.required-1",),
        edit_parameters(lambda parameters: {INTERVAL: "1h"} | parameters),
    ),
    _mutant("interval-unknown-is-1h", "an unknown interval is 1h", _INTERVAL, edit_parameters(_unknown_interval)),
    _mutant("interval-4h-refused", "interval 4h is refused", _INTERVAL, _interval_refused("4h")),
    _mutant("interval-1m-refused", "interval 1m is refused", _INTERVAL, _interval_refused("1m")),
    _mutant(
        "reversed-read-forward",
        "a start behind the end changes places with it",
        _WINDOW,
        edit_parameters(_reversed_read_forward),
    ),
    Mutant(
        "reversed-empty",
        "a start behind the end is answered with no items",
        _WINDOW,
        Changes(whole=_empty_where(_reversed)),
    ),
    _mutant(
        "unreadable-time-ignored",
        "a time that cannot be read is as good as a missing one, which is a day from the other",
        _ISO,
        edit_parameters(lambda parameters: _defaults(parameters, _unreadable)),
    ),
    Mutant(
        "word-for-time-empty",
        "a word for a time is answered with no items",
        _ISO,
        Changes(whole=_empty_where(lambda parameters: _any_time(parameters, _WORDS))),
    ),
    Mutant(
        "impossible-date-empty",
        "a date that does not exist is answered with no items",
        _ISO,
        Changes(whole=_empty_where(lambda parameters: _any_time(parameters, _DATE))),
    ),
    Mutant(
        "percent-colon-refused",
        "a market with %3A is not found",
        ("market.place-1",),
        Changes(whole=_path_refused(b"%3A")),
    ),
    Mutant(
        "bare-colon-refused",
        "a market with a bare colon is not found",
        ("market.place-1",),
        Changes(whole=_path_refused(b":")),
    ),
)
