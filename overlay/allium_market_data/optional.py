"""Imports of optional dependencies, when they are used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .errors import OutputError


def require(module: str, extra: str) -> Any:
    """Import a module that belongs to an extra. Raises ``OutputError`` that says which extra to install."""
    try:
        return import_module(module)
    except ImportError as error:
        message = f"{module} cannot be imported ({error}): pip install 'allium-market-data[{extra}]'"
        raise OutputError(message) from error
