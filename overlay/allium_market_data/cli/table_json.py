"""The object that ``--json`` prints: one a command, however the command ends. store/README.md documents it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from ..model.times import from_micros, to_iso
from ..store.files import FileProblem
from ..store.runner import Progress
from ..store.spans import Spans
from ..store.status import SeriesStatus
from ..store.storage import shown_uri
from ..store.verify import VerifyResult
from .exit_status import ExitStatus, table_status
from .wording import in_options

_NOTHING_DONE: Final = Progress(0, 0)
_NOTHING_COMPARED: Final = VerifyResult(0, 0, 0, ())


@contextmanager
def json_report(is_wanted: bool, command: str, table: str, fields: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the fields for a command to fill. They are printed at the end of the block, and after an error too."""
    status, message = ExitStatus.DONE, None
    try:
        yield fields
    except (Exception, KeyboardInterrupt) as error:
        status = table_status(error)
        message = in_options(str(error)) or str(status)
        raise
    finally:
        if is_wanted:
            head = {"command": command, "table": shown_uri(table), "status": str(status), "exit_status": int(status)}
            print(json.dumps({**head, "error": message, **fields}), flush=True)


def progress_fields(progress: Progress = _NOTHING_DONE) -> dict[str, Any]:
    """How far a backfill came."""
    return {
        "rows": progress.rows,
        "requests": progress.requests,
        "seconds": round(progress.seconds, 3),
        "windows": {"planned": progress.tasks, "done": progress.done},
        "failures": [
            {
                "market": failure.key[1],
                "interval": failure.key[0],
                "error": type(failure.error).__name__,
                "message": str(failure.error),
            }
            for failure in progress.failures
        ],
    }


def update_fields(progress: Progress = _NOTHING_DONE) -> dict[str, Any]:
    """How far an update came, and the rows that it wrote, by kind."""
    names = ("added", "settled", "restated", "dropped", "vanished", "late")
    return progress_fields(progress) | {name: getattr(progress.changes, name) for name in names}


def status_fields(statuses: Sequence[SeriesStatus] = (), now: int = 0) -> dict[str, Any]:
    """What a table holds of each series. The files are those of ``file_fields``, if they are checked."""
    return {"series": [_series_fields(status, now) for status in statuses], "files": None}


def file_fields(problems: Sequence[FileProblem]) -> dict[str, Any]:
    """The data files that are missing or damaged."""
    return {
        "files": [
            {
                "path": problem.path,
                "market": problem.key[1],
                "interval": problem.key[0],
                "month": problem.month,
                "problem": problem.problem,
            }
            for problem in problems
        ]
    }


def _series_fields(status: SeriesStatus, now: int) -> dict[str, Any]:
    ends = _iso(((status.complete[0][0], status.complete[-1][1]),))[0] if status.complete else [None, None]
    return {
        "market": status.key[1],
        "interval": status.key[0],
        "rows": status.rows,
        "provisional": status.provisional,
        "missing": status.missing,
        "start": ends[0],
        "end": ends[1],
        "age_seconds": age_seconds(status, now),
        "gaps": _iso(status.gaps),
        "retired": status.retired,
    }


def age_seconds(status: SeriesStatus, now: int) -> float | None:
    """The time since the end of the last complete window; ``None`` without one."""
    return (now - status.complete[-1][1]) / 1_000_000 if status.complete else None


def _iso(spans: Spans) -> list[list[str]]:
    return [[to_iso(from_micros(moment)) for moment in span] for span in spans]


def verify_fields(result: VerifyResult = _NOTHING_COMPARED) -> dict[str, Any]:
    """What a comparison found."""
    return {
        "windows": result.windows,
        "rows": result.rows,
        "requests": result.requests,
        "differences": list(result.differences),
    }
