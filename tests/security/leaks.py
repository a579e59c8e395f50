"""A search for the key in everything that a program can show: text, files, logs, and objects reachable from an exception."""

from __future__ import annotations

import asyncio
import base64
import copy
import faulthandler
import gc
import gzip
import html
import json
import logging
import lzma
import pickle
import pprint
import re
import sys
import tempfile
import threading
import traceback
import types
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, quote_plus

from rich.console import Console
from rich.traceback import Traceback

from support.serving import SECRET

HIDDEN: Final = [SECRET]
"""A list, so that no frame of a test has the key in a variable."""

PIECES: Final = ("k3y/that", "nobody", "may+see")
"""Pieces of the key that occur nowhere else."""


def forms(key: str) -> dict[str, str]:
    """The key as it is escaped in JSON, URLs, HTML, source code and headers."""
    text = json.dumps(key)[1:-1]
    return {
        "plain": key,
        "json": text,
        "json of php": text.replace("/", "\\/"),
        "json of go": text.replace("&", "\\u0026"),
        "json, all escaped": "".join(f"\\u{ord(character):04X}" for character in key),
        "json in json": json.dumps(text)[1:-1],
        "repr": repr(key)[1:-1],
        "repr of bytes": repr(key.encode())[2:-1],
        "url": quote(key, safe=""),
        "url path": quote(key),
        "url in small letters": re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), quote(key, safe="")),
        "form": quote_plus(key),
        "url twice": quote(quote(key, safe=""), safe=""),
        "all percent": "".join(f"%{byte:02x}" for byte in key.encode()),
        "html": html.escape(key),
        "html, quotes left": html.escape(key, quote=False),
        "html in numbers": "".join(f"&#{ord(character)};" for character in key),
        "html in hexadecimal": "".join(f"&#x{ord(character):X};" for character in key),
        "html of json": html.escape(text),
        "base64": base64.b64encode(key.encode()).decode(),
    }


def leaks(output: str | bytes) -> list[str]:
    """The forms of the key that occur in ``output``."""
    text = output.decode("latin-1") if isinstance(output, bytes) else output
    low = text.lower()
    found = [name for name, form in forms(HIDDEN[0]).items() if form.lower() in low]
    return found + [piece for piece in PIECES if piece in text]


def renderings(failure: BaseException) -> Iterator[tuple[str, str | bytes]]:
    """Everything that renders an exception: itself, a traceback with local variables, a pickle, a copy."""
    chain = traceback.TracebackException.from_exception(failure, capture_locals=True)
    yield "traceback", "".join(chain.format())
    yield from descriptions("exception", failure)
    yield "message", f"{failure}{failure.args}{getattr(failure, '__notes__', '')}"
    with suppress(TypeError, AttributeError, pickle.PicklingError):
        yield "pickle of the exception", pickle.dumps(failure)


def pretty(failure: BaseException) -> str:
    """The traceback that rich prints for an exception, with local variables. It takes a second."""
    with tempfile.TemporaryFile("w+") as file:
        console = Console(record=True, width=300, file=file)
        kind, frames = type(failure), failure.__traceback__
        console.print(Traceback.from_exception(kind, failure, frames, show_locals=True, locals_max_string=100_000))
        return console.export_text()


def descriptions(name: str, thing: Any) -> Iterator[tuple[str, str | bytes]]:
    """Every description of an object: repr, attributes, copies and pickles, two levels deep."""
    yield f"repr of {name}", f"{thing!r}{thing}{pprint.pformat(thing)}"
    inside = dict(getattr(thing, "__dict__", {}))
    for kind in type(thing).__mro__:
        for slot in (names,) if isinstance(names := getattr(kind, "__slots__", ()), str) else names:
            inside[slot] = getattr(thing, slot, None)
    yield f"attributes of {name}", pprint.pformat(inside)
    for attribute, value in inside.items():
        yield f"{name}.{attribute}", f"{value!r}{getattr(value, '__dict__', '')}"
    for what in (copy.copy, pickle.dumps):
        with suppress(TypeError, AttributeError, pickle.PicklingError, ValueError, RuntimeError):
            yield f"{what.__name__} of {name}", repr(what(thing))


_CLOSED: Final = (
    types.ModuleType,
    type,
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.CodeType,
)


