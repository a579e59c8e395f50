"""The command line options of the suite, and the cases that its tests are parametrised by."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from allium_market_data_wire.contract import Operation

from . import invalid_requests, operation
from . import target as targets
from .document import DOCUMENT
from .target import Options, OptionsError


def add_options(parser: pytest.Parser) -> None:
    """Add the options of the suite."""
    group = parser.getgroup("conformance", "conformance suite (tests/conformance)")

    def add(option: str, **details: Any) -> None:
        name = option.removeprefix("--").replace("-", "_")
        group.addoption(option, **{"dest": f"conformance_{name}"} | details)

    add(
        "--target",
        choices=["sandbox", "cassette", "live"],
        default="sandbox",
        help="what to test: the suite's own sandbox (default), a recording, or a server",
    )
    add(
        "--operation",
        metavar="MODULE:NAME",
        default=operation.DEFAULT,
        help="the contract to test (default: the published operation)",
    )
    add("--document", metavar="FILE", type=Path, default=DOCUMENT, help="the OpenAPI document of another operation")
    add("--base-url", metavar="URL", help="the server for --target live (default: the address in the specification)")
    add("--api-key", metavar="KEY", help=f"the API key (default: environment variable {targets.KEY_VARIABLE})")
    add("--market", metavar="ID", help="a perpetual market with data around --around")
    add("--non-perp-market", metavar="ID", help="an existing market that is not a perpetual")
    add("--other-market", metavar="ID", help="a second perpetual market with data (default: the suite guesses one)")
    add("--around", metavar="INSTANT", help="an instant at least five days ago with data around it (default: found)")
    add("--rate", metavar="N", type=_rate, help="at most N requests a second (default: no limit but the server's own)")
    add("--allow-not-shown", action="store_true", help="exit with 0 even if tests were not shown (otherwise 6)")
    _add_changes(add)
    add("--cassette", metavar="NAME", default="sandbox", help="the recording for --target cassette (default: sandbox)")
    add("--expected-failures", metavar="FILE", type=Path, help="known failures (default: those of the target)")
    add("--profile-out", metavar="FILE", type=Path, help="write the observed behaviour to this TOML file")


def _add_changes(add: Callable[..., None]) -> None:
    """Add the options that change the suite's own sandbox."""
    add(
        "--reading",
        dest="conformance_readings",
        metavar="NAME",
        action="append",
        default=[],
        help="run the sandbox with this legal reading (repeatable)",
    )
    add(
        "--mutant",
        dest="conformance_mutants",
        metavar="NAME",
        action="append",
        default=[],
        help="run the sandbox with this contract violation (repeatable)",
    )
    add("--style", metavar="NAME", help="run the sandbox as a correct server of this style")


def _rate(text: str) -> float:
    rate = float(text)
    if not 0 < rate < float("inf"):
        raise ValueError(f"{text} is not a positive number")
    return rate


def read_options(config: pytest.Config) -> Options:
    """The options. If pytest was started for the whole project, this file loads too late and the defaults apply."""
    values = {
        name.removeprefix("conformance_"): value
        for name, value in vars(config.option).items()
        if name.startswith("conformance_") and value is not None
    }
    values |= {name: tuple(values[name]) for name in ("readings", "mutants") if name in values}
    # --record is an option of tests/conftest.py, for all recordings.
    values["record"] = config.getoption("record", default=False)
    seed = config.getoption("--hypothesis-seed", default=None)
    if seed == "random":
        seed = secrets.randbelow(2**32)
    try:
        values["contract"] = operation.load(values.pop("operation", operation.DEFAULT))
    except ValueError as error:
        raise OptionsError(f"--operation: {error}") from None
    return Options(**values, seed=int(seed) if seed is not None else 0)


def cases(contract: Operation) -> dict[str, Sequence[object]]:
    """The cases of each argument that is parametrised by the contract."""
    ascending = operation.intervals(contract)
    most = contract.limit_maximum
    return {
        "interval": ascending,
        "inner_interval": operation.inner(contract),
        "outer_interval": operation.outer(contract),
        "fine_interval": ascending[:2],
        "long_interval": [i for i in ascending if operation.longest(contract, i) == contract.window_cap],
        "pair": list(pairwise(ascending)),
        "decimal": contract.decimals,
        "valid_limit": sorted({2, most - 1, most}),
        "invalid_interval": invalid_requests.invalid_intervals(contract),
        "invalid_limit": invalid_requests.invalid_limits(contract),
    }
