"""The endpoint of the specification on an embedded database, for everyone without access to the real one.

`Samples` holds raw samples in DuckDB, `Reading` is one choice for each question that the specification leaves open,
`create_app` makes the FastAPI application and `running` serves it for as long as a ``with`` block lasts::

    from allium_market_data.sandbox import Reading, Samples, create_app, running

    with Samples.open() as samples, running(create_app(samples, reading=Reading(order="descending"))) as base_url:
        ...

Its data is real (BitMEX XBTUSD, 2019), synthetic (made from a seed) or the user's own files, and every answer says
which in the header ``X-Sandbox-Data``.

Names load when they are first used, so that importing this package needs neither FastAPI nor DuckDB. Without the extra
``sandbox``, using one raises `ImportError` with the command that installs it.
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

_HOMES = {
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
MISSING_EXTRA = "the sandbox needs `pip install allium-market-data[sandbox]`"


def __getattr__(name: str) -> Any:
    """The public name ``name``, loaded now."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = import_module(f".{_HOMES[name]}", __name__)
    except ModuleNotFoundError as error:
        if error.name in _EXTRA:
            raise ImportError(f"{MISSING_EXTRA} ({error.name} is not installed)") from error
        raise
    return getattr(module, name)


def __dir__() -> list[str]:
    """The public names."""
    return list(__all__)