def reachable(failure: BaseException) -> Iterator[tuple[str, str | bytes]]:
    """Every text that is reachable from an exception through causes, tracebacks, frames and variables.

    Functions are left out, because the key is kept in a closure. So are frames of tests, and what all code shares.
    """
    seen, waiting = {id(failure)}, [failure]
    while waiting:
        for thing in gc.get_referents(waiting.pop()):
            if id(thing) in seen or isinstance(thing, _CLOSED):
                continue
            seen.add(id(thing))
            if isinstance(thing, str | bytes | bytearray):
                yield "reachable from the exception", bytes(thing) if isinstance(thing, bytearray) else thing
            elif isinstance(thing, types.FrameType) and not _is_ours(thing.f_code.co_filename):
                waiting.append(thing)  # type: ignore[arg-type]
                for name, value in thing.f_locals.items():
                    with suppress(Exception):  # an object under construction may fail to describe itself
                        yield f"{name} in {thing.f_code.co_qualname}", repr(value)
            elif not isinstance(thing, types.FrameType) and not (isinstance(thing, dict) and "__builtins__" in thing):
                waiting.append(thing)


def _is_ours(file: str) -> bool:
    """Whether code belongs to the tests, which know the key."""
    return file.startswith(str(Path(__file__).parents[1])) or "pytest" in file or "pluggy" in file


def from_outside(failure: BaseException) -> BaseException:
    """The exception with the frames of the package only: the frames of the tests know the key."""
    frames = failure.__traceback__
    while frames is not None and "allium_market_data" not in frames.tb_frame.f_code.co_filename:
        frames = frames.tb_next
    return failure.with_traceback(frames)


class Log(logging.Handler):
    """Collects every record of every logger at every level, with all its attributes."""

    def __init__(self) -> None:
        super().__init__(1)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Collect the record."""
        self.texts.append(f"{record.getMessage()} {vars(record)}")
        if record.exc_info and record.exc_info[1] is not None:
            self.texts += [str(text) for _, text in renderings(record.exc_info[1])]


@contextmanager
def everything_logged() -> Iterator[Log]:
    """Collect all log records, warnings and unraisable exceptions. Levels and hooks are restored afterwards."""
    log = Log()
    root = logging.getLogger()
    levels = {logger: logger.level for logger in map(logging.getLogger, ("", *root.manager.loggerDict))}
    hooks = sys.unraisablehook, threading.excepthook
    sys.unraisablehook = lambda stray: log.texts.append(f"{stray.err_msg} {stray.exc_value!r} {stray.object!r}")
    threading.excepthook = lambda stray: log.texts.append(f"{stray.exc_value!r} {stray.thread!r}")
    for logger in levels:
        logger.setLevel(1)
    root.addHandler(log)
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            yield log
        log.texts += [f"{one.message} {one.source!r}" for one in warned]
    finally:
        root.removeHandler(log)
        for logger, level in levels.items():
            logger.setLevel(level)
        sys.unraisablehook, threading.excepthook = hooks


def stacks() -> str:
    """The stacks of all threads, from faulthandler, and of all tasks, from asyncio."""
    with tempfile.TemporaryFile("w+") as file:
        faulthandler.dump_traceback(file, all_threads=True)
        with suppress(RuntimeError):
            for task in asyncio.all_tasks():
                task.print_stack(file=file)
        file.seek(0)
        return file.read()


def unpacked(data: bytes) -> Iterator[bytes]:
    """The bytes of a file, and the decompressed content."""
    yield data
    for unpack in (gzip.decompress, lzma.decompress):
        with suppress(OSError, EOFError, zlib.error, lzma.LZMAError):
            yield unpack(data)
    for found in re.finditer(rb"stream\r?\n|IDAT|[iz]TXt", data):  # of a PDF, of a PNG
        with suppress(zlib.error):
            yield zlib.decompressobj().decompress(data[found.end() :])


def files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below a folder: its name and its content, decompressed where it is compressed."""
    for path in sorted(folder.rglob("*")):
        yield "name of a file", str(path).encode()
        if path.is_file():
            for data in unpacked(path.read_bytes()):
                yield str(path.relative_to(folder)), data


def search(pieces: Iterator[tuple[str, str | bytes]]) -> list[str]:
    """Where the key was found, and in which form. Places only, so that a failing test does not show the key."""
    return sorted({f"{place}: {', '.join(found)}" for place, text in pieces if (found := leaks(text))})
