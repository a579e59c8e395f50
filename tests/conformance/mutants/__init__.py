"""Mutants: sandboxes that break the contract on purpose, to show that the suite notices.

Each breaks a clause of ``spec/clauses.toml`` under every reading, visibly on the bundled synthetic markets. `MUTANTS`
has them by name, `GROUPS` by subject, and `mutant_endpoint` builds an endpoint with some of them::

    create_app(samples, reading, endpoint=mutant_endpoint(["limit-ignored"]))
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from allium_market_data.errors import SandboxError
from allium_market_data.sandbox.endpoint import SandboxEndpoint
from allium_market_data.sandbox.readings import Reading
from allium_market_data.sandbox.samples import Samples

from . import access, amounts, buckets, error_responses, limits, parameters, shape, text, windows
from .mutant import Mutant, MutantEndpoint

GROUPS: Final[dict[str, tuple[Mutant, ...]]] = {
    "shape": shape.MUTANTS,
    "text": text.MUTANTS,
    "buckets": buckets.MUTANTS,
    "meaning": amounts.MUTANTS,
    "windows": windows.MUTANTS,
    "rows": limits.MUTANTS,
    "parameters": (*parameters.MUTANTS, *error_responses.MUTANTS),
    "access": access.MUTANTS,
}
MUTANTS: Final[dict[str, Mutant]] = {mutant.name: mutant for group in GROUPS.values() for mutant in group}
"""Every mutant, by its name for ``--mutant``."""


def mutant_endpoint(names: Iterable[str]) -> Callable[[Samples, Reading, str], SandboxEndpoint]:
    """A factory of endpoints with each of the mutants ``names``; without names, of the correct endpoint.

    Raises `SandboxError` for an unknown name.
    """
    chosen = []
    for name in dict.fromkeys(names):
        if name not in MUTANTS:
            raise SandboxError(f"there is no mutant {name!r}; choose from {', '.join(MUTANTS)}")
        chosen.append(MUTANTS[name])
    return partial(MutantEndpoint, chosen) if chosen else SandboxEndpoint


__all__ = ["GROUPS", "MUTANTS", "Mutant", "mutant_endpoint"]
