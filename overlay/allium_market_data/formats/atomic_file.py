"""A file that appears whole or not at all.

It is written under another name in the folder where it will stand, brought to the disk, and only then put in its place
in one step. Until that step, what stood there before is untouched.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import OutputError


class AtomicFile:
    """A file on its way to ``target``: write to ``stream``, ``publish`` it, and always ``discard`` what is left."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f".{target.name[:40]}.{os.urandom(8).hex()}.partial")
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        try:
            self.stream = os.fdopen(os.open(self.path, flags, 0o666), "wb")  # 0o666 less the umask, as open() has it
        except BaseException:
            self.path.unlink(missing_ok=True)
            raise

    def publish(self, *, overwrite: bool) -> None:
        """Put the file in its place. Raises ``OutputError`` when another stands there and may not be overwritten."""
        self.stream.flush()
        os.fsync(self.stream.fileno())
        self.stream.close()
        if overwrite:
            self.path.replace(self.target)
        else:
            _place_anew(self.path, self.target)
        _sync_folder(self.target.parent)

    def discard(self) -> None:
        """Close the file, and remove it unless it was published. Never raises: there may be an error under way."""
        with suppress(OSError):
            self.stream.close()
        with suppress(OSError):
            self.path.unlink(missing_ok=True)


def _place_anew(path: Path, target: Path) -> None:
    """Rename without overwriting. A hard link is the one step that places a whole file and never replaces one."""
    try:
        try:
            target.hardlink_to(path)
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links: reserve the name, then fill it
            os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
            try:
                path.replace(target)
            except BaseException:
                target.unlink(missing_ok=True)
                raise
            return
    except FileExistsError:
        raise exists(target) from None
    path.unlink()


def _sync_folder(folder: Path) -> None:
    """Bring the new name to the disk too, where the system can do that for folders."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def exists(path: Path) -> OutputError:
    """The error for a file that is in the way."""
    return OutputError(f"{path} exists already: nothing was written (overwrite=True, or --overwrite, replaces it)")


def resolve_target(path: str | os.PathLike[str], *, overwrite: bool) -> Path:
    """Where a file of this name will stand, symbolic links followed. Raises ``OutputError`` where none can stand."""
    target = Path(path)
    with reported(target):
        try:
            target = target.resolve()
            mode = target.stat().st_mode
        except FileNotFoundError:
            if not target.parent.is_dir():
                raise OutputError(f"cannot write {target}: there is no folder {target.parent}") from None
            return target
        except (RuntimeError, ValueError) as error:  # a symbolic link to itself (before Python 3.13), or no path at all
            raise OutputError(f"cannot write {target}: {error}") from error
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "no ordinary file"
        raise OutputError(f"cannot write {target}: it is {kind}")
    if not overwrite:
        raise exists(target)
    return target


@contextmanager
def reported(path: Path) -> Iterator[None]:
    """Turn what the system says about writing ``path`` into ``OutputError``."""
    try:
        yield
    except (OSError, UnicodeError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        raise OutputError(f"cannot write {path}: {reason}") from error
