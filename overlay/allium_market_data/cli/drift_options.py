"""The words of the command line as options. Wrong ones are a ``UsageError``; the key is never shown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..client.api_key import ApiKey
from ..drift.check import Wanted
from ..drift.impact.live import AROUND, MARKET, Server
from .drift import Options

NO_KEY = "there is no API key: set ALLIUM_API_KEY to look at the server too"
NOT_ASKED = "it was not asked for (--no-live)"


def options(
    *,
    upstream: Sequence[str],
    baseline: Sequence[str],
    accepted: Path | None,
    report_dir: Path | None,
    history: Path | None,
    server: Server | None,
    no_live: bool,
) -> Options:
    """The options of a run."""
    wanted = Wanted(tuple(upstream), tuple(baseline), accepted)
    return Options(wanted, report_dir, history, server, NOT_ASKED if no_live else NO_KEY)


def server(
    api_key: str | None, base_url: str | None, market: str | None, around: str | None, record: Path | None
) -> Server | None:
    """The server to look at; None where neither the command line nor the environment holds a key."""
    key = ApiKey(api_key)
    if key.problem is None and not key.is_there:
        return None
    return Server(key, base_url, market or MARKET, around or AROUND, record)
