"""The profile of a server: how it answers the open questions, and what changed against the committed profile.

A change is *behaviour drift*. It is reported at the end of a run and in the file of ``--profile-out``, and fails no test,
because every reading is legal. A sandbox started with ``--reading`` or ``--mutant`` is not compared.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

from .document import ROOT

Value: TypeAlias = str | int | list[str] | list[int]

UNDETERMINED: Final = "undetermined"
"""The value of an open question that no response answers."""

_HEADER: Final = """\
# How this server answers the open questions of the specification. Written by `pytest tests/conformance --target {target}`.
# [readings] has names of readings in spec/clauses.toml; "undetermined": no response answers the question.
"""


@dataclass
class Profile:
    """Observed behaviour, in sections of names and values."""

    sections: dict[str, dict[str, Value]] = field(default_factory=dict)

    def record(self, section: str, name: str, value: Value) -> None:
        """Add one observation."""
        self.sections.setdefault(section, {})[name] = value

    def add(self, other: Profile) -> None:
        """Add the observations of another worker."""
        for section, values in other.sections.items():
            self.sections.setdefault(section, {}).update(values)

    def to_toml(self, target: str, document: str, changes: list[str]) -> str:
        """The profile as a file. It has no date, so that the same behaviour gives the same file."""
        lines = [_HEADER.format(target=target), f'target = "{target}"', f'document = "{document}"']
        if changes:
            lines += ["", "# Changes against the committed profile:", f"drift = {_toml(changes)}"]
        for section, values in sorted(self.sections.items()):
            lines += ["", f"[{section}]", *(f"{name} = {_toml(values[name])}" for name in sorted(values))]
        return "\n".join(lines) + "\n"

    def changes_from(self, committed: Profile) -> list[str]:
        """What differs from the ``committed`` profile. Values that this run did not observe are not compared."""
        changes = []
        for section, values in sorted(self.sections.items()):
            before = committed.sections.get(section, {})
            for name, value in sorted(values.items()):
                if before.get(name) != value:
                    old = _toml(before[name]) if name in before else "not on record"
                    changes.append(f"{section}.{name}: was {old}, is {_toml(value)}")
        return changes


def _toml(value: Any) -> str:
    # Strings, whole numbers and lists of them are written alike in JSON and in TOML.
    return json.dumps(value, ensure_ascii=False)


def path_of(target: str) -> Path:
    """The file of the committed profile of a target."""
    return ROOT / f"spec/observed.{target}.toml"


def parse(text: str) -> Profile:
    """Read what `Profile.to_toml` has written."""
    raw = tomllib.loads(text)
    return Profile({name: value for name, value in raw.items() if isinstance(value, dict)})


def committed(target: str) -> Profile | None:
    """The committed profile of a target, or None."""
    path = path_of(target)
    return parse(path.read_text(encoding="utf-8")) if path.is_file() else None
