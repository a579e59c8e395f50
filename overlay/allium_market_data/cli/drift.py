"""``allium-md drift``: compare, observe the server, write the reports and the history, print, and give the exit status."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from ..client.api_key import ApiKey
from ..codegen.fetch import fetch
from ..drift import history
from ..drift.check import Read, check
from ..drift.history import HistoryEntry
from ..drift.impact.behaviour import not_observed
from ..drift.impact.live import AROUND, MARKET, Server, observe
from ..drift.model import Level
from ..drift.report import terminal, writer
from ..drift.result import UNCHECKED, CheckResult
from ..errors import AlliumError, SpecError, UsageError
from ..model.times import to_iso
from ..version import VERSION

STATUS: Final = {Level.NONE: 0, Level.DOCS: 0, Level.COMPATIBLE: 3, Level.BREAKING: 4}
"""The exit status of each level; 1 means that the check failed."""

UNFINISHED: Final = "the run that started this report did not finish"
NO_KEY: Final = "there is no API key: set ALLIUM_API_KEY to check the server too"
NO_LIVE: Final = "--no-live was given"


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a run. Without a ``server`` none is observed, and ``no_server`` gives the reason."""

    upstream: Sequence[str] = ()
    baseline: Sequence[str] = ()
    accepted: Path | None = None
    report_dir: Path | None = None
    history: Path | None = None
    server: Server | None = None
    no_server: str = ""


def server_options(
    api_key: str | None, base_url: str | None, market: str | None, around: str | None, profile: Path | None
) -> Server | None:
    """The server to observe; None if neither the command line nor the environment has a key."""
    key = ApiKey(api_key)
    if key.problem is None and not key.is_there:
        return None
    return Server(key, base_url, market or MARKET, around or AROUND, profile)


def run(options: Options, *, read: Read = fetch) -> int:
    """Run the check. Returns the exit status: 0, 3 or 4, or 1 if the server should have been observed and was not.

    Raises ``UsageError``, ``OutputError``, and ``AlliumError`` if the check failed. The reports are written as "unchecked"
    before anything else, so that a report of an earlier run is never taken for one of this run.
    """
    _check_options(options)
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    _write_unchecked(options, UNFINISHED, now)
    try:
        past = history.read_history(options.history) if options.history else ()
    except SpecError as problem:  # a broken history is left as it is
        _write_unchecked(options, str(problem), now)
        raise AlliumError(f"the check failed: {problem}") from None
    try:
        result = _check(options, past, now, read)
    except SpecError as problem:
        _write_unchecked(options, str(problem), now)
        if options.history:
            history.append(options.history, HistoryEntry(to_iso(now), UNCHECKED))
        raise AlliumError(f"the check failed: {problem}") from None
    if options.report_dir:
        writer.write(options.report_dir, writer.files(result))
    if options.history:
        history.append(options.history, _entry(result))
    print_result(result)
    return 1 if result.is_unchecked else STATUS[result.level]


def print_result(result: CheckResult) -> None:
    """Print a result for a person."""
    from rich.console import Console

    Console(highlight=False, soft_wrap=True).print(terminal.render(result))


def _check_options(options: Options) -> None:
    if not all(name.strip() for name in (*options.upstream, *options.baseline)):
        raise UsageError("--upstream and --baseline each need the name of a file or an address")
    if options.server:
        options.server.check()


def _check(options: Options, past: Sequence[HistoryEntry], now: dt.datetime, read: Read) -> CheckResult:
    result = check(now, upstream=options.upstream, baseline=options.baseline, accepted=options.accepted, read=read)
    server = options.server
    behaviour = observe(server, result.judgement) if server else not_observed(options.no_server, failed=False)
    result = replace(result, behaviour=behaviour)
    return replace(result, sightings=history.sightings([*past, _entry(result)])) if options.history else result


def _entry(result: CheckResult) -> HistoryEntry:
    fingerprints = tuple(sorted(change.fingerprint for change in result.judgement.changes))
    return HistoryEntry(result.checked_at, result.verdict, fingerprints)


def _write_unchecked(options: Options, reason: str, now: dt.datetime) -> None:
    if options.report_dir:
        writer.write(options.report_dir, writer.unchecked_files(reason, to_iso(now), VERSION))
