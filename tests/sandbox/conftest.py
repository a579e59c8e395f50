"""Fixtures of the sandbox's tests."""

from __future__ import annotations

import pytest

from allium_market_data.sandbox import Samples


@pytest.fixture(scope="session")
def samples(served_samples: Samples) -> Samples:
    return served_samples
