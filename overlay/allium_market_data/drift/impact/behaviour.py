"""What a live run says: which case it is, what the server breaks, and which open questions it answers anew. Pure."""

from __future__ import annotations

import json
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from ...errors import SpecError
from ...sanitize import clean
from ..model import Judgement, Level
from ..report.report import Behaviour

Profile: TypeAlias = Mapping[str, Mapping[str, Any]]
"""What the conformance suite observed: sections of names and values."""

NOT_SHOWN: Final = "undetermined"
"""What a profile says of an open question that no answer told."""

_SENTENCES: Final = {
    "document-moved": "The document moved, and the server did not: it still behaves as it did.",
    "server-moved": "The server moved, and the document does not say so.",
    "both": "The document and the server both moved.",
    "neither": "Neither the document nor the server moved.",
    "could-not-look": "The server was not looked at.",
}
_LONGEST: Final = 300
_UNREACHED: Final = (
    "AssertionError: no response (",
    "httpx.",
    "httpcore.",
    "ConnectionRefusedError",
    'failed on setup with "httpx.',
)


@dataclass(frozen=True, slots=True)
class Looked:
    """What a whole run of the suite found: ``violations``, the profile, and how many checks saw too little to tell."""

    violations: tuple[str, ...]
    profile: Profile
    untold: int = 0
    unreached: int = 0
    """Checks that ended because no answer came."""


def could_not_look(why: str, *, wanted: bool) -> Behaviour:
    """The case where nobody looked; ``wanted`` says that somebody had asked to."""
    return Behaviour("could-not-look", _SENTENCES["could-not-look"], note=why, failed=wanted)


def behaviour(judgement: Judgement, looked: Looked, committed: Profile | None, where: str) -> Behaviour:
    """The case that the documents and a look at the server make together.

    ``committed`` is the profile on record, from ``where``; without one nothing can have moved, and the note says so.
    """
    if looked.unreached and not looked.violations:
        return could_not_look(f"the server stopped answering: {looked.unreached} checks got no answer", wanted=True)
    if not looked.profile and not looked.violations:
        return could_not_look("the suite observed nothing", wanted=True)
    moves = moved(committed, looked.profile) if committed is not None else ()
    if looked.untold and not looked.violations and not moves:  # nothing was found, but not everything was seen
        return could_not_look(_note(looked, committed, where), wanted=True)
    case = _case(document_moved=_matters(judgement), server_moved=bool(looked.violations or moves))
    return Behaviour(case, _SENTENCES[case], looked.violations, moves, _note(looked, committed, where))


def _matters(judgement: Judgement) -> bool:
    """Whether the document moved. An accepted change is a change all the same."""
    return any(change.level >= Level.COMPATIBLE for change in judgement.changes)


def _case(*, document_moved: bool, server_moved: bool) -> str:
    if document_moved:
        return "both" if server_moved else "document-moved"
    return "server-moved" if server_moved else "neither"


def _note(looked: Looked, committed: Profile | None, where: str) -> str:
    notes = [] if committed is not None else [f"{where} is not there, so the open questions were compared with nothing"]
    if looked.untold:
        notes.append(f"{looked.untold} checks saw too little data to tell")
    if looked.unreached:
        notes.append(f"{looked.unreached} checks got no answer")
    return "; ".join(notes)


def moved(committed: Profile, seen: Profile) -> tuple[tuple[str, str, str], ...]:
    """What is answered differently: (question, on record, seen). What this run did not see is not compared."""
    found = []
    for section, values in sorted(seen.items()):
        before = committed.get(section, {})
        for name, value in sorted(values.items()):
            if NOT_SHOWN not in (value, before.get(name)) and before.get(name) != value:
                question = name if section == "readings" else f"{section}.{name}"
                found.append((question, _said(before.get(name)), _said(value)))
    return tuple(found)


def _said(value: Any) -> str:
    if value is None:
        return "not on record"
    return clean(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))[:_LONGEST]


def profile(text: str, where: str) -> Profile:
    """A profile as the suite writes it. Raises `SpecError` where it is none."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise SpecError(where, f"unreadable: {problem}") from None
    return {name: value for name, value in raw.items() if isinstance(value, dict)}


def results(junit: str) -> tuple[tuple[str, ...], int, int]:
    """Of the suite's JUnit file: the violations, how many checks saw too little to tell, and how many got no answer."""
    violations, untold, unreached = [], 0, 0
    for case in ET.fromstring(junit).iter("testcase"):  # noqa: S314 - made by pytest in a folder of our own
        for fault in [*case.findall("failure"), *case.findall("error")]:
            message = fault.get("message", "")
            if message.startswith("Failed: inconclusive:"):
                untold += 1
            elif any(word in message for word in _UNREACHED):
                unreached += 1
            else:
                violations.append(_violation(case, message))
            break
    return tuple(violations), untold, unreached


def _violation(case: ET.Element, message: str) -> str:
    name = case.get("name", "").removeprefix("test_").replace("_", " ")
    first: Sequence[str] = message.strip().splitlines()
    said = clean(first[0] if first else "").strip()[:_LONGEST]
    return f"{clean(name)}: {said}" if said else clean(name)
