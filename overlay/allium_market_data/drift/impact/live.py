"""Observe the server: a first request shows whether it responds, then the conformance suite runs in a process of its own."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ...client.api_key import ApiKey
from ...client.settings import check_settings
from ...errors import (
    AlliumError,
    AuthenticationError,
    PermissionDeniedError,
    RateLimitedError,
    ServerError,
    TransportError,
    UsageError,
)
from ...sanitize import clean
from .. import spec_files
from ..model import Judgement
from ..result import Behaviour
from .behaviour import SuiteResult, compare_behaviour, not_observed, parse_profile, suite_result

MARKET: Final = "hl:perp:BTC-USDC"
AROUND: Final = "2026-05-01T00:00:00Z"
SECONDS: Final = 1800
"""How long the suite may take."""

_SUITE: Final = (
    "-m",
    "pytest",
    "tests/conformance",
    "--target=live",
    "--allow-not-shown",
    "-q",
    "--tb=no",
    "-p",
    "no:cacheprovider",
)
_NOT_ABOUT_THE_SERVER: Final = ("--ignore-glob=*/test_clauses.py",)
_UNUSABLE: Final = (AuthenticationError, PermissionDeniedError, RateLimitedError, ServerError, TransportError)


@dataclass(frozen=True, slots=True)
class Server:
    """The server to observe: ``around`` is an instant (ISO 8601), ``profile`` the recorded profile (None: its own)."""

    key: ApiKey
    base_url: str | None = None
    market: str = MARKET
    around: str = AROUND
    profile: Path | None = None

    def check(self) -> None:
        """Raise ``UsageError`` for an invalid server, key, instant or market."""
        from ...validation import to_instant

        self.is_local()
        to_instant(self.around, "--around")
        if not self.market.strip():
            raise UsageError("--market is empty: name one like hl:perp:BTC-USDC")

    def is_local(self) -> bool:
        """True for a server on this machine, which is a sandbox."""
        return check_settings(self.key, self.base_url, 30.0, 1, None, None, False).is_loopback


def observe(server: Server, judgement: Judgement) -> Behaviour:
    """How the server behaves, compared with what the documents say. Takes minutes, and at most 150 requests."""
    root = spec_files.repository()
    if root is None:
        reason = "this needs the repository: the conformance suite is not part of the installed package"
        return not_observed(reason, failed=False)
    if problem := _connection_problem(server):
        return not_observed(problem, failed=True)
    record = server.profile or root / f"spec/observed.{'sandbox' if server.is_local() else 'live'}.toml"
    recorded = parse_profile(spec_files.read_text(record), str(record)) if record.is_file() else None
    try:
        suite = _run_suite(server, root)
    except _SuiteError as problem:
        return not_observed(server.key.redact(str(problem)), failed=True)
    return compare_behaviour(judgement, suite, recorded, f"spec/{record.name}")


def _connection_problem(server: Server) -> str:
    """Why running the suite is pointless, e.g. no connection or a rejected key; "" if the server responds."""
    from ...client.retry import RetryPolicy
    from ...client.sync_client import MarketData
    from ...validation import to_instant

    start = to_instant(server.around, "--around")
    policy = RetryPolicy(attempts=2)
    try:
        with MarketData(server.key.reveal(), server.base_url, retry=policy) as client:
            client.open_interest(server.market, interval="1h", start=start, end=start + dt.timedelta(hours=4))
    except _UNUSABLE as problem:
        return str(problem)
    except AlliumError:
        return ""  # it responds; the suite says what is wrong with the response
    return ""


class _SuiteError(Exception):
    """The suite did not run to its end."""


def _run_suite(server: Server, root: Path) -> SuiteResult:
    with tempfile.TemporaryDirectory(prefix="allium-drift-") as folder:
        observed, junit = Path(folder, "observed.toml"), Path(folder, "junit.xml")
        # By default the suite asks for the example of the document, and looks elsewhere for data if there is none.
        options = [f"--profile-out={observed}"]
        options += [f"--market={server.market}"] if server.market != MARKET else []
        options += [f"--around={server.around}"] if server.around != AROUND else []
        options += [f"--junitxml={junit}"] + ([f"--base-url={server.base_url}"] if server.base_url else [])
        _run([sys.executable, *_SUITE, *_NOT_ABOUT_THE_SERVER, *options], root, server.key)
        if not junit.is_file():
            raise _SuiteError("the conformance suite did not finish")
        profile = server.key.redact(spec_files.read_text(observed)) if observed.is_file() else ""
        return suite_result(server.key.redact(spec_files.read_text(junit)), parse_profile(profile, "the profile"))


def _run(command: Sequence[str], root: Path, key: ApiKey) -> None:
    """Run the suite. The key is passed in the environment, because the arguments of a process are public."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment["ALLIUM_API_KEY"] = key.reveal()
    try:
        process = subprocess.run(  # noqa: S603 - this Python, with checked arguments
            command, cwd=root, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise _SuiteError(f"the conformance suite took longer than {SECONDS} s") from None
    if process.returncode not in (0, 1):
        lines = [line for line in (process.stderr + process.stdout).splitlines() if line.strip()]
        reason = clean(lines[-1]) if lines else ""
        raise _SuiteError(f"the conformance suite exited with status {process.returncode}: {reason}"[:500])
