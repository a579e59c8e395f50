"""The commands that look at a table: ``status`` and ``verify``. They fail if they find what they are asked to look for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..counts import counted
from ..errors import UsageError
from ..model.times import from_micros, micros, to_iso
from . import options
from .exit_status import CheckError

if TYPE_CHECKING:
    from ..store import Table
    from ..store.status import SeriesStatus

CROWDED_FILES = 50
"""``status`` recommends compaction for a month of a market with more small files than this."""

NAMED_SERIES = 5
"""A message names this many series; the JSON object has all."""

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def status(
    table: options.TableUri,
    plot: Annotated[Path | None, typer.Option(help="Also draw the status to this PNG file.")] = None,
    overwrite: options.Overwrite = False,
    max_age: Annotated[
        str | None, typer.Option(help="Fail if the complete windows of a series ended longer ago: 90m, 2h, 1d.")
    ] = None,
    fail_on_gaps: Annotated[bool, typer.Option("--fail-on-gaps", help="Fail if a series has gaps.")] = False,
    check_files: Annotated[
        bool, typer.Option("--check-files", help="Read every data file, and fail if one is missing or damaged.")
    ] = False,
    storage_option: options.StorageOption = None,
    json: options.Json = False,
) -> None:
    """Show what a table holds of each market: rows, complete windows, gaps."""
    from ..store import Table
    from ..store import status as run
    from ..store.status_plot import check_file, plot_status
    from .table_json import json_report, status_fields
    from .table_log import log
    from .table_output import show_status

    with json_report(json, "status", table, status_fields()) as fields:
        seconds = None if max_age is None else parse_age(max_age)
        if plot is not None:
            check_file(plot, overwrite=overwrite)
        store = Table(table, storage_options=options.storage_options(storage_option))
        files = _check_files(store) if check_files else {}
        fields.update(files)
        statuses, now = run(store), _now()
        fields.update(status_fields(statuses, now) | files)
        if not json:
            show_status(statuses)
        _warn_of_small_files(store)
        if plot is not None:
            plot_status(statuses, plot, overwrite=overwrite)
            log(f"chart: {plot}")
        if problems := files.get("files"):
            raise CheckError(f"{table}: {counted(len(problems), 'data file')} missing or damaged")
        active = [status for status in statuses if not status.retired]
        check(table, active, None if seconds is None else now - int(seconds * 1_000_000), fail_on_gaps)


def _warn_of_small_files(store: Table) -> None:
    from ..store.compaction import find_small_files
    from .table_log import log

    if crowded := find_small_files(store.delta, CROWDED_FILES):
        months = counted(len(crowded), "month")
        log(f"{months} of markets with more than {CROWDED_FILES} small files: run allium-md compact", "WARNING")


def _check_files(store: Table) -> dict[str, Any]:
    """Read every data file. Logs those that are missing or damaged, and returns the field of the JSON object with them."""
    from ..store import check_files
    from .table_json import file_fields
    from .table_log import log

    problems = check_files(store)
    for problem in problems:
        log(str(problem), "ERROR")
    return file_fields(problems)


def _now() -> int:
    return micros(datetime.now(UTC))


def parse_age(text: str) -> float:
    """The seconds of an age like ``90m``. Raises ``UsageError``."""
    age = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)([smhd])", text)
    if age is None:
        raise UsageError(f"--max-age must be a number and a unit, such as 90m, 2h or 1d, not {text!r:.80}")
    return float(age[1]) * _SECONDS[age[2]]


def check(table: str, statuses: Sequence[SeriesStatus], oldest: int | None, fail_on_gaps: bool) -> None:
    """Raise ``CheckError`` if a series is not complete until ``oldest``, or has gaps and must not."""
    problems = []
    for status in statuses:
        end = status.complete[-1][1] if status.complete else None
        if oldest is not None and (end is None or end < oldest):
            ended = "nothing is complete" if end is None else f"complete until {to_iso(from_micros(end))}"
            problems.append(f"{status.key[1]} {status.key[0]} is too old ({ended})")
        if fail_on_gaps and status.gaps:
            first = to_iso(from_micros(status.gaps[0][0]))
            problems.append(
                f"{status.key[1]} {status.key[0]} has {counted(len(status.gaps), 'gap')}, the first at {first}"
            )
    if problems:
        more = f"; and {len(problems) - NAMED_SERIES:,} more" if problems[NAMED_SERIES:] else ""
        raise CheckError(f"{table}: {'; '.join(problems[:NAMED_SERIES])}{more}")


@options.with_connection
def verify(
    table: options.TableUri,
    windows: Annotated[int, typer.Option(help="Number of windows to compare.")] = 20,
    seed: Annotated[int, typer.Option(help="Seed of the random choice of windows.")] = 0,
    *,
    connection: options.Connection,
    storage_option: options.StorageOption = None,
    json: options.Json = False,
) -> None:
    """Fetch a sample of a table again and compare. It fails if they differ."""
    from ..store import verify as run
    from .output import connect
    from .table_json import json_report, verify_fields
    from .table_log import log

    with json_report(json, "verify", table, verify_fields()) as fields:
        storage = options.storage_options(storage_option)
        with connect(connection) as client:
            result = run(table, windows=windows, seed=seed, client=client, storage_options=storage)
        fields.update(verify_fields(result))
        if not json:
            for line in result.differences:
                print(line)
        differences = counted(len(result.differences), "difference")
        log(f"{counted(result.windows, 'window')}, {counted(result.rows, 'row')}, {differences}")
        if result.differences:
            raise CheckError(f"{table} differs from the server: fetch again with allium-md update --look-back DAYS")
