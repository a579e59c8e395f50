"""The behaviour of the server: what a run of the conformance suite observed, compared with the recorded profile."""

from __future__ import annotations

import json
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from ...errors import SpecError
from ...sanitize import clean
from ..model import Judgement, Level
from ..result import Behaviour

Profile: TypeAlias = Mapping[str, Mapping[str, Any]]
"""What the conformance suite observed: sections of names and values."""

UNDETERMINED: Final = "undetermined"
"""The value of an open question that no response answered."""

_SENTENCES: Final = {
    "document-changed": "The document changed; the server still behaves as recorded.",
    "server-changed": "The server changed; the document does not mention it.",
    "both": "The document and the server both changed.",
    "neither": "Neither the document nor the server changed.",
    "not-observed": "The server was not observed.",
}
_LONGEST: Final = 300
_NO_RESPONSE: Final = ("AssertionError: no response (", "httpx.", "httpcore.", "ConnectionRefusedError")


@dataclass(frozen=True, slots=True)
class SuiteResult:
    """The result of a run of the conformance suite.

    ``inconclusive`` counts the checks that saw too little data to decide, ``unanswered`` those that got no response.
    """

    violations: tuple[str, ...]
    profile: Profile
    inconclusive: int = 0
    unanswered: int = 0


def not_observed(reason: str, *, failed: bool) -> Behaviour:
    """The behaviour of a server that was not observed; ``failed`` says that it should have been."""
    return Behaviour("not-observed", _SENTENCES["not-observed"], note=reason, failed=failed)


def compare_behaviour(
    judgement: Judgement, suite: SuiteResult, recorded: Profile | None, record_name: str
) -> Behaviour:
    """The behaviour that a run of the suite shows; without a recorded profile there are no changed readings."""
    changed = changed_readings(recorded, suite.profile) if recorded is not None else ()
    if not suite.violations:
        if suite.unanswered:
            reason = f"the server stopped responding: {suite.unanswered} checks got no response"
            return not_observed(reason, failed=True)
        if not suite.profile:
            return not_observed("the conformance suite observed nothing", failed=True)
        if suite.inconclusive and not changed:  # no difference, but not everything was observed
            return not_observed(_note(suite, recorded, record_name), failed=True)
    # An accepted change of the document counts here too.
    document_changed = any(change.level >= Level.COMPATIBLE for change in judgement.changes)
    case = _case(document_changed=document_changed, server_changed=bool(suite.violations or changed))
    return Behaviour(case, _SENTENCES[case], suite.violations, changed, _note(suite, recorded, record_name))


def _case(*, document_changed: bool, server_changed: bool) -> str:
    if document_changed:
        return "both" if server_changed else "document-changed"
    return "server-changed" if server_changed else "neither"


def _note(suite: SuiteResult, recorded: Profile | None, record_name: str) -> str:
    notes = [] if recorded is not None else [f"{record_name} is missing, so no readings were compared"]
    if suite.inconclusive:
        notes.append(f"{suite.inconclusive} checks saw too little data to decide")
    if suite.unanswered:
        notes.append(f"{suite.unanswered} checks got no response")
    return "; ".join(notes)


def changed_readings(recorded: Profile, observed: Profile) -> tuple[tuple[str, str, str], ...]:
    """The values that differ: (question, recorded, observed). What was not observed is not compared."""
    changed = []
    for section, values in sorted(observed.items()):
        before = recorded.get(section, {})
        for name, value in sorted(values.items()):
            if UNDETERMINED not in (value, before.get(name)) and before.get(name) != value:
                question = name if section == "readings" else f"{section}.{name}"
                changed.append((question, _text(before.get(name)), _text(value)))
    return tuple(changed)


def _text(value: Any) -> str:
    if value is None:
        return "not recorded"
    return clean(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))[:_LONGEST]


def parse_profile(text: str, where: str) -> Profile:
    """A profile as the conformance suite writes it. Raises `SpecError` if it is not TOML."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise SpecError(where, f"not TOML: {problem}") from None
    return {name: value for name, value in raw.items() if isinstance(value, dict)}


def suite_result(junit: str, profile: Profile) -> SuiteResult:
    """The result of a run, from pytest's JUnit file and the observed profile."""
    violations, inconclusive, unanswered = [], 0, 0
    for name, message in _failures(junit):
        if message.startswith("Failed: inconclusive:"):
            inconclusive += 1
        elif any(text in message for text in _NO_RESPONSE):
            unanswered += 1
        else:
            violations.append(_violation(name, message))
    return SuiteResult(tuple(violations), profile, inconclusive, unanswered)


def _failures(junit: str) -> Iterator[tuple[str, str]]:
    """The failed checks: name and message."""
    for case in ET.fromstring(junit).iter("testcase"):  # noqa: S314 - pytest wrote it, in a temporary folder
        problem = next((child for child in case if child.tag in {"failure", "error"}), None)
        if problem is not None:
            yield case.get("name", ""), problem.get("message", "")


def _violation(name: str, message: str) -> str:
    name = clean(name.removeprefix("test_").replace("_", " "))
    lines = message.strip().splitlines()
    first = clean(lines[0] if lines else "").strip()[:_LONGEST]
    return f"{name}: {first}" if first else name
