"""A look at the server: one question to see whether it answers, then the conformance suite in a process of its own."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
import tempfile
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
from ..report.report import Behaviour
from .behaviour import Looked, Profile, behaviour, could_not_look, profile, results

MARKET: Final = "hl:perp:BTC-USDC"
AROUND: Final = "2026-05-01T00:00:00Z"
SECONDS: Final = 1800
"""How long the suite may take."""

_SUITE: Final = ("-m", "pytest", "tests/conformance", "--target=live", "-q", "--tb=no", "-p", "no:cacheprovider")
_NOT_ABOUT_THE_SERVER: Final = ("--ignore-glob=*/test_clauses.py", "--ignore-glob=*/test_recordings.py")
_NO_USE: Final = (AuthenticationError, PermissionDeniedError, RateLimitedError, ServerError, TransportError)


@dataclass(frozen=True, slots=True)
class Server:
    """What to look at: ``around`` is an instant (ISO 8601), ``record`` the profile on record (None: the target's own)."""

    key: ApiKey
    base_url: str | None = None
    market: str = MARKET
    around: str = AROUND
    record: Path | None = None

    def check(self) -> None:
        """Raise ``UsageError`` for a server, a key or an instant that cannot be meant."""
        from ...validation import to_instant

        check_settings(self.key, self.base_url, 30.0, 1, None, None, False)
        to_instant(self.around, "--around")
        if not self.market.strip():
            raise UsageError("--market is empty: name one like hl:perp:BTC-USDC")


def look(server: Server, judgement: Judgement) -> Behaviour:
    """How the server behaves, beside what the documents say. Takes minutes, and at most 150 requests."""
    root = spec_files.repository()
    if root is None:
        return could_not_look(
            "the live part needs the repository: its conformance suite is not installed", wanted=False
        )
    why = _no_use(server)
    if why:
        return could_not_look(why, wanted=True)  # the client shows no key
    record = server.record or root / f"spec/observed.{_target(server)}.toml"
    committed = profile(spec_files.text(record), str(record)) if record.is_file() else None
    try:
        looked = _looked(server, root)
    except _NoRunError as problem:
        return could_not_look(server.key.redact(str(problem)), wanted=True)
    return behaviour(judgement, looked, committed, f"spec/{record.name}")


def _target(server: Server) -> str:
    """Whose profile is on record: a server on this machine is a sandbox."""
    local = check_settings(server.key, server.base_url, 30.0, 1, None, None, False).is_loopback
    return "sandbox" if local else "live"


def _no_use(server: Server) -> str:
    """Why there is no use in looking: one question shows a dead server and a key that is not accepted. Empty if there is."""
    from ...client.retry import RetryPolicy
    from ...client.sync_client import MarketData
    from ...validation import to_instant

    start = to_instant(server.around, "--around")
    policy = RetryPolicy(attempts=2)
    try:
        with MarketData(server.key.reveal(), server.base_url, retry=policy) as client:
            client.open_interest(server.market, interval="1h", start=start, end=start + dt.timedelta(hours=4))
    except _NO_USE as problem:
        return str(problem)
    except AlliumError:
        return ""  # it answers; what is wrong with its answer is for the suite to say
    return ""


class _NoRunError(Exception):
    """There was no proper run of the suite."""


def _looked(server: Server, root: Path) -> Looked:
    with tempfile.TemporaryDirectory(prefix="allium-drift-") as folder:
        seen, junit = Path(folder, "seen.toml"), Path(folder, "junit.xml")
        options = [f"--market={server.market}", f"--around={server.around}", f"--profile-out={seen}"]
        options += (
            [f"--junitxml={junit}", f"--base-url={server.base_url}"] if server.base_url else [f"--junitxml={junit}"]
        )
        _run([sys.executable, *_SUITE, *_NOT_ABOUT_THE_SERVER, *options], root, server.key)
        if not junit.is_file():
            raise _NoRunError("the conformance suite did not come to its end")
        violations, untold, unreached = results(server.key.redact(junit.read_text(encoding="utf-8")))
        observed: Profile = profile(server.key.redact(spec_files.text(seen)), "the profile") if seen.is_file() else {}
    return Looked(violations, observed, untold, unreached)


def _run(command: list[str], root: Path, key: ApiKey) -> None:
    """Run the suite; the key goes by the environment, where a list of processes does not show it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment["ALLIUM_API_KEY"] = key.reveal()
    try:
        done = subprocess.run(  # noqa: S603 - this Python, and words that are checked
            command, cwd=root, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise _NoRunError(f"the conformance suite took longer than {SECONDS} s") from None
    if done.returncode not in (0, 1):
        said = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        raise _NoRunError(
            f"the conformance suite ended with {done.returncode}: {clean(said[-1]) if said else ''}"[:500]
        )
