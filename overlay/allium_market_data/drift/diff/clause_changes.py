"""What became of a quoted clause: it stands, it is said in other words, it states other facts, or it is gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from ...codegen.clauses import Entry
from ..model import Change, Level, fingerprint
from .facts import contains, coverage, facts, most_similar, similarity

_REWORDED: Final = 0.75
_REWORDED_WITH_NUMBERS: Final = 0.4
"""Equal numbers and units are already much in common."""
_SAME_SUBJECT: Final = 0.5
_CONFLICTING: Final = 0.3


@dataclass(frozen=True, slots=True)
class Texts:
    """Where a clause may stand in the new version.

    ``own`` are the sentences of the place where it stood, ``whole`` their text, ``before`` the old sentences of that place.
    ``elsewhere`` are other sentences that may say the same. ``withdrawn`` is the text of the place with what is struck
    through or commented out.
    """

    own: Sequence[str]
    whole: str
    before: Sequence[str]
    elsewhere: Sequence[str] = ()
    withdrawn: str = ""

    @property
    def fresh(self) -> list[str]:
        """The sentences that the old version does not have in this place."""
        known = set(self.before)
        return [sentence for sentence in self.own if sentence not in known]

    @property
    def split(self) -> list[str]:
        """Two sentences in a row, of which at least one is new: what was one sentence may be two."""
        known = set(self.before)
        return [f"{one} {other}" for one, other in pairwise(self.own) if not {one, other} <= known]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How far a clause still stands. ``why`` is ``reworded``, ``altered``, ``withdrawn`` or ``lost``."""

    level: Level
    why: str
    now: str


def outcome(was: str, quote: str, texts: Texts, *, is_sentence_known: bool) -> Outcome | None:
    """What became of a quote that stood in the sentence ``was``; None if it stands.

    ``is_sentence_known``: the old sentence itself is known, so that what else it says can be compared.
    """
    now = [sentence for sentence in texts.own if contains(sentence, quote)]
    wider = [*now, *(pair for pair in texts.split if contains(pair, quote))]
    if now and is_sentence_known and not any(facts(sentence).same(facts(was)) for sentence in wider):
        return Outcome(Level.BREAKING, "altered", most_similar(was, now))
    if now or contains(texts.whole, quote):
        return None
    if contains(texts.withdrawn, quote):
        return Outcome(Level.BREAKING, "withdrawn", "")
    if any(contains(sentence, quote) for sentence in texts.elsewhere):
        return None
    return _reworded(was, texts) or Outcome(Level.BREAKING, "lost", _nearest(was, texts))


def _nearest(was: str, texts: Texts) -> str:
    return most_similar(was, texts.fresh) or most_similar(was, texts.own)


def _reworded(was: str, texts: Texts) -> Outcome | None:
    """The sentence that states the same facts, unless a new sentence about the same states others."""
    fresh = texts.fresh
    same = [sentence for sentence in (*fresh, *texts.split) if _says_the_same(was, sentence)]
    if same:
        return Outcome(Level.LOOK, "reworded", most_similar(was, same))
    others = [sentence for sentence in fresh if not _says_the_same(was, sentence)]
    altered = [sentence for sentence in others if similarity(was, sentence, numbers=False) >= _SAME_SUBJECT]
    if altered:
        return Outcome(Level.BREAKING, "altered", most_similar(was, altered))
    same = [sentence for sentence in (*texts.own, *texts.elsewhere) if _says_the_same(was, sentence)]
    conflicting = [sentence for sentence in others if _may_conflict(was, sentence)]
    if conflicting and same:
        return Outcome(Level.BREAKING, "altered", most_similar(was, conflicting))
    return Outcome(Level.LOOK, "reworded", most_similar(was, same)) if same else None


def _says_the_same(was: str, sentence: str) -> bool:
    """Whether a sentence has the same facts and enough of the same words; without numbers no word may be replaced."""
    old, new = facts(was), facts(sentence)
    if not new.same(old):
        return False
    if old.has_numbers:
        return coverage(was, sentence) >= _REWORDED_WITH_NUMBERS
    is_replaced = bool(old.others - new.others) and bool(new.others - old.others)
    return not is_replaced and coverage(was, sentence) >= _REWORDED


def _may_conflict(was: str, sentence: str) -> bool:
    has_numbers = facts(was).has_numbers and facts(sentence).has_numbers
    return has_numbers and similarity(was, sentence, numbers=False) >= _CONFLICTING


class Grouped:
    """Clauses by what became of them: those of one old sentence with one new text are one change."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, Level, str], tuple[Outcome, list[Entry]]] = {}

    def add(self, was: str, result: Outcome | None, clause: Entry) -> None:
        """Add a clause that stood in an old sentence; without a result it still stands."""
        if result:
            self._found.setdefault((was, result.level, result.now), (result, []))[1].append(clause)

    def changes(self, kind: str, place: str, where: str) -> list[Change]:
        """One change for each group."""
        return [
            clause_change(kind, place, where, was, result, gone) for (was, _, _), (result, gone) in self._found.items()
        ]


def clause_change(kind: str, place: str, where: str, was: str, result: Outcome, gone: Sequence[Entry]) -> Change:
    """The change for clauses of one old sentence that no longer stand as they were."""
    subject, now = where[0].upper() + where[1:], result.now
    if result.why == "reworded":
        sentence = f"{subject} said “{was}”, and says in other words, with the same numbers and units: “{now}”."
    elif result.why == "withdrawn":
        sentence = f"{subject} strikes through or hides “{was}”."
    else:
        similar = f"the most similar text is now “{now}”" if now else ", and nothing similar"
        sentence = f"{subject} no longer says “{was}”{'; ' if now else ''}{similar}."
    return Change(
        fingerprint=fingerprint(kind, where, was, now),
        level=result.level,
        place=place,
        where=where,
        kind=kind,
        old=was,
        new=now or None,
        sentence=sentence,
        clauses=tuple(clause.id for clause in gone),
        example_note="no example: a sentence cannot be tried out",
        nearest=now,
    )
