"""``allium-md drift``: compare, observe the server, write the reports and the history, print, and give the exit status."""

from __future__ import annotations

import datetime as dt
import secrets
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
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
from ..errors import AlliumError, OutputError, SpecError, UsageError
from ..model.times import to_iso
from ..version import VERSION

STATUS: Final = {Level.NONE: 0, Level.DOCS: 0, Level.COMPATIBLE: 3, Level.LOOK: 5, Level.BREAKING: 4}
"""The exit status of each level; 1 means that the check failed."""

UNFINISHED: Final = "the run that started this report did not finish"
NO_KEY: Final = "there is no API key: set ALLIUM_API_KEY to check the server too"
NO_LIVE: Final = "--no-live was given"

_SIGNALS: Final = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


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
    """Run the check. Returns the exit status: 0, 3, 4 or 5, or 1 if the server should have been observed and was not.

    Raises ``UsageError``, ``OutputError``, and ``AlliumError`` if the check failed. The run is recorded as "unchecked" before
    anything else, in the history and in the reports. So it counts as unchecked however it ends, unless it ends with a result.
    """
    _check_options(options)
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    started = HistoryEntry(to_iso(now), UNCHECKED, run=secrets.token_hex(6))
    with _failures_reported(options, now):
        try:
            _write_unchecked(options, UNFINISHED, now)
        finally:
            past = _start_history(options.history, started)
        result = _check(options, past, now, read)
        if options.report_dir:
            writer.write(options.report_dir, writer.files(result))
        if options.history:
            history.append(options.history, replace(_entry(result), run=started.run))
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


def _start_history(path: Path | None, started: HistoryEntry) -> Sequence[HistoryEntry]:
    """The earlier entries of the history; the one of this run is appended."""
    if path is None:
        return ()
    try:
        past = history.read_history(path)
    except SpecError:  # it is broken, or another kind of file, and is left as it is
        raise
    except BaseException:
        history.append(path, started)
        raise
    history.append(path, started)
    return past


@contextmanager
def _failures_reported(options: Options, now: dt.datetime) -> Iterator[None]:
    """Write the reason of any failure to the reports; an exception that nobody expected becomes an ``AlliumError``."""
    try:
        with _signals_as_interrupts():
            yield
    except BaseException as problem:
        reason = _reason(problem)
        if options.server:
            reason = options.server.key.redact(reason)
        with suppress(OutputError):  # the first failure is the one to report
            _write_unchecked(options, reason, now)
        if isinstance(problem, _Terminated):
            print(f"allium-md: the check was ended by {problem.name}", file=sys.stderr)
            raise SystemExit(problem.status) from None
        if isinstance(problem, SpecError) or not isinstance(problem, AlliumError | KeyboardInterrupt):
            raise AlliumError(f"the check failed: {reason}") from problem
        raise


def _reason(problem: BaseException) -> str:
    match problem:
        case _Terminated():
            return f"{UNFINISHED}: it was ended by {problem.name}"
        case KeyboardInterrupt():
            return f"{UNFINISHED}: it was interrupted"
        case AlliumError():
            return str(problem)
    here = Path(__file__).parents[1]
    frames = [frame for frame in traceback.extract_tb(problem.__traceback__) if here in Path(frame.filename).parents]
    where = f" ({Path(frames[-1].filename).relative_to(here)}, line {frames[-1].lineno})" if frames else ""
    return f"{type(problem).__name__}: {problem}{where}; this is an error in the check itself: please report it"


class _Terminated(KeyboardInterrupt):
    """A signal that ends the process. Libraries treat it like an interrupt, so none swallows it."""

    def __init__(self, number: int) -> None:
        self.name = signal.Signals(number).name
        self.status = 128 + number


@contextmanager
def _signals_as_interrupts() -> Iterator[None]:
    """Raise `_Terminated` for SIGTERM and SIGHUP, which would otherwise end the process at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def terminate(number: int, _frame: object) -> None:
        raise _Terminated(number)

    earlier = {number: signal.signal(number, terminate) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


def _write_unchecked(options: Options, reason: str, now: dt.datetime) -> None:
    if options.report_dir:
        writer.write(options.report_dir, writer.unchecked_files(reason, to_iso(now), VERSION))
