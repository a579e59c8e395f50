"""Schemas as plain data without what does not restrict a value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .constraints import ANNOTATIONS


def without_annotations(value: Any, change: Callable[[str | int, Any], Any], *, are_names: bool = False) -> Any:
    """A schema with its inner values changed and its annotations left out. ``are_names``: its keys are not keywords."""
    if isinstance(value, list):
        return [change(at, item) for at, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    made = {}
    for key, item in value.items():
        if are_names:
            made[key] = change(key, item)
        elif key in {"enum", "const"}:
            made[key] = item
        elif key in {"properties", "patternProperties", "dependentSchemas"}:
            made[key] = without_annotations(item, change, are_names=True)
        elif key not in ANNOTATIONS:
            made[key] = change(key, item)
    return made
