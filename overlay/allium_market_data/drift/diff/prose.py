"""What the page says outside of its document: each quoted clause must still be there, other wording is compared as text.

A clause that is gone, or whose sentence has other numbers, units or negations, is breaking until a person has looked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from ..model import Change, Level, fingerprint
from ..schema.schema import Path
from ..source import Source
from .annotations import Annotation, Annotations
from .clauses import Clause
from .sentences import contains, most_similar, plain_text, sentences, significant_words

_TEXT_KEYS = {"description", "summary"}


@dataclass(frozen=True, slots=True)
class ProseChanges:
    """Changes of wording, the logical paths of the annotations that they cover, and what was not compared."""

    changes: tuple[Change, ...]
    covered: frozenset[Path]
    notes: tuple[str, ...]


def compare_prose(
    baseline: Source, upstream: Source, clauses: Sequence[Clause], annotations: tuple[Annotations, Annotations]
) -> ProseChanges:
    """Look for the clauses, and for other changes of wording. ``annotations`` are those of both documents."""
    changes, covered = _description_changes(clauses, annotations, plain_text(_prose(upstream)))
    quoted = [clause for clause in clauses if clause.stands == "prose"]
    if baseline.prose is None and not _is_quoted(clauses, annotations[0]):
        quoted = []  # the baseline is another API
    notes = []
    if upstream.prose is None:
        missing = [clause.id for clause in quoted if not _is_described(clause, annotations[1])]
        if quoted:
            notes.append(f"not compared, since {upstream.name} has no prose: {', '.join(missing)}")
    else:
        lost = [*_clause_changes(quoted, _prose(baseline), _prose(upstream), annotations[1])]
        changes += lost
        if baseline.prose is None:
            notes.append(f"other wording was not compared: {baseline.name} has no prose")
        else:
            reported = {sentence for change in lost for sentence in (change.old, change.nearest)}
            changes += _wording_changes(*_sentences_of_shared_pages(baseline, upstream), reported)
    return ProseChanges(tuple(changes), frozenset(covered), tuple(notes))


def _is_quoted(clauses: Iterable[Clause], annotations: Annotations) -> bool:
    """Whether any clause quotes a description of this document."""
    texts = {each.pointer: plain_text(each.value) for each in annotations.values() if isinstance(each.value, str)}
    return any(clause.stands in texts and contains(texts[clause.stands], clause.quote) for clause in clauses)


def _prose(source: Source) -> str:
    return "\n\n".join(text for _, text in source.prose or ())


def _is_described(clause: Clause, annotations: Annotations) -> bool:
    texts = (each.value for each in annotations.values() if isinstance(each.value, str))
    return any(contains(plain_text(text), clause.quote) for text in texts)


# --- Clauses of the prose ---


def _clause_changes(quoted: Sequence[Clause], old: str, new: str, annotations: Annotations) -> Iterator[Change]:
    """The clauses that are gone or altered, those of one sentence together."""
    before, after = sentences(old), sentences(new)
    lost: dict[str, list[Clause]] = {}
    for clause in quoted:
        if old and not contains(plain_text(old), clause.quote):
            continue  # this baseline never had it
        containing = (sentence for sentence in before if contains(sentence, clause.quote))
        was = next(containing, plain_text(clause.quote))
        now = [sentence for sentence in after if contains(sentence, clause.quote)]
        is_kept = contains(plain_text(new), clause.quote) or _is_described(clause, annotations)
        words = significant_words(was)
        is_altered = bool(old and now) and all(significant_words(sentence) != words for sentence in now)
        if not is_kept or is_altered:
            lost.setdefault(was, []).append(clause)
    fresh = [sentence for sentence in after if sentence not in set(before)]
    for was, gone in lost.items():
        nearest = most_similar(was, fresh) or most_similar(was, after)
        yield _lost_clauses("prose.clause", "prose", "the page", was, nearest, gone)


def _lost_clauses(kind: str, place: str, where: str, was: str, nearest: str, gone: Sequence[Clause]) -> Change:
    sentence = f"{where[0].upper() + where[1:]} no longer says “{was}”"
    sentence += f"; the most similar text is now “{nearest}”." if nearest else ", and nothing similar."
    return Change(
        fingerprint=fingerprint(kind, where, was, nearest),
        level=Level.BREAKING,
        place=place,
        where=where,
        kind=kind,
        old=was,
        new=nearest or None,
        sentence=sentence,
        clauses=tuple(clause.id for clause in gone),
        example_note="no example: a sentence cannot be tried out",
        nearest=nearest,
    )


# --- Clauses of the descriptions ---


def _description_changes(
    clauses: Sequence[Clause], annotations: tuple[Annotations, Annotations], prose: str
) -> tuple[list[Change], set[Path]]:
    """The clauses that are gone from their description, from its neighbours and from the prose; and those descriptions."""
    old, new = annotations
    changes: dict[str, Change] = {}
    covered: set[Path] = set()
    owners = {path[:-1] for path in new}
    for path, text in old.items():
        if path[-1] not in _TEXT_KEYS or path[:-1] not in owners or not isinstance(text.value, str):
            continue
        was = plain_text(text.value)
        own = [clause for clause in clauses if clause.stands == text.pointer and contains(was, clause.quote)]
        nearby = " ".join(_nearby_texts(path, new))
        gone = [clause for clause in own if not contains(nearby, clause.quote) and not contains(prose, clause.quote)]
        if not gone and own and _is_altered(was, new.get(path), own):
            gone = own
        if gone:
            now = new.get(path)
            nearest = plain_text(str(now.value)) if now else nearby
            place, where = now.pointer if now else text.pointer, f"the {path[-1]} of {text.where}"
            changes.setdefault(text.pointer, _lost_clauses("prose.description", place, where, was, nearest, gone))
            covered.add(path)
    return [*changes.values()], covered


def _nearby_texts(path: Path, new: Annotations) -> Iterator[str]:
    """The texts where a description may have moved to: its own place, the parameter's schema, or back."""
    owner = path[:-1]
    homes = {owner, (*owner, "schema"), owner[:-1] if owner[-1:] == ("schema",) else owner}
    for text in new.values():
        if text.path[:-1] in homes and text.path[-1] in _TEXT_KEYS and isinstance(text.value, str):
            yield plain_text(text.value)


