"""Find data files of a table that are missing or damaged."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from typing import cast

from ..model.endpoint import OPEN_INTEREST, Endpoint
from ..model.intervals import Interval
from ..optional import require
from .coverage import SeriesKey
from .storage_error import describe
from .table import Table


@dataclass(frozen=True, slots=True)
class FileProblem:
    """A data file that cannot be read, the series and month of its rows, and why."""

    path: str
    key: SeriesKey
    month: str
    problem: str

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


def check_files(
    table: Table | str | PathLike[str],
    *,
    endpoint: Endpoint = OPEN_INTEREST,
    storage_options: dict[str, str] | None = None,
) -> list[FileProblem]:
    """Read every data file, and return those that are missing or damaged. Raises ``StoreError`` for the table itself."""
    if not isinstance(table, Table):
        table = Table(table, endpoint=endpoint, storage_options=storage_options)
    partition_keys = require("pyarrow.dataset", "store").get_partition_keys
    problems = []
    with table.storage_errors():
        fragments = list(table.delta.to_pyarrow_dataset().get_fragments())
    for fragment in fragments:
        try:
            fragment.to_table()
        except (require("pyarrow", "store").ArrowException, OSError) as error:
            reason = describe(error, table.storage_options, is_local=False)[:300]
            partition = partition_keys(fragment.partition_expression)
            key = cast("Interval", partition["interval"]), partition["market_id"]
            problems.append(FileProblem(fragment.path, key, partition["month"], reason))
    return sorted(problems, key=lambda problem: (problem.key, problem.month, problem.path))
