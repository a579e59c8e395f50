"""Delete old files of a table's log, without losing which windows are complete.

Delta's own cleanup of the log is switched off, because it may delete the newest record of the coverage. Here a commit with the
coverage of the whole table comes first. Then what is older than a checkpoint goes, where that checkpoint itself is old enough
for every version of the last days to stay readable.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from ..optional import require
from .coverage import CommitNote
from .table import Table

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


def files_to_delete(files: list[LogFile], newest: int, before: datetime) -> list[LogFile]:
    """The files before the newest checkpoint that was written before a moment, and is not later than version ``newest``.

    Oldest first, so that a kill leaves no hole.
    """
    old = [file.version for file in files if file.is_checkpoint and file.modified < before and file.version <= newest]
    return sorted((file for file in files if file.version < max(old, default=0)), key=lambda file: file.version)


def clean_log(store: Table, age: timedelta) -> int:
    """Delete the log files of versions that are older than ``age``. Returns their number. Raises ``StoreError``."""
    if not files_to_delete(_log_files(store), store.delta.version(), datetime.now(UTC) - age):
        return 0
    store.retry(lambda: store.write_note(CommitNote(), with_snapshot=True))
    with store.storage_errors():
        store.delta.create_checkpoint()
        handler = _handler(store)
        files = files_to_delete(_log_files(store), store.delta.version(), datetime.now(UTC) - age)
        for file in files:
            handler.delete_file(f"_delta_log/{file.name}")
    return len(files)


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
