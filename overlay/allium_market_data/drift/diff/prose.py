"""What the page and the descriptions say: quoted clauses, new sentences about the contract, and other wording.

A clause that is gone, or whose facts changed, is breaking until a person has looked. A clause in other words with the same
facts, and a new sentence that speaks of the contract, are for a person to look at. Other wording is docs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

from ...codegen.clauses import PROSE, Entry
from ..model import Change, Level, fingerprint
from ..schema.schema import Path
from ..source import Source
from .annotations import Annotation, Annotations
from .clause_changes import Grouped, Outcome, Texts, clause_change, outcome
from .facts import contains, facts, similarity, tokens
from .sentences import links, plain_text, sentences, with_withdrawn
from .topics import speaks_of_contract

_TEXT_KEYS: Final = ("description", "summary")
_SAME: Final = 0.5
"""New and old sentences of one passage that are at least so similar, with the same facts, say the same."""


@dataclass(frozen=True, slots=True)
class ProseChanges:
    """Changes of wording, the logical paths of the annotations that they cover, and what was not compared."""

    changes: tuple[Change, ...]
    covered: frozenset[Path]
    notes: tuple[str, ...]


def compare_prose(
    baseline: Source,
    upstream: Source,
    clauses: Sequence[Entry],
    annotations: tuple[Annotations, Annotations],
    names: frozenset[str] = frozenset(),
) -> ProseChanges:
    """Look for the clauses, and for other changes of wording.

    ``annotations`` are those of both documents, ``names`` the names of parameters and fields.
    """
    quoting = _quoting(clauses, annotations[0])
    described = [*_sentences_of(_concerned(quoting, annotations[0]), annotations[1])]
    found = _Descriptions(annotations, names, sentences(_prose(upstream))).changes(quoting)
    changes, covered = [change for _, change in found], {path for path, _ in found}
    quoted = [clause for clause in clauses if clause.place == PROSE]
    if baseline.prose is None and not quoting:
        quoted = []  # the baseline is another API
    notes = []
    if upstream.prose is None:
        missing = [clause.id for clause in quoted if not any(contains(text, clause.quote) for text in described)]
        if quoted:
            notes.append(f"not compared, since {upstream.name} has no prose: {', '.join(missing)}")
    else:
        lost = [*_clause_changes(quoted, _prose(baseline), _prose(upstream), described)]
        changes += lost
        if baseline.prose is None:
            notes.append(f"other wording was not compared: {baseline.name} has no prose")
        else:
            reported = {sentence for change in lost for sentence in (change.old, change.nearest)}
            known = {tokens(text) for text in _sentences_of(_concerned(quoting, annotations[0]), annotations[0])}
            changes += _wording_changes(*_shared_pages(baseline, upstream), reported, names, known)
    return ProseChanges(tuple(changes), frozenset(covered), tuple(notes))


def _prose(source: Source) -> str:
    return "\n\n".join(text for _, text in source.prose or ())


# --- Clauses of the prose ---


def _clause_changes(quoted: Sequence[Entry], old: str, new: str, elsewhere: Sequence[str]) -> Iterator[Change]:
    """The clauses that do not stand as they were; those of one sentence with one outcome together."""
    before, old_text = sentences(old), plain_text(old)
    texts = Texts(sentences(new), plain_text(new), before, elsewhere, with_withdrawn(new))
    lost = Grouped()
    for clause in quoted:
        quote = plain_text(clause.quote)
        if old and not contains(old_text, quote):
            continue  # this baseline never had it
        was = next((sentence for sentence in before if contains(sentence, quote)), None)
        lost.add(was or quote, outcome(was or quote, quote, texts, is_sentence_known=was is not None), clause)
    yield from lost.changes("prose.clause", "prose", "the page")


# --- Descriptions ---


def _quoting(clauses: Iterable[Entry], annotations: Annotations) -> dict[Path, list[Entry]]:
    """The clauses that each description of the old document contains, by its logical path."""
    by_pointer: dict[str, list[Entry]] = {}
    for clause in clauses:
        by_pointer.setdefault(clause.place, []).append(clause)
    found = {}
    for path, text in annotations.items():
        if path[-1] in _TEXT_KEYS and text.pointer in by_pointer and isinstance(text.value, str):
            was = plain_text(text.value)
            own = [each for each in by_pointer[text.pointer] if contains(was, plain_text(each.quote))]
            if own:
                found[path] = own
    return found


def _concerned(quoting: Iterable[Path], annotations: Annotations) -> set[Path]:
    """The operations, and other owners of descriptions, that any clause is about: the first two steps of logical paths."""
    concerned = {path[:2] for path in quoting}
    return concerned | ({path[:2] for path in annotations if path[0] in {"info", "scheme"}} if concerned else set())


def _sentences_of(concerned: set[Path], annotations: Annotations) -> Iterator[str]:
    for path, text in annotations.items():
        if path[:2] in concerned and path[-1] in _TEXT_KEYS and isinstance(text.value, str):
            yield from sentences(text.value)


class _Descriptions:
    """The descriptions of both documents. ``prose`` are the sentences of the new page, where a description may move to."""

    def __init__(self, annotations: tuple[Annotations, Annotations], names: frozenset[str], prose: list[str]) -> None:
        self.old, self.new = annotations
        self.names, self.prose = names, prose
        self.old_owners, self.owners = ({path[:-1] for path in side} for side in annotations)

    def changes(self, quoting: dict[Path, list[Entry]]) -> list[tuple[Path, Change]]:
        """The changes of descriptions with clauses, and of others of the same operations, by logical path."""
        found: dict[tuple[str, str], tuple[Path, Change]] = {}
        concerned = _concerned(quoting, self.old)
        paths = dict.fromkeys([*self.old, *self.new])
        for path in paths:
            if path[:2] not in concerned or path[-1] not in _TEXT_KEYS or path[:-1] not in self.owners:
                continue
            for change in self._changes_at(path, quoting.get(path, [])):
                found.setdefault((change.place, change.fingerprint), (path, change))
        return [*found.values()]

    def _changes_at(self, path: Path, own: list[Entry]) -> Iterator[Change]:
        old, new = self.old.get(path), self.new.get(path)
        before, after = (sentences(text) for text in (_text(old), _text(new)))
        present = new or old
        if present is None or before == after:
            return
        place, where = present.pointer, f"the {path[-1]} of {present.where}"
        nearby = [*self._nearby(path)]
        near = [sentence for text in nearby for sentence in sentences(text)]
        texts = Texts(near, " ".join(map(plain_text, nearby)), before, self.prose, with_withdrawn(_text(new)))
        lost = Grouped()
        for clause in own:
            quote = plain_text(clause.quote)
            was = next((each for each in before if contains(each, quote)), plain_text(_text(old)))
            lost.add(was, outcome(was, quote, texts, is_sentence_known=True), clause)
        changes = lost.changes("prose.description", place, where)
        if own and not changes:
            changes = [*self._qualified(before, after, own, (place, where))]
        yield from changes
        known = {sentence for change in changes for sentence in (change.old, change.nearest)} | set(before)
        for sentence in after if path[:-1] in self.old_owners else []:
            if own and facts(sentence).qualifies:
                continue  # reported already
            is_about = bool(own and facts(sentence).values) or speaks_of_contract(sentence, self.names)
            if is_about and _is_news(sentence, before, known):
                yield _news("prose.description", place, where, sentence)

    def _qualified(
        self, before: list[str], after: list[str], own: list[Entry], at: tuple[str, str]
    ) -> Iterator[Change]:
        """A unit, an exception or a negation next to quoted clauses may change what they mean."""
        stated = [facts(sentence) for sentence in before]
        if any(facts(each).qualifies and not any(facts(each).same(old) for old in stated) for each in after):
            was = " ".join(before)
            yield clause_change("prose.description", *at, was, Outcome(Level.BREAKING, "altered", " ".join(after)), own)

    def _nearby(self, path: Path) -> Iterator[str]:
        """The texts where a description may have moved to: its own place, the parameter's schema, or back."""
        owner = path[:-1]
        homes = dict.fromkeys([owner, (*owner, "schema"), owner[:-1] if owner[-1:] == ("schema",) else owner])
        for home in homes:
            yield from filter(None, (_text(self.new.get((*home, key))) for key in _TEXT_KEYS))


