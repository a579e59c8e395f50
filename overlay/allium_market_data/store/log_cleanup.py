"""Delete old files of a table's log, without losing which windows are complete.

Delta's own cleanup of the log is switched off, because it may delete the newest record of the coverage. Here a commit with the
coverage of the whole table comes first. Then what is older than a checkpoint goes, where that checkpoint itself is old enough
for every version of the last days to stay readable. Of the later checkpoints one for each day is kept.
"""

from __future__ import annotations

import logging
import re
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from ..errors import StoreError
from ..model.times import from_micros
from ..optional import require
from .coverage import CommitNote
from .table import Table

logger = logging.getLogger("allium_market_data.store")

LOG_AGE = timedelta(days=30)
"""Updates and watches keep the log of versions that are younger. Delta's own default is the same."""

COMMITS_PER_CLEANING = 100
"""A cleaning lists the whole log, so it is tried once in this many commits."""

ALL_CHECKPOINTS_AGE = timedelta(days=1)
"""Younger checkpoints are all kept. Each lists every file of the table and those replaced in the last day."""

_EPOCH = from_micros(0)

_VERSIONED = re.compile(r"(\d{20})\.(json|checkpoint\..*parquet)")


class LogFile(NamedTuple):
    """A file of a Delta log: its name, the version that it belongs to, and when it was written."""

    name: str
    version: int
    modified: datetime

    @property
    def is_checkpoint(self) -> bool:
        """True for the whole state of a version, False for a commit."""
        return ".checkpoint." in self.name


def files_to_delete(files: list[LogFile], newest: int, before: datetime, now: datetime) -> list[LogFile]:
    """The files before the newest checkpoint that was written before a moment, and is not later than version ``newest``.

    Of later checkpoints, those that are older than ``ALL_CHECKPOINTS_AGE`` go too, except the newest of each day: they only
    save time to open an old version. Oldest first, so that a kill leaves no hole.
    """
    checkpoints = [file for file in files if file.is_checkpoint and file.version <= newest]
    first = max((file.version for file in checkpoints if file.modified < before), default=0)
    of_day: dict[date, int] = {}
    for file in checkpoints:
        of_day[file.modified.date()] = max(file.version, of_day.get(file.modified.date(), 0))
    needless = {
        file.name
        for file in checkpoints
        if file.modified < now - ALL_CHECKPOINTS_AGE and file.version not in (first, of_day[file.modified.date()])
    }
    chosen = (file for file in files if file.version < first or file.name in needless)
    return sorted(chosen, key=lambda file: file.version)


def clean_log(store: Table, age: timedelta) -> int:
    """Delete the log files of versions that are older than ``age``. Returns their number. Raises ``StoreError``."""
    now = datetime.now(UTC)
    before = now - min(age, now - _EPOCH)
    if not files_to_delete(_log_files(store), store.delta.version(), before, now):
        return 0
    store.retry(lambda: store.write_note(CommitNote(), with_snapshot=True))
    with store.storage_errors():
        store.delta.create_checkpoint()
        handler = _handler(store)
        files = files_to_delete(_log_files(store), store.delta.version(), before, now)
        for file in files:
            with suppress(FileNotFoundError):  # another process cleans too
                handler.delete_file(f"_delta_log/{file.name}")
    return len(files)


def limit_log(store: Table, since: int) -> int:
    """Clean the log of versions older than ``LOG_AGE``, if enough commits were made since a version. Returns as ``clean_log``.

    An error is only a warning: the rows are written, and the log is larger than it need be.
    """
    if store.log.version // COMMITS_PER_CLEANING == since // COMMITS_PER_CLEANING:
        return 0
    try:
        return clean_log(store, LOG_AGE)
    except StoreError as error:
        logger.warning(f"old files of the log were not deleted: {error}")
        return 0


def _handler(store: Table) -> Any:
    return require("deltalake.fs", "store").DeltaStorageHandler(store.uri, store.storage_options)


def _log_files(store: Table) -> list[LogFile]:
    fs = require("pyarrow.fs", "store")
    with store.storage_errors():
        infos = fs.PyFileSystem(_handler(store)).get_file_info(fs.FileSelector("_delta_log"))
    files = []
    for info in infos:
        if match := _VERSIONED.fullmatch(info.base_name):
            files.append(LogFile(info.base_name, int(match[1]), info.mtime))
    return files
