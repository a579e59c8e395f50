"""The fixtures of tests/store."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.exchange import client, exchange, exchange_router
from support.object_store import ObjectStore
from support.object_store import object_store as serve
from support.tables import table

__all__ = ["client", "exchange", "exchange_router", "table"]


@pytest.fixture(scope="session")
def object_store() -> Iterator[ObjectStore]:
    """One S3 server for all tests."""
    with serve() as store:
        yield store


@pytest.fixture
def s3(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """The S3 server, which this process and its children find in their environment."""
    for name, value in object_store.options.items():
        monkeypatch.setenv(name, value)
    return object_store
