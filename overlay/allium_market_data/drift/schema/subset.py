"""Whether everything that one schema allows is allowed by another, and every reason why not.

No problems is a proof. A certain problem names what one side allows and the other refuses; all such places are given. What
cannot be decided (different patterns, ``not``, conditions) is a problem that is unsure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, Final

from ...codegen.canonical import canonical
from .constraints import Choice, type_of
from .emptiness import are_disjoint, is_empty
from .keywords import (
    array_problems,
    finite_values,
    number_problems,
    object_problems,
    text_problems,
    type_names,
    unknown_members,
)
from .problem import Problem, beneath, made_unsure, problem
from .schema import Schema
from .validation import accepts

_MOST_STEPS: Final = 5_000
_NO_ASSUMPTION: Final = 1 << 30


def problems(small: Schema, large: Schema, side: str = "", *, closing: bool = False) -> list[Problem]:
    """Every reason why a value of ``small`` may not be one of ``large``, each place once.

    ``side`` is ``request`` or ``response``: readOnly and writeOnly members count there, members that a schema does not name
    are not sent, and the reader of a response ignores those that it does not know. ``closing``: refusing unnamed members is
    a problem even for responses. The branches of a ``oneOf`` are taken to exclude each other, as their authors mean it.
    """
    comparisons, key = small.resolver.comparisons, (large.resolver, side, closing)
    comparison = comparisons.get(key) or _Comparison(side, closing=closing)
    result = comparison.compare_whole(small, large)
    if side == "response" and comparison.is_complete:  # of requests, a branch and a whole are compared differently
        comparisons[key] = comparison
    else:
        comparisons.pop(key, None)
    return result


def _once(problems: Iterable[Problem]) -> list[Problem]:
    """Each problem once: what several paths lead to is one, with the first path."""
    kept: dict[tuple[Any, ...], Problem] = {}
    for each in problems:
        pointers = (each.small_pointer, each.large_pointer)
        key = (*pointers, each.keyword, each.path[-2:] if all(pointers) else each.path)
        known = kept.setdefault(key, each)
        if known.unsure and not each.unsure:
            kept[key] = each
    return list(kept.values())


class _Comparison:
    """One comparison. A pair that is met again inside itself is assumed to hold, as recursive schemas need it.

    The result for each pair is cached. A result without problems that rests on such an assumption is dropped if the
    assumption turns out wrong; a problem stays a problem whatever was assumed.
    """

    def __init__(self, side: str, *, closing: bool) -> None:
        self.side = side
        self.closing = closing
        self._open: dict[Any, int] = {}
        self._results: dict[Any, list[Problem]] = {}
        self._assuming: dict[Any, int] = {}
        """For each pair whose result rests on an assumption: the depth of the outermost pair that it assumes."""
        self._branches: set[Any] = set()
        self._outermost = _NO_ASSUMPTION
        self._steps = 0

    @property
    def is_complete(self) -> bool:
        """Whether the last comparison did not end early."""
        return self._steps <= _MOST_STEPS

    def compare_whole(self, small: Schema, large: Schema) -> list[Problem]:
        """Compare two schemas that are not inside others; results of earlier ones are used again."""
        self._steps, self._outermost = 0, _NO_ASSUMPTION
        return _once(self.compare(small, large))

    def compare(self, small: Schema, large: Schema) -> list[Problem]:
        if small.resolver.is_same and small.resolver.is_same(small, large):
            return []
        pair = (small.key, large.key)
        if pair in self._results or pair in self._open:
            assumed = self._open.get(pair, self._assuming.get(pair, _NO_ASSUMPTION))
            self._outermost = min(self._outermost, assumed)
            return self._results.get(pair, [])
        self._steps += 1
        if self._steps > _MOST_STEPS:
            return [problem("allOf", small, large, (None, None), "the schemas are too complex to compare")]
        depth, before, assuming = len(self._open), self._outermost, len(self._assuming)
        self._open[pair], self._outermost = depth, _NO_ASSUMPTION
        result = self._results[pair] = _once(self._judge(small, large))
        del self._open[pair]
        self._close(pair, depth, [*self._assuming][assuming:])
        self._outermost = min(before, self._outermost if self._outermost < depth else _NO_ASSUMPTION)
        return result

    def _close(self, pair: Any, depth: int, inner: list[Any]) -> None:
        if self._results[pair]:
            for each in inner:
                del self._results[each], self._assuming[each]
        elif self._outermost >= depth:
            for each in inner:
                del self._assuming[each]  # it assumed this pair, which holds
        else:
            self._assuming[pair] = self._outermost

    def _judge(self, small: Schema, large: Schema) -> Iterator[Problem]:
        if is_empty(small):
            return
        constraints = small.constraints
        if constraints.enum is not None or constraints.types <= {"null", "boolean"}:
            yield from _value_problems(small, large, finite_values(constraints) or [])
            return
        is_whole = not (small.settled or large.settled or large.key in self._branches)
        if self.side == "request" and is_whole:
            yield from unknown_members(small, large)
        shared = {_choice_text(small, choice) for choice in constraints.choices}
        equal = [choice.key for choice in large.constraints.choices if _choice_text(large, choice) in shared]
        yield from self._with_choices(small, large.without(equal) if equal else large)

    def _with_choices(self, small: Schema, large: Schema) -> Iterator[Problem]:
        """Every branch of the small side has to fit into some branch of the large side."""
        if small.constraints.choices:
            choice = small.constraints.choices[0]
            for at in range(len(choice.branches)):
                yield from self.compare(small.choose(choice, at), large)
        elif large.constraints.choices:
            choices = large.constraints.choices
            yield from self.compare(small, large.without(choice.key for choice in choices))
            yield from chain.from_iterable(self._choice_problems(small, large, choice) for choice in choices)
        else:
            yield from self._without_choices(small, large)

    def _choice_problems(self, small: Schema, large: Schema, choice: Choice) -> list[Problem]:
        """Whether the small schema fits into one branch of a choice, or each of its types into some branch."""
        branches = [large.alone(branch) for branch in choice.branches]
        self._branches |= {branch.key for branch in branches}
        tried = [self.compare(small, branch) for branch in branches]
        if not all(tried):
            return []
        types = small.constraints.types
        numbers = {"integer", "fraction"}
        parts = [part for part in (types & numbers, *({name} for name in sorted(types - numbers))) if part]
        if len(parts) > 1:
            limited = (small.limited(frozenset(part)) for part in parts)
            return [each for part in limited for each in self._choice_problems(part, large, choice)]
        close = [at for at, one in enumerate(branches) if one.constraints.types & types and not is_empty(one)]
        if len(close) == 1:
            return tried[close[0]]
        named = [*_same_branches(small, choice)]
        if len(named) == 1:
            at, name = named[0]
            return beneath((choice.kind, name), tried[at])
        is_unsure = any(all(each.unsure for each in result) for result in tried)
        stated = [large.resolver.expanded(branch.value, branch.pointer) for branch in choice.branches]
        unsure = "one of the branches may fit" if is_unsure else ""
        return [problem(choice.kind, small, large, (small.expanded(), stated), unsure)]

    def _without_choices(self, small: Schema, large: Schema) -> Iterator[Problem]:
        a, b = small.constraints, large.constraints
        values = finite_values(a) if b.enum is not None and a.types <= b.types else None
        if values is not None:
            yield from _value_problems(small, large, values)
            return
        found = chain(self._type_problems(small, large), self._not_problems(small, large), _uncompared(small, large))
        if a.nots or a.uncompared:
            yield from made_unsure(found, "conditions that this check does not interpret may exclude these values")
        else:
            yield from found

    def _type_problems(self, small: Schema, large: Schema) -> Iterator[Problem]:
        a, b = small.constraints, large.constraints
        if not a.types <= b.types:
            yield _type_problem(small, large)
        elif b.enum is not None:
            yield problem("enum", small, large, (None, [*b.enum.values()]))
        shared = a.types & b.types
        if shared & {"integer", "fraction"}:
            yield from number_problems(small, large)
        if "string" in shared:
            yield from text_problems(small, large)
        if "array" in shared:
            yield from array_problems(self.compare, small, large)
        if "object" in shared:
            yield from object_problems(self.compare, small, large, self.side, closing=self.closing)

    def _not_problems(self, small: Schema, large: Schema) -> Iterator[Problem]:
        known = {canonical(small.resolver.expanded(inner.value, inner.pointer)) for inner in small.constraints.nots}
        for inner in large.constraints.nots:
            refused = large.alone(inner)
            stated = large.resolver.expanded(inner.value, inner.pointer)
            if canonical(stated) not in known and not are_disjoint(small, refused):
                unsure = "the excluded values cannot be compared" if self.compare(small, refused) else ""
                yield problem("not", small, large, (None, stated), unsure)


def _same_branches(small: Schema, choice: Choice) -> Iterator[tuple[int, str]]:
    """The branches, by index and name, that correspond to the chosen branch of the small side.

    They refer to the same component; an inline branch has the same title and members.
    """
    chosen = small.given[-1].value if small.settled else None
    known = _branch_traits(chosen) if isinstance(chosen, dict) else None
    for at, branch in enumerate(choice.branches):
        if known and isinstance(branch.value, dict) and _branch_traits(branch.value) == known:
            yield at, str(known[0] or f"branch {at + 1}").rpartition("/")[2]


def _branch_traits(branch: Mapping[str, Any]) -> tuple[str, frozenset[str]] | None:
    """What a branch is recognized by: its reference or its title, and its members; None where it has neither."""
    members = branch.get("properties")
    traits = (
        str(branch.get("$ref") or branch.get("title") or ""),
        frozenset(members if isinstance(members, dict) else ()),
    )
    return traits if any(traits) else None


def _choice_text(schema: Schema, choice: Choice) -> tuple[str, tuple[str, ...]]:
    """Equal for choices that state the same branches, in whatever order."""
    known = schema.resolver.choice_texts
    if choice.key not in known:
        branches = (schema.resolver.expanded(branch.value, branch.pointer) for branch in choice.branches)
        known[choice.key] = choice.kind, tuple(sorted(map(canonical, branches)))
    return known[choice.key]


def _value_problems(small: Schema, large: Schema, values: list[Any]) -> Iterator[Problem]:
    """Compare a schema that allows few values: each is tried."""
    a, b = small.constraints, large.constraints
    is_known = b.formats <= a.formats and b.uncompared.items() <= a.uncompared.items() and not b.choices and not b.nots
    results = [(value, accepts(large, value)) for value in values if accepts(small, value) is not False]
    refused = [value for value, result in results if result is False]
    if not refused and (is_known or all(result for _, result in results)):
        return
    has_enum = a.enum is not None or b.enum is not None
    if refused and (a.types.isdisjoint(b.types) or not (has_enum or set(map(type_of, refused)) <= b.types)):
        yield _type_problem(small, large)
        return
    allowed = None if a.enum is not None and not b.choices else [value for value in values if value not in refused]
    stated = (None if a.enum is None and b.enum is not None else values, [*b.enum.values()] if b.enum else allowed)
    yield problem("enum", small, large, stated, "" if refused else "a format or a pattern of them cannot be checked")


def _type_problem(small: Schema, large: Schema) -> Problem:
    """What the types of both sides are; one branch of several adds its types to what the others allow."""
    own, other = small.constraints.types, large.constraints.types
    return problem("type", small, large, (type_names(own | other if small.settled else own), type_names(other)))


def _uncompared(small: Schema, large: Schema) -> Iterator[Problem]:
    a, b = small.constraints.uncompared, large.constraints.uncompared
    for key, value in sorted(b.items()):
        if a.get(key) != value:
            yield problem(key, small, large, (a.get(key), value), f"{key} cannot be compared")
