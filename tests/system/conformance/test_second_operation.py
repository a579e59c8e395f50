"""The suite on another operation: the made-up funding rates, hourly, without an interval, with one signed decimal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from allium_market_data.model.intervals import DAY, HOUR
from allium_market_data.sandbox import DEFAULT_API_KEY, Samples, create_app, running
from allium_market_data.sandbox.endpoint import SandboxEndpoint
from allium_market_data.sandbox.instants import parse_instant
from allium_market_data.sandbox.samples import connect
from allium_market_data.sandbox.source import Source, insert
from conformance.mutants import mutant_endpoint
from support.funding_rates import CONTRACT, two_endpoints
from support.suite_run import run

BEGIN = parse_instant("2026-04-01")
MARKETS = ("hl:perp:BTC-USDC", "hl:perp:ETH-USDC")
OPERATION = "--operation=support.funding_rates:CONTRACT.FUNDING_RATES"


def _fill(factor: int) -> Callable[[Any, str], None]:
    """A rate every half an hour for 60 days, positive and negative, and none for four hours in one place."""
    times = [BEGIN + index * HOUR // 2 + 7 for index in range(60 * 48)]
    gap = parse_instant("2026-05-02T09:00:00Z")
    rows = [
        (time, f"{(index % 41 - 20) * factor / 10_000:.4f}")
        for index, time in enumerate(times)
        if not gap <= time < gap + DAY // 6
    ]
    return lambda connection, table: insert(connection, table, rows, ("BIGINT", "VARCHAR"))


@contextmanager
def served(endpoint: Callable[..., SandboxEndpoint]) -> Iterator[str]:
    sources = [Source(market, "file", "", _fill(factor)) for factor, market in enumerate(MARKETS, 1)]
    samples = Samples(connect(), sources, operation=CONTRACT.FUNDING_RATES)
    with samples, running(create_app(samples, endpoint=endpoint)) as url:
        yield url


@pytest.mark.parametrize(("mutants", "status"), [((), 0), (("limit-plus-one",), 1)])
def test_the_suite_tests_another_operation(tmp_path: Path, mutants: tuple[str, ...], status: int) -> None:
    document = tmp_path / "two.json"
    document.write_text(json.dumps(two_endpoints()), encoding="utf-8")
    with served(mutant_endpoint(mutants)) as url:
        options = [OPERATION, f"--document={document}", f"--market={MARKETS[0]}", f"--other-market={MARKETS[1]}"]
        result = run(
            "--target=live", f"--base-url={url}", *options, "--around=2026-05-01T00:00:00Z", key=DEFAULT_API_KEY
        )
    assert result.returncode == status, result.stdout + result.stderr
    assert ("FAILED tests/conformance/test_limit.py" in result.stdout) == (status == 1)
