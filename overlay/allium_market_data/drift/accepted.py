"""``spec/drift-accepted.toml``: changes that a person has accepted, each until a date."""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from ..errors import SpecError
from .model import Acceptance, Change, Judgement, StaleAcceptance

_KEYS: Final = {"fingerprint", "reason", "date", "until"}


def read_accepted(text: str, *, where: str = "spec/drift-accepted.toml") -> tuple[Acceptance, ...]:
    """The entries (``[[accepted]]``) of the file; each needs a fingerprint, a reason, a date and an end date.

    Raises `SpecError` if the file is not TOML, an entry has missing or unknown keys, or a fingerprint occurs twice.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise SpecError(where, f"unreadable: {problem}") from None
    if raw.keys() - {"accepted"} or not isinstance(raw.get("accepted", []), list):
        raise SpecError(where, "may hold only [[accepted]] tables")
    entries = tuple(
        _entry(entry, f"{where}, entry {number}") for number, entry in enumerate(raw.get("accepted", []), 1)
    )
    seen: set[str] = set()
    for entry in entries:
        if entry.fingerprint in seen:
            raise SpecError(where, f"accepts {entry.fingerprint} twice")
        seen.add(entry.fingerprint)
    return entries


def _entry(raw: Any, where: str) -> Acceptance:
    if not isinstance(raw, dict) or raw.keys() != _KEYS:
        raise SpecError(where, f"needs exactly the keys {', '.join(sorted(_KEYS))}")
    if not all(isinstance(raw[key], str) and raw[key].strip() for key in ("fingerprint", "reason")):
        raise SpecError(where, "needs a fingerprint and a reason, neither of them empty")
    date, until = (_day(raw[key], key, where) for key in ("date", "until"))
    if until < date:
        raise SpecError(where, f"ends on {until}, before it begins on {date}")
    return Acceptance(raw["fingerprint"], " ".join(raw["reason"].split()), date.isoformat(), until.isoformat())


def _day(value: Any, key: str, where: str) -> dt.date:
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value
    try:
        return dt.date.fromisoformat(value)
    except (TypeError, ValueError):
        raise SpecError(where, f"`{key}` must be a date such as 2026-05-01") from None


def accept(judgement: Judgement, entries: Sequence[Acceptance], today: dt.date) -> Judgement:
    """The judgement with the accepted changes marked, so that they do not count for the verdict.

    An entry holds through its end date. Expired entries, and those that match no change, go to ``stale``.
    """
    live = {entry.fingerprint: entry for entry in entries if dt.date.fromisoformat(entry.until) >= today}
    changes = tuple(_marked(change, live) for change in judgement.changes)
    known = {change.fingerprint for change in changes}
    stale = [
        StaleAcceptance(entry, "it has expired")
        if entry.fingerprint not in live
        else StaleAcceptance(entry, "it matches no change")
        for entry in entries
        if entry.fingerprint not in live or entry.fingerprint not in known
    ]
    return replace(judgement, changes=changes, stale=tuple(stale))


def _marked(change: Change, entries: dict[str, Acceptance]) -> Change:
    entry = entries.get(change.fingerprint)
    return replace(change, accepted=entry) if entry else change