def _text(annotation: Annotation | None) -> str:
    return annotation.value if annotation and isinstance(annotation.value, str) else ""


# --- Other wording ---


def _is_news(sentence: str, passage: Iterable[str], known: Iterable[str]) -> bool:
    """Whether a sentence is not a known one, and not one of the old passage in other words."""
    if tokens(sentence) in {tokens(each) for each in known if each}:
        return False
    return not any(facts(sentence).same(facts(was)) and similarity(sentence, was) >= _SAME for was in passage)


def _news(kind: str, place: str, where: str, sentence: str) -> Change:
    subject = where[0].upper() + where[1:]
    return Change(
        fingerprint=fingerprint(f"{kind}.new", where, sentence),
        level=Level.LOOK,
        place=place,
        where=where,
        kind=f"{kind}.new",
        old=None,
        new=sentence,
        sentence=f"{subject} now also says: “{sentence}”. It may concern the contract.",
    )


def _shared_pages(baseline: Source, upstream: Source) -> tuple[str, str]:
    """The text of the pages that both sides have: a new page is not a change of wording."""
    old, new = dict(baseline.prose or ()), dict(upstream.prose or ())
    kept = [*new.values()] if len(new) <= len(old) else [_counterpart(name, text, new) for name, text in old.items()]
    return "\n\n".join(old.values()), "\n\n".join(kept)


