"""The endpoint of the specification on an embedded database, for development without access to the real one.

`Samples` holds raw samples in DuckDB, `Reading` decides each question that the specification leaves open, `create_app`
makes the FastAPI application, and `running` serves it during a ``with`` block::

    from allium_market_data.sandbox import Reading, Samples, create_app, running

    with Samples.open() as samples, running(create_app(samples, reading=Reading(order="descending"))) as base_url:
        ...

The samples are real (BitMEX XBTUSD, 2019), synthetic (generated from a seed) or from the user's files. The header
``X-Sandbox-Data`` of each response says which.

Names load on first use, so that importing this package needs neither FastAPI nor DuckDB. Without the extra ``sandbox``,
using one raises `ImportError` with the command that installs it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .app import DEFAULT_API_KEY, create_app
    from .endpoint import SandboxEndpoint
    from .readings import READINGS, Reading, reading_named
    from .samples import Samples
    from .server import running, serve
    from .synthetic import DEFAULT_SEED

__all__ = [
    "DEFAULT_API_KEY",
    "DEFAULT_SEED",
    "READINGS",
    "Reading",
    "Samples",
    "SandboxEndpoint",
    "create_app",
    "reading_named",
    "running",
    "serve",
]

_MODULES = {
    "DEFAULT_API_KEY": "app",
    "DEFAULT_SEED": "synthetic",
    "READINGS": "readings",
    "SandboxEndpoint": "endpoint",
    "Reading": "readings",
    "Samples": "samples",
    "create_app": "app",
    "reading_named": "readings",
    "running": "server",
    "serve": "server",
}
_EXTRA = frozenset({"duckdb", "fastapi", "starlette", "uvicorn"})


def __getattr__(name: str) -> Any:
    """Import the public name ``name``."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = import_module(f".{_MODULES[name]}", __name__)
    except ModuleNotFoundError as error:
        if error.name in _EXTRA:
            command = "pip install 'allium-market-data[sandbox]'"
            raise ImportError(f"the sandbox is an extra: {command} ({error.name} is not installed)") from error
        raise
    return getattr(module, name)


def __dir__() -> list[str]:
    """The public names."""
    return list(__all__)
