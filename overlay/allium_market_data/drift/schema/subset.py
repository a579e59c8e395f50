"""Whether everything that one schema allows is allowed by another: yes, no with the place, or cannot tell.

A yes is proven. A no names what one side allows and the other refuses; where several places stand against it, all are
found. What cannot be decided (different patterns, ``not``, conditions) is said to be so, never taken for a yes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

from ...codegen.canonical import canonical, join
from .constraints import Group
from .emptiness import disjoint, empty
from .problem import STRICT, Check, Mode, Problem, stated
from .schema import Schema
from .subset_members import array_problems, object_problems, unknown_members
from .subset_scalars import finite, number_problems, text_problems, type_list, types_text
from .validation import accepts

_STEPS: Final = 5_000
_NOTHING: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Yes:
    """Every value of the first schema is one of the second."""


@dataclass(frozen=True, slots=True)
class No:
    """Some value of the first schema is none of the second; ``place`` is the JSON pointer of the keyword at fault."""

    place: str
    why: str


@dataclass(frozen=True, slots=True)
class CannotTell:
    """Neither is proven."""

    place: str
    why: str


Answer: TypeAlias = Yes | No | CannotTell


def subset(small: Schema, large: Schema, mode: Mode = STRICT) -> Answer:
    """Whether every value that ``small`` allows is allowed by ``large``."""
    found = problems(small, large, mode)
    sure = [problem for problem in found if not problem.cannot]
    if not found:
        return Yes()
    first = (sure or found)[0]
    return (No if sure else CannotTell)(join("", *first.path, first.keyword), first.why)


def problems(small: Schema, large: Schema, mode: Mode = STRICT) -> list[Problem]:
    """Everything that stands against it, each place once."""
    return _once(_Check(mode).run(small, large))


def _once(found: Iterable[Problem]) -> list[Problem]:
    kept: dict[tuple[Any, ...], Problem] = {}
    for problem in found:
        known = kept.setdefault((problem.path, problem.keyword), problem)
        if known.cannot and not problem.cannot:
            kept[problem.path, problem.keyword] = problem
    return list(kept.values())


class _Check(Check):
    """One comparison. A pair that is met again inside itself is taken to hold, as recursive schemas need it.

    What was found of a pair is kept. A pair that was found to hold on such an assumption is forgotten again where the
    assumption turns out wrong; what stands against a pair stands against it whatever was assumed.
    """

    def __init__(self, mode: Mode) -> None:
        super().__init__(mode)
        self._open: dict[Any, int] = {}
        self._done: dict[Any, list[Problem]] = {}
        self._resting: dict[Any, int] = {}
        """The pairs that hold on an assumption, and how deep the outermost pair stands that they assume."""
        self._parts: set[Any] = set()
        self._outermost = _NOTHING
        self._steps = 0

    def run(self, small: Schema, large: Schema) -> list[Problem]:
        pair = (small.key, large.key)
        if pair in self._done or pair in self._open:
            self._outermost = min(self._outermost, self._open.get(pair, self._resting.get(pair, _NOTHING)))
            return self._done.get(pair, [])
        self._steps += 1
        if self._steps > _STEPS:
            return [stated("allOf", small, large, None, None, "the schemas are too intricate", cannot=True)]
        depth, before, resting = len(self._open), self._outermost, len(self._resting)
        self._open[pair], self._outermost = depth, _NOTHING
        found = self._done[pair] = _once(self._judge(small, large))
        del self._open[pair]
        self._close(pair, depth, resting)
        self._outermost = min(before, self._outermost if self._outermost < depth else _NOTHING)
        return found

    def _close(self, pair: Any, depth: int, resting: int) -> None:
        inner = [*self._resting][resting:]
        if self._done[pair]:
            for one in inner:
                del self._done[one], self._resting[one]
        elif self._outermost >= depth:
            for one in inner:
                del self._resting[one]  # it rested on this pair, which holds
        else:
            self._resting[pair] = self._outermost

    def _judge(self, small: Schema, large: Schema) -> list[Problem]:
        if empty(small):
            return []
        facts = small.constraints
        if facts.enum is not None or facts.types <= {"null", "boolean"}:
            return _values(small, large, finite(facts) or [])
        whole = not (small.skip or large.skip or large.key in self._parts)
        found = unknown_members(small, large) if self.mode.side == "request" and whole else []
        return found + self._chosen(small, _without_equal_groups(small, large))

    def _chosen(self, small: Schema, large: Schema) -> list[Problem]:
        """The comparison with the choices made: every one of the small side, some one of the large side."""
        if small.constraints.groups:
            group = small.constraints.groups[0]
            return [
                problem for at in range(len(group.branches)) for problem in self.run(small.choose(group, at), large)
            ]
        if large.constraints.groups:
            plain = Schema(
                large.resolver, large.subschemas, large.skip | {group.key for group in large.constraints.groups}
            )
            found = self.run(small, plain)
            return found + [
                problem for group in large.constraints.groups for problem in self._into(small, large, group)
            ]
        return self._plain(small, large)

    def _into(self, small: Schema, large: Schema, group: Group) -> list[Problem]:
        """Whether the small node fits into one branch of a choice, or each of its types into one of its own."""
        branches = [large.alone(spot) for spot in group.branches]
        self._parts |= {branch.key for branch in branches}
        tried = [self.run(small, branch) for branch in branches]
        fitting = [at for at, found in enumerate(tried) if not found]
        if fitting and (group.kind == "anyOf" or self.mode.lenient or _only(small, branches, fitting)):
            return []
        if fitting:
            why = "it cannot be told whether exactly one branch fits"
            return [stated(group.kind, small, large, None, None, why, cannot=True)]
        types = small.constraints.types
        parts = [{"integer", "fraction"} & types, *({name} for name in sorted(types - {"integer", "fraction"}))]
        if sum(map(bool, parts)) > 1:
            return [
                problem
                for part in parts
                if part
                for problem in self._into(small.limited(frozenset(part)), large, group)
            ]
        close = [at for at, branch in enumerate(branches) if branch.constraints.types & types and not empty(branch)]
        if len(close) == 1:
            return tried[close[0]]
        unsure = any(all(problem.cannot for problem in found) for found in tried)
        mine = [small.resolver.plainly(spot.value, spot.pointer) for spot in small.subschemas]
        wanted = [large.resolver.plainly(spot.value, spot.pointer) for spot in group.branches]
        why = "it fits none of the branches"
        return [stated(group.kind, small, large, mine, wanted, why, cannot=unsure)]

    def _plain(self, small: Schema, large: Schema) -> list[Problem]:
        a, b = small.constraints, large.constraints
        found = []
        missing = a.types - b.types
        if missing:
            why = f"{types_text(missing)} is not allowed"
            found.append(stated("type", small, large, type_list(_shown(small, large)), type_list(b.types), why))
        elif b.enum is not None:
            values = finite(a)
            if values is not None:
                return _values(small, large, values)
            found.append(stated("enum", small, large, None, [*b.enum.values()], "only certain values are allowed"))
        both = a.types & b.types
        if both & {"integer", "fraction"}:
            found += number_problems(small, large)
        if "string" in both:
            found += text_problems(small, large)
        if "array" in both:
            found += array_problems(self, small, large)
        if "object" in both:
            found += object_problems(self, small, large)
        found += self._nots(small, large) + _opaque(small, large)
        return [replace(problem, cannot=True) for problem in found] if self._narrowed(small) else found

    def _narrowed(self, small: Schema) -> bool:
        """Whether something that is not reasoned about may exclude the very values that stand against the subset."""
        exclusive = not self.mode.lenient and any(kind == "oneOf" for *_, kind in small.skip)
        return bool(small.constraints.nots or small.constraints.opaque) or exclusive

    def _nots(self, small: Schema, large: Schema) -> list[Problem]:
        found = []
        mine = {canonical(small.resolver.plainly(spot.value, spot.pointer)) for spot in small.constraints.nots}
        for spot in large.constraints.nots:
            refused = large.resolver.schema(spot.value, spot.pointer)
            said = large.resolver.plainly(spot.value, spot.pointer)
            if canonical(said) in mine or disjoint(small, refused):
                continue
            sure = not self.run(small, refused)
            found.append(stated("not", small, large, None, said, "some values are excluded", cannot=not sure))
        return found


def _without_equal_groups(small: Schema, large: Schema) -> Schema:
    """The large node without the choices that the small one states word for word."""
    mine = {_said(small, group) for group in small.constraints.groups}
    settled = {group.key for group in large.constraints.groups if _said(large, group) in mine}
    return Schema(large.resolver, large.subschemas, large.skip | settled) if settled else large


def _said(node: Schema, group: Group) -> tuple[str, tuple[str, ...]]:
    known = node.resolver.said
    if group.key not in known:
        branches = (canonical(node.resolver.plainly(spot.value, spot.pointer)) for spot in group.branches)
        known[group.key] = group.kind, tuple(sorted(branches))
    return known[group.key]


def _only(small: Schema, branches: list[Schema], fitting: list[int]) -> bool:
    return any(all(disjoint(small, branch) for at, branch in enumerate(branches) if at != chosen) for chosen in fitting)


def _values(small: Schema, large: Schema, values: list[Any]) -> list[Problem]:
    """A node of a few values: each is looked at."""
    a, b = small.constraints, large.constraints
    known = b.formats <= a.formats and b.opaque.items() <= a.opaque.items() and not b.groups and not b.nots
    judged = [(value, accepts(large, value)) for value in values if accepts(small, value) is not False]
    refused = [value for value, found in judged if found is False]
    unsure = [value for value, found in judged if found is None and not known]
    if not refused and not unsure:
        return []
    if refused and a.types.isdisjoint(b.types):
        return [
            stated(
                "type",
                small,
                large,
                type_list(_shown(small, large)),
                type_list(b.types),
                f"{types_text(a.types)} is not allowed",
            )
        ]
    shown = ", ".join(canonical(value) for value in (refused or unsure)[:5])
    theirs = None if b.enum is None else [*b.enum.values()]
    return [
        stated(
            "enum",
            small,
            large,
            values if a.enum is not None else None,
            theirs,
            f"{shown} is not allowed",
            cannot=not refused,
        )
    ]


def _shown(small: Schema, large: Schema) -> frozenset[str]:
    """The types of the small side; one branch of several adds its own to what the others allow."""
    return small.constraints.types | large.constraints.types if small.skip else small.constraints.types


def _opaque(small: Schema, large: Schema) -> list[Problem]:
    a, b = small.constraints.opaque, large.constraints.opaque
    return [
        stated(key, small, large, a.get(key), value, f"{key} cannot be compared", cannot=True)
        for key, value in sorted(b.items())
        if a.get(key) != value
    ]
