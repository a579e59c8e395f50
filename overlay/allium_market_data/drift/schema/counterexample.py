"""Values that one schema allows and another refuses, found by Hypothesis: always the same ones, and without a file."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .schema import Schema
from .validation import accepts

if TYPE_CHECKING:
    from hypothesis import strategies as st

_TRIES: Final = 150
_FEWER: Final = 60


def find_counterexample(
    small: Schema, large: Schema, path: tuple[str | int, ...], side: str = "", also: Callable[[Any], bool] | None = None
) -> tuple[Any] | None:
    """A value, in a tuple, that one schema allows and another refuses; None where none was found in so many tries.

    Values that differ from a plain one at ``path`` alone are tried first. With ``also``, which says what else a value must
    fulfil, they are all that is tried.
    """
    from .strategies import aim, focused, values

    def fits(value: Any) -> bool:
        return (
            accepts(small, value, side) is not False
            and accepts(large, value, side) is False
            and (also is None or also(value))
        )

    aimed = aim(large, side)
    found = first(focused(small, path, aimed), fits, _TRIES if also is None else _FEWER)
    return found if found or also else first(values(small, aimed), fits, _TRIES)


def first(strategy: st.SearchStrategy[Any], fits: Callable[[Any], bool], tries: int) -> tuple[Any] | None:
    """The simplest value of a strategy that fits, in a tuple, or None: always the same one."""
    from hypothesis import HealthCheck, Phase, find, settings
    from hypothesis.errors import InvalidArgument, NoSuchExample, Unsatisfiable

    wanted = settings(
        database=None,
        derandomize=True,
        deadline=None,
        max_examples=tries,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    with _no_files(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return (find(strategy, fits, settings=wanted),)
        except (NoSuchExample, Unsatisfiable, InvalidArgument):
            return None


@contextlib.contextmanager
def _no_files() -> Iterator[None]:
    """Point Hypothesis's folder to where no folder can be: it does without, and says nothing of it."""
    from hypothesis.configuration import set_hypothesis_home_dir, storage_directory

    before = storage_directory(intent_to_write=False).home_directory
    set_hypothesis_home_dir(Path(os.devnull, "none"))
    try:
        yield
    finally:
        set_hypothesis_home_dir(before)
