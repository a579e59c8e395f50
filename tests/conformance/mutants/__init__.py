"""Mutants: sandboxes that break the contract on purpose, to show that the suite notices.

Each breaks a clause of ``spec/clauses.toml`` under every reading, visibly on the bundled synthetic markets. `MUTANTS`
has them by name, `GROUPS` by subject, and `mutant_endpoint` builds an endpoint with some of them::

    create_app(samples, reading, endpoint=mutant_endpoint(["limit-ignored"]))
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from allium_market_data.errors import SandboxError
from allium_market_data.model.intervals import INTERVALS
from allium_market_data.sandbox import create_app
from allium_market_data.sandbox.endpoint import SandboxEndpoint
from allium_market_data.sandbox.readings import Reading
from allium_market_data.sandbox.samples import Samples

from ..clock import Clock
from . import access, amounts, buckets, dates, error_responses, limits, parameters, serving, shape, text, windows
from .mutant import Mutant, MutantEndpoint
from .styles import STYLES

if TYPE_CHECKING:
    from fastapi import FastAPI


def _applies(mutant: Mutant) -> bool:
    """False if the name of the mutant has an interval that the contract has not."""
    return set(re.findall(r"\b[0-9]+[mhd]\b", mutant.name)) <= set(INTERVALS)


_ALL: Final[dict[str, tuple[Mutant, ...]]] = {
    "shape": shape.MUTANTS,
    "text": text.MUTANTS,
    "buckets": buckets.MUTANTS,
    "meaning": amounts.MUTANTS,
    "windows": windows.MUTANTS,
    "rows": limits.MUTANTS,
    "parameters": (*parameters.MUTANTS, *error_responses.MUTANTS),
    "access": access.MUTANTS,
    "serving": serving.MUTANTS,
    "dates": dates.MUTANTS,
}
GROUPS: Final = {name: tuple(filter(_applies, group)) for name, group in _ALL.items()}
MUTANTS: Final[dict[str, Mutant]] = {mutant.name: mutant for group in GROUPS.values() for mutant in group}
"""Every mutant, by its name for ``--mutant``."""


def chosen(names: Iterable[str], style: str | None = None) -> list[Mutant]:
    """The mutants ``names``, and the style of a correct server. Raises `SandboxError` for an unknown name."""
    found = []
    for kind, known, name in [("mutant", MUTANTS, name) for name in dict.fromkeys(names)] + [
        ("style", STYLES, name) for name in (style,) if name is not None
    ]:
        if name not in known:
            raise SandboxError(f"there is no {kind} {name!r}; choose from {', '.join(known)}")
        found.append(known[name])
    return found


def mutant_endpoint(names: Iterable[str]) -> Callable[[Samples, Reading, str], SandboxEndpoint]:
    """A factory of endpoints with each of the mutants ``names``; without names, of the correct endpoint.

    Raises `SandboxError` for an unknown name.
    """
    mutants = chosen(names)
    return partial(MutantEndpoint, mutants) if mutants else SandboxEndpoint


def mutant_app(mutants: Sequence[Mutant], samples: Samples, reading: Reading, api_key: str, clock: Clock) -> FastAPI:
    """The sandbox with ``mutants``; those that wait or limit the rate do it on ``clock``."""
    endpoint = partial(MutantEndpoint, mutants) if mutants else SandboxEndpoint
    app = create_app(samples, reading, api_key, endpoint)
    for middleware in (mutant.changes.middleware for mutant in mutants):
        if middleware is not None:
            app.add_middleware(middleware, clock)
    return app


__all__ = ["GROUPS", "MUTANTS", "STYLES", "Mutant", "chosen", "mutant_app", "mutant_endpoint"]
