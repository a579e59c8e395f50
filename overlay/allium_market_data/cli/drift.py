"""What ``allium-md drift`` does: check, look, report, remember; and the exit status that says it in a number."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from ..codegen.fetch import fetch
from ..drift import history
from ..drift.check import Read, Wanted, check
from ..drift.history import Run
from ..drift.impact import live
from ..drift.impact.behaviour import could_not_look
from ..drift.model import Level
from ..drift.report import terminal
from ..drift.report import writer as reports
from ..drift.report.report import UNCHECKED, Report, Seen
from ..errors import AlliumError, SpecError, UsageError
from ..model import times
from ..version import VERSION

STATUS: Final = {Level.NONE: 0, Level.DOCS: 0, Level.COMPATIBLE: 3, Level.BREAKING: 4}
"""The exit status of each verdict; 1 is for what could not be checked."""

_BEGUN: Final = "the run that was to write this report did not come to its end"


@dataclass(frozen=True, slots=True)
class Options:
    """The words of the command line. ``server`` None: nobody looks, and ``why_not`` says why."""

    wanted: Wanted
    report_dir: Path | None = None
    history: Path | None = None
    server: live.Server | None = None
    why_not: str = ""


def run(options: Options, *, read: Read = fetch) -> int:
    """Check, report, remember: the exit status, 0, 3 or 4; 1 where the server was to be looked at and could not be.

    Raises ``UsageError``, ``OutputError``, and ``AlliumError`` for what could not be checked; the reports say so then too,
    and from the first moment on, so that an older report is never taken for this run's.
    """
    _usable(options)
    made = times.to_iso(dt.datetime.now(dt.UTC).replace(microsecond=0))
    if options.report_dir:
        reports.write(options.report_dir, reports.unchecked_files(_BEGUN, made, VERSION))
    try:
        past = history.read(options.history) if options.history else ()
    except SpecError as problem:
        raise _uncheckable(options, problem, made, remember=False) from None
    try:
        report = _report(options, past, made, read)
    except SpecError as problem:
        raise _uncheckable(options, problem, made, remember=True) from None
    if options.report_dir:
        reports.write(options.report_dir, reports.files(report))
    if options.history:
        history.append(options.history, _run(report))
    terminal.show(report)
    return 1 if report.unchecked else STATUS[report.verdict]


def _usable(options: Options) -> None:
    for word in (*options.wanted.upstream, *options.wanted.baseline):
        if not word.strip():
            raise UsageError("a file or an address is empty: --upstream and --baseline each name one")
    if options.server:
        options.server.check()


def _report(options: Options, past: tuple[Run, ...], made: str, read: Read) -> Report:
    checked = check(options.wanted, dt.date.fromisoformat(made[:10]), read=read)
    server = options.server
    behaviour = live.look(server, checked.judgement) if server else could_not_look(options.why_not, wanted=False)
    report = Report(checked.judgement, checked.baseline, checked.upstream, made, VERSION, behaviour=behaviour)
    return replace(report, seen=_seen(past, report)) if options.history else report


def _seen(past: tuple[Run, ...], report: Report) -> dict[str, Seen]:
    known = history.seen([*past, _run(report)])
    return {change.fingerprint: known[change.fingerprint] for change in report.judgement.changes}


def _run(report: Report) -> Run:
    return Run(report.made, report.word, tuple(sorted(change.fingerprint for change in report.judgement.changes)))


def _uncheckable(options: Options, problem: SpecError, made: str, *, remember: bool) -> AlliumError:
    """The error for a run that could not check, after the reports and the history were told."""
    if options.report_dir:
        reports.write(options.report_dir, reports.unchecked_files(str(problem), made, VERSION))
    if options.history and remember:
        history.append(options.history, Run(made, UNCHECKED))
    return AlliumError(f"could not be checked: {problem}")
