"""What the page says in words: each quoted clause must still stand, and other wording is told apart from that.

A clause that is gone, or whose sentence got other numbers, units or negations, is breaking until a person has looked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from ..model import Change, Level, fingerprint
from ..source import Source
from .clauses import Clause
from .sentences import fold, nearest, sentences, stands, weighty
from .wording import Text, Texts

_TEXT_KEYS = {"description", "summary"}


@dataclass(frozen=True, slots=True)
class Prose:
    """What was found in words: changes, the places (logical) that they speak for, and what was not compared."""

    changes: tuple[Change, ...]
    settled: frozenset[tuple[str | int, ...]]
    notes: tuple[str, ...]


def compare_prose(baseline: Source, upstream: Source, clauses: Sequence[Clause], texts: tuple[Texts, Texts]) -> Prose:
    """Hold the clauses, and the rest of the prose, against the new side. ``texts`` are the annotations of both documents."""
    described, settled = _descriptions(clauses, texts, upstream)
    quoted = [clause for clause in clauses if clause.stands == "prose"]
    ours = not quoted or baseline.prose is not None or _is_ours(clauses, texts[0])
    notes = []
    changes = [*described]
    if upstream.prose is None:
        if quoted and ours:
            missing = [clause.id for clause in quoted if not _described(clause, texts[1])]
            notes.append(f"not compared, since {upstream.name} has no prose: {', '.join(missing)}")
    else:
        old = _prose(baseline)
        changes += _clauses(quoted if ours else [], old, _prose(upstream), texts[1])
        if baseline.prose is None:
            notes.append(f"other wording was not compared: {baseline.name} has no prose")
        else:
            gone = {
                sentence for change in changes if change.place == "prose" for sentence in (change.old, change.nearest)
            }
            changes += _wording(*_paired(baseline, upstream), gone)
    return Prose(tuple(changes), frozenset(settled), tuple(notes))


def _is_ours(clauses: Iterable[Clause], texts: Texts) -> bool:
    """Whether a document without prose is one that the clauses are about: one of them stands in a description of it."""
    pointers = {text.pointer: text.value for text in texts.values() if isinstance(text.value, str)}
    return any(clause.stands in pointers and stands(clause.quote, pointers[clause.stands]) for clause in clauses)


def _prose(source: Source) -> str:
    return "\n\n".join(text for _, text in source.prose or ())


def _described(clause: Clause, texts: Texts) -> bool:
    return any(isinstance(text.value, str) and stands(clause.quote, text.value) for text in texts.values())


# --- Clauses of the prose ---


def _clauses(quoted: Sequence[Clause], old: str, new: str, texts: Texts) -> Iterator[Change]:
    """The clauses that do not stand any more, those of one sentence together."""
    before, after = sentences(old), sentences(new)
    lost: dict[str, list[Clause]] = {}
    for clause in quoted:
        if old and not stands(clause.quote, old):
            continue  # never stood in this baseline
        was = next((sentence for sentence in before if stands(clause.quote, sentence)), fold(clause.quote))
        now = [sentence for sentence in after if stands(clause.quote, sentence)]
        held = stands(clause.quote, new) or _described(clause, texts)
        altered = bool(old and now) and all(weighty(sentence) != weighty(was) for sentence in now)
        if not held or altered:
            lost.setdefault(was, []).append(clause)
    fresh = [sentence for sentence in after if sentence not in set(before)]
    for was, gone in lost.items():
        like = nearest(was, fresh) or nearest(was, after)
        yield _lost("prose.clause", "prose", "the page", was, like, gone)


def _lost(kind: str, place: str, where: str, was: str, like: str, gone: Sequence[Clause]) -> Change:
    sentence = f"{where[0].upper() + where[1:]} no longer says “{was}”"
    sentence += f"; the nearest to it now is “{like}”." if like else ", and nothing like it."
    ids = tuple(clause.id for clause in gone)
    return Change(
        fingerprint=fingerprint(kind, where, was, like),
        level=Level.BREAKING,
        place=place,
        where=where,
        kind=kind,
        old=was,
        new=like or None,
        sentence=sentence,
        clauses=ids,
        example_note="no example: a sentence cannot be tried out",
        nearest=like,
    )


# --- Clauses of the descriptions ---


def _descriptions(
    clauses: Sequence[Clause], texts: tuple[Texts, Texts], upstream: Source
) -> tuple[list[Change], set[tuple[str | int, ...]]]:
    """The clauses that no longer stand in their description, nor beside it, nor in the prose; and those descriptions."""
    old, new = texts
    changes: dict[str, Change] = {}
    settled: set[tuple[str | int, ...]] = set()
    owners = {text.place[:-1] for text in new.values()}
    prose = _prose(upstream)
    for text in old.values():
        if text.place[-1] not in _TEXT_KEYS or text.place[:-1] not in owners or not isinstance(text.value, str):
            continue
        mine = [clause for clause in clauses if clause.stands == text.pointer and stands(clause.quote, text.value)]
        now = " ".join(_beside(text, new))
        gone = [clause for clause in mine if not stands(clause.quote, now) and not stands(clause.quote, prose)]
        if not gone and _altered(text.value, new.get(text.place), mine):
            gone = mine
        if gone:
            held = new.get(text.place)
            place = held.pointer if held else text.pointer
            where = f"the {text.place[-1]} of {text.where}"
            like = fold(str(held.value)) if held else fold(now)
            changes.setdefault(text.pointer, _lost("prose.description", place, where, fold(text.value), like, gone))
            settled.add(text.place)
    return [*changes.values()], settled


def _beside(text: Text, new: Texts) -> list[str]:
    """The texts where a description may have moved to: its own place, the parameter's schema, or back."""
    owner = text.place[:-1]
    homes = {owner, (*owner, "schema"), owner[:-1] if owner[-1:] == ("schema",) else owner}
    return [
        found.value
        for found in new.values()
        if found.place[:-1] in homes and found.place[-1] in _TEXT_KEYS and isinstance(found.value, str)
    ]


