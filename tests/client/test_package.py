"""The public names: all there, loaded when used, and nothing else."""

from __future__ import annotations

import subprocess
import sys

import pytest

import allium_market_data


def test_every_public_name_is_there_and_told() -> None:
    assert dir(allium_market_data) == sorted(allium_market_data.__all__)
    for name in allium_market_data.__all__:
        assert getattr(allium_market_data, name) is not None


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'allium_market_data' has no attribute 'client_of_mine'"):
        allium_market_data.client_of_mine  # noqa: B018


def test_importing_the_package_imports_nothing_heavy() -> None:
    heavy = {
        "httpx",
        "aiohttp",
        "asyncio",
        "msgspec",
        "typer",
        "rich",
        "pyarrow",
        "pandas",
        "polars",
        "duckdb",
        "fastapi",
    }
    script = "import sys, allium_market_data; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert heavy.isdisjoint(done.stdout.split())
