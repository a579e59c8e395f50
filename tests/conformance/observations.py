"""How a server answers the open questions: a file a target, and what changed against it.

A change is *behaviour drift*: it is reported at the end of a run and in the file that `--profile-out` writes, and fails
nothing, since every reading is legal. A sandbox that was told to behave otherwise is not compared.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

from .document import ROOT

Value: TypeAlias = str | int | list[str] | list[int]

NOT_SHOWN: Final = "not-shown"
"""Stands where no answer told."""

_HEAD: Final = """\
# How this server answered what the specification leaves open: written by `pytest tests/conformance --target {target}`.
# [readings] names readings of spec/clauses.toml; "not-shown" is what no answer told. A change is drift, no violation.
"""


@dataclass
class Profile:
    """What was observed, in sections of names and values."""

    sections: dict[str, dict[str, Value]] = field(default_factory=dict)

    def note(self, section: str, name: str, value: Value) -> None:
        """Keep one observation."""
        self.sections.setdefault(section, {})[name] = value

    def add(self, other: Profile) -> None:
        """Add what another worker observed."""
        for section, values in other.sections.items():
            self.sections.setdefault(section, {}).update(values)

    def to_toml(self, target: str, document: str, changes: list[str]) -> str:
        """The file. It holds no time, so that the same behaviour gives the same file."""
        lines = [_HEAD.format(target=target), f'target = "{target}"', f'document = "{document}"']
        if changes:
            lines += ["", "# Against the committed profile:", f"drift = {_toml(changes)}"]
        for section, values in sorted(self.sections.items()):
            lines += ["", f"[{section}]", *(f"{name} = {_toml(values[name])}" for name in sorted(values))]
        return "\n".join(lines) + "\n"

    def drift(self, committed: Profile) -> list[str]:
        """What is different from the ``committed`` profile. What this run did not look at is not compared."""
        changes = []
        for section, values in sorted(self.sections.items()):
            before = committed.sections.get(section, {})
            for name, value in sorted(values.items()):
                if before.get(name) != value:
                    was = _toml(before[name]) if name in before else "not on record"
                    changes.append(f"{section}.{name}: was {was}, is {_toml(value)}")
        return changes


def _toml(value: Any) -> str:
    # A JSON text, a whole number and a list of them are the same in TOML.
    return json.dumps(value, ensure_ascii=False)


def path_of(target: str) -> Path:
    """The committed profile of a target."""
    return ROOT / f"spec/observed.{target}.toml"


def parse(text: str) -> Profile:
    """A profile as `Profile.to_toml` wrote it."""
    raw = tomllib.loads(text)
    return Profile({name: value for name, value in raw.items() if isinstance(value, dict)})


def committed(target: str) -> Profile | None:
    """The committed profile of a target, if there is one."""
    path = path_of(target)
    return parse(path.read_text(encoding="utf-8")) if path.is_file() else None