def _altered(old: str, new: Text | None, mine: Sequence[Clause]) -> bool:
    """Whether a text that still holds its clauses says something weighty in addition, or no longer does."""
    if not mine or new is None or not isinstance(new.value, str):
        return False
    return all(stands(clause.quote, new.value) for clause in mine) and weighty(old) != weighty(new.value)


# --- Other wording ---


def _paired(baseline: Source, upstream: Source) -> tuple[list[str], list[str]]:
    """The sentences to compare: those of the pages that both sides have; a page that is new is no other wording."""
    old, new = dict(baseline.prose or ()), dict(upstream.prose or ())
    kept = [text for name, text in new.items() if name in old or len(new) <= len(old) or old.keys().isdisjoint(new)]
    return [one for text in old.values() for one in sentences(text)], [one for text in kept for one in sentences(text)]


def _wording(old: list[str], new: list[str], told: set[str]) -> Iterator[Change]:
    """Runs of sentences that are others now, but for those that a lost clause already speaks of, and those that moved."""
    known, wanted = Counter(old), Counter(new)
    runs = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    for kind, first, last, start, stop in runs:
        if kind == "equal":
            continue
        was = " ".join(sentence for sentence in old[first:last] if sentence not in wanted and sentence not in told)
        now = " ".join(sentence for sentence in new[start:stop] if sentence not in known and sentence not in told)
        if was or now:
            yield _docs(was, now, _worded(was, now))
    if known == wanted and old != new:
        yield _docs(" ".join(old), " ".join(new), "The sentences of the page stand in another order.")
    elif set(known) == set(wanted) and known != wanted:
        yield _docs(" ".join(old), " ".join(new), "The page says the same more or less often.")


def _worded(was: str, now: str) -> str:
    if not was:
        return f"The page says in addition: “{now}”."
    if not now:
        return f"The page no longer says: “{was}”."
    return f"The page said “{was}”, and says “{now}” now."


def _docs(was: str, now: str, sentence: str) -> Change:
    return Change(
        fingerprint=fingerprint("prose.wording", was, now),
        level=Level.DOCS,
        place="prose",
        where="the page",
        kind="prose.wording",
        old=was or None,
        new=now or None,
        sentence=sentence,
    )
