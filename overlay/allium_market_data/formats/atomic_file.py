"""A file that appears complete or not at all.

It is written under a temporary name in the folder of its target, synced to disk, and then moved to its target in one step.
Until that step an existing file there is unchanged.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import OutputError


class AtomicFile:
    """A temporary file for ``target``. Write to ``stream``, then ``commit``; always ``rollback`` at the end."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f".{target.name[:40]}.{os.urandom(8).hex()}.partial")
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        try:
            self.stream = os.fdopen(os.open(self.path, flags, 0o666), "wb")  # the umask applies, as with open()
        except BaseException:
            self.path.unlink(missing_ok=True)
            raise

    def commit(self, *, overwrite: bool) -> None:
        """Move the file to its target. Raises ``OutputError`` if a file exists there and ``overwrite`` is false."""
        self.stream.flush()
        os.fsync(self.stream.fileno())
        self.stream.close()
        if overwrite:
            self.path.replace(self.target)
        else:
            _move_without_overwriting(self.path, self.target)
        _sync_folder(self.target.parent)

    def rollback(self) -> None:
        """Close the file, and delete it unless it was committed. Never raises, so that it cannot hide another error."""
        with suppress(OSError):
            self.stream.close()
        with suppress(OSError):
            self.path.unlink(missing_ok=True)


def _move_without_overwriting(path: Path, target: Path) -> None:
    """Only a hard link creates a complete file in one step without ever replacing another."""
    try:
        try:
            target.hardlink_to(path)
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links: reserve the name, then replace the empty file
            os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
            try:
                path.replace(target)
            except BaseException:
                target.unlink(missing_ok=True)
                raise
            return
    except FileExistsError:
        raise _exists_error(target) from None
    path.unlink()


def _sync_folder(folder: Path) -> None:
    """Sync the new name to disk too, on systems that support it for folders."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _exists_error(path: Path) -> OutputError:
    return OutputError(f"{path} exists already: nothing was written (overwrite=True or --overwrite replaces it)")


def resolve_target(path: str | os.PathLike[str], *, overwrite: bool) -> Path:
    """The path with symbolic links resolved. Raises ``OutputError`` if no file can be written there."""
    target = Path(path)
    with output_errors(target):
        try:
            target = target.resolve()
            mode = target.stat().st_mode
        except FileNotFoundError:
            if not target.parent.is_dir():
                raise OutputError(f"cannot write {target}: folder {target.parent} does not exist") from None
            return target
        except (RuntimeError, ValueError) as error:  # a link to itself (before Python 3.13), or a null character
            raise OutputError(f"cannot write {target}: {error}") from error
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
        raise OutputError(f"cannot write {target}: it is {kind}")
    if not overwrite:
        raise _exists_error(target)
    return target


@contextmanager
def output_errors(path: Path) -> Iterator[None]:
    """Turn errors of the operating system into ``OutputError`` with the path."""
    try:
        yield
    except (OSError, UnicodeError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        raise OutputError(f"cannot write {path}: {reason}") from error
