"""Values that one schema allows and another refuses, found by Hypothesis: deterministic, and without writing files."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, Final

from .schema import Path, Schema
from .validation import accepts

if TYPE_CHECKING:
    from hypothesis import strategies as st

_TRIES: Final = 150
_TRIES_WITH_CONDITION: Final = 60


def find_counterexample(
    small: Schema, large: Schema, path: Path, side: str = "", condition: Callable[[Any], bool] | None = None
) -> tuple[Any] | None:
    """A value that ``small`` allows and ``large`` refuses, in a tuple; None if none was found.

    Values that differ from a sample value only at ``path`` are tried first. With a ``condition`` that a value has to meet,
    only those are tried.
    """
    from .strategies import focused, targets, values

    def is_counterexample(value: Any) -> bool:
        return (
            accepts(small, value, side) is not False
            and accepts(large, value, side) is False
            and (condition is None or condition(value))
        )

    target = targets(large, side)
    tries = _TRIES_WITH_CONDITION if condition else _TRIES
    found = _find(focused(small, path, target), is_counterexample, tries)
    return found if found or condition else _find(values(small, target), is_counterexample, tries)


def _find(strategy: st.SearchStrategy[Any], condition: Callable[[Any], bool], tries: int) -> tuple[Any] | None:
    """The simplest value of a strategy that meets a condition, in a tuple; None if none was found."""
    from hypothesis import HealthCheck, Phase, find, settings
    from hypothesis.errors import InvalidArgument, NoSuchExample, Unsatisfiable

    options = settings(
        database=None,
        derandomize=True,
        deadline=None,
        max_examples=tries,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    with _without_files(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return (find(strategy, condition, settings=options),)
        except (NoSuchExample, Unsatisfiable, InvalidArgument):
            return None


@contextlib.contextmanager
def _without_files() -> Iterator[None]:
    """Point Hypothesis to a home folder that cannot exist, so that it writes no files."""
    from hypothesis.configuration import set_hypothesis_home_dir, storage_directory

    before = storage_directory(intent_to_write=False).home_directory
    set_hypothesis_home_dir(FilePath(os.devnull, "none"))
    try:
        yield
    finally:
        set_hypothesis_home_dir(before)
