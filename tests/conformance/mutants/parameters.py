"""Parameters that are misread: zones, missing ones, unreadable ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Final

from allium_market_data.model.intervals import DAY, INTERVALS
from allium_market_data.sandbox.endpoint import SandboxRequest, SandboxResponse
from allium_market_data.sandbox.query import HTTPError, Query

from .edits import JSON_HEADERS, TIMES, Parameters, instant, instant_text, parameters, parameters_of
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
    """Both times, or one, read differently."""
    return parameters(lambda given: given | {name: edit(given[name]) for name in names if name in given})


def _naive(text: str) -> bool:
    return instant(text) is not None and not (_zoned(text))


def _zoned(text: str) -> bool:
    # A date alone ends in what looks like half an offset.
    return "T" in text and _ZONE.search(text) is not None


def _local(text: str) -> str:
    if not _naive(text):
        return text
    return f"{text}+02:00" if "T" in text else f"{text}T00:00+02:00"


def _without_offset(text: str) -> str:
    return _OFFSET.sub("", text) if _zoned(text) else text


def _sign_flipped(text: str) -> str:
    if not (_zoned(text) and _OFFSET.search(text)):
        return text
    head, sign, tail = text[:-6], text[-6], text[-5:]
    return f"{head}{'-' if sign == '+' else '+'}{tail}"


def _refused(wrong: Callable[[str], bool]) -> Change[bytes, Query]:
    def change(query_string: bytes, following: Step[bytes, Query]) -> Query:
        given = parameters_of(query_string)
        if any(wrong(given.get(name, "")) for name in TIMES):
            raise HTTPError(422, "This form of ISO 8601 is not supported")
        return following(query_string)

    return change


def _defaults(given: Parameters, missing: Callable[[str | None], bool]) -> Parameters:
    """A time that is ``missing`` is a day from the other one, if that can be read."""
    start, end = (given.get(name) for name in TIMES)
    if missing(start) and end is not None and (moment := instant(end)) is not None:
        return given | {TIMES[0]: instant_text(moment - DAY)}
    if missing(end) and start is not None and (moment := instant(start)) is not None:
        return given | {TIMES[1]: instant_text(moment + DAY)}
    return given


def _unreadable(text: str | None) -> bool:
    return text is not None and instant(text) is None


def _unknown_interval(given: Parameters) -> Parameters:
    known = given.get("interval", "1h") in INTERVALS
    return given if known else given | {"interval": "1h"}


def _reversed_read_forward(given: Parameters) -> Parameters:
    start, end = (instant(given.get(name, "")) for name in TIMES)
    if start is None or end is None or start <= end:
        return given
    return given | {TIMES[0]: given[TIMES[1]], TIMES[1]: given[TIMES[0]]}


def _empty_where(wrong: Callable[[Parameters], bool]) -> Change[SandboxRequest, SandboxResponse]:
    """200 and no items instead of a refusal."""

    def change(call: SandboxRequest, following: Step[SandboxRequest, SandboxResponse]) -> SandboxResponse:
        answer = following(call)
        if answer.status == 422 and wrong(parameters_of(call.query_string)):
            return SandboxResponse(200, b'{"items":[]}', JSON_HEADERS)
        return answer

    return change


def _reversed(given: Parameters) -> bool:
    start, end = (instant(given.get(name, "")) for name in TIMES)
    return start is not None and end is not None and start > end


def _any_time(given: Parameters, pattern: re.Pattern[str]) -> bool:
    texts = [given.get(name, "") for name in TIMES]
    return any(pattern.fullmatch(text) is not None and instant(text) is None for text in texts)


def _interval_refused(interval: str) -> Change[bytes, Query]:
    return parameters(lambda given: given | {"interval": "none"} if given.get("interval") == interval else given)


def _path_refused(part: bytes) -> Change[SandboxRequest, SandboxResponse]:
    def change(call: SandboxRequest, following: Step[SandboxRequest, SandboxResponse]) -> SandboxResponse:
        found = part in call.raw_path.upper()
        return following(replace(call, market_id="not:found:HERE") if found else call)

    return change


MUTANTS: Final = (
    _mutant("naive-is-local", "naive time is read as two hours ahead of UTC", _NAIVE, _times(_local)),
    _mutant("naive-end-is-local", "a naive end is read as local time", _NAIVE, _times(_local, TIMES[1:])),
    _mutant("naive-start-is-local", "a naive start is read as local time", _NAIVE, _times(_local, TIMES[:1])),
    _mutant("naive-refused", "naive time is refused", _NAIVE, _refused(_naive)),
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
        parameters(lambda given: given if TIMES[0] in given else _defaults(given, lambda text: text is None)),
    ),
    _mutant(
        "end-not-needed",
        "a missing end is a day after the start",
        ("end.required-1",),
        parameters(lambda given: given if TIMES[1] in given else _defaults(given, lambda text: text is None)),
    ),
    _mutant(
        "interval-not-needed",
        "a missing interval is 1h",
        ("interval.required-1",),
        parameters(lambda given: {"interval": "1h"} | given),
    ),
    _mutant("interval-unknown-is-1h", "an unknown interval is 1h", _INTERVAL, parameters(_unknown_interval)),
    _mutant("interval-4h-refused", "interval 4h is refused", _INTERVAL, _interval_refused("4h")),
    _mutant("interval-1m-refused", "interval 1m is refused", _INTERVAL, _interval_refused("1m")),
    _mutant(
        "reversed-read-forward",
        "a start behind the end changes places with it",
        _WINDOW,
        parameters(_reversed_read_forward),
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
        parameters(lambda given: _defaults(given, _unreadable)),
    ),
    Mutant(
        "word-for-time-empty",
        "a word for a time is answered with no items",
        _ISO,
        Changes(whole=_empty_where(lambda given: _any_time(given, _WORDS))),
    ),
    Mutant(
        "impossible-date-empty",
        "a date that does not exist is answered with no items",
        _ISO,
        Changes(whole=_empty_where(lambda given: _any_time(given, _DATE))),
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