def _counterpart(name: str, text: str, pages: dict[str, str]) -> str:
    """The page of the same name, or the one that has most sentences in common."""
    known = set(sentences(text))
    return pages.get(name) or max(pages.values(), key=lambda other: len(known.intersection(sentences(other))))


def _wording_changes(
    old_text: str, new_text: str, reported: set[str], names: frozenset[str], known: set[tuple[str, ...]]
) -> Iterator[Change]:
    """Runs of sentences that changed, without moved ones, those that differ in typography, and those already reported."""
    old, new = sentences(old_text), sentences(new_text)
    folded = [list(map(tokens, side)) for side in (old, new)]
    before, after = (Counter(side) for side in folded)
    for kind, first, last, start, stop in SequenceMatcher(None, folded[0], folded[1], autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        gone = [each for each in old[first:last] if tokens(each) not in after and each not in reported]
        added = [each for each in new[start:stop] if tokens(each) not in before and each not in reported]
        about = [each for each in added if tokens(each) not in known and speaks_of_contract(each, names)]
        news = [each for each in about if _is_news(each, gone, ())]
        yield from (_news("prose", "prose", "the page", each) for each in news)
        was, now = " ".join(gone), " ".join(each for each in added if each not in news)
        if was or now:
            yield _wording(was, now, _wording_sentence(was, now))
    if before == after and folded[0] != folded[1]:
        yield _wording(" ".join(old), " ".join(new), "The order of the sentences of the page changed.")
    elif set(before) == set(after) and before != after:
        yield _wording(" ".join(old), " ".join(new), "The page repeats sentences more or less often.")
    addresses = [" ".join(sorted(set(links(text)))) for text in (old_text, new_text)]
    if addresses[0] != addresses[1]:
        yield _wording(addresses[0], addresses[1], "The page links to other addresses.")


def _wording_sentence(was: str, now: str) -> str:
    if not was:
        return f"The page now also says: “{now}”."
    if not now:
        return f"The page no longer says: “{was}”."
    return f"The page said “{was}”, and now says “{now}”."


def _wording(was: str, now: str, sentence: str) -> Change:
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