def _is_altered(was: str, new: Annotation | None, own: Sequence[Clause]) -> bool:
    """Whether a text keeps its clauses but has other significant words."""
    if new is None or not isinstance(new.value, str):
        return False
    now = plain_text(new.value)
    return all(contains(now, clause.quote) for clause in own) and significant_words(was) != significant_words(now)


# --- Other wording ---


def _sentences_of_shared_pages(baseline: Source, upstream: Source) -> tuple[list[str], list[str]]:
    """The sentences of the pages that both sides have: a new page is not a change of wording."""
    old, new = dict(baseline.prose or ()), dict(upstream.prose or ())
    kept = [text for name, text in new.items() if name in old or len(new) <= len(old) or old.keys().isdisjoint(new)]
    return [each for text in old.values() for each in sentences(text)], [
        each for text in kept for each in sentences(text)
    ]


def _wording_changes(old: list[str], new: list[str], reported: set[str]) -> Iterator[Change]:
    """Runs of sentences that changed, without moved ones and those that a lost clause already reports."""
    before, after = Counter(old), Counter(new)
    for kind, first, last, start, stop in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind != "equal":
            was = " ".join(each for each in old[first:last] if each not in after and each not in reported)
            now = " ".join(each for each in new[start:stop] if each not in before and each not in reported)
            if was or now:
                yield _wording(was, now, _wording_sentence(was, now))
    if before == after and old != new:
        yield _wording(" ".join(old), " ".join(new), "The order of the sentences of the page changed.")
    elif set(before) == set(after) and before != after:
        yield _wording(" ".join(old), " ".join(new), "The page repeats sentences more or less often.")


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
