"""The public names."""

from __future__ import annotations

import pytest

import allium_market_data


def test_every_public_name_exists_and_is_listed() -> None:
    assert dir(allium_market_data) == sorted(allium_market_data.__all__)
    for name in allium_market_data.__all__:
        assert getattr(allium_market_data, name) is not None


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'allium_market_data' has no attribute 'missing'"):
        allium_market_data.missing  # noqa: B018
