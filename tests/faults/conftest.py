"""Hundreds of clients of this machine: reading the certificates of the world for each would take longer than all else."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest


@pytest.fixture(scope="session", autouse=True)
def _one_tls_context() -> Iterator[None]:
    context = httpx.create_ssl_context()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpx, "create_ssl_context", lambda **_: context)
        yield
