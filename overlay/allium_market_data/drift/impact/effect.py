"""What a change does to this client: to its requests, to its decoder, to the numbers that its planner rests on."""

from __future__ import annotations

import re
from typing import Final

from ..diff.finding import Location
from ..model import Change, Effect, Level
from .client_requests import by_client, is_ours, refusals

_GROUPS: Final = {
    "window": Effect.PLANNER,
    "limit": Effect.PLANNER,
    "bucket": Effect.MEANING,
    "row": Effect.MEANING,
    "series": Effect.MEANING,
    "answer": Effect.DECODING,
    "operation": Effect.REQUEST,
    "server": Effect.REQUEST,
    "access": Effect.REQUEST,
    "market": Effect.REQUEST,
    "interval": Effect.REQUEST,
    "start": Effect.REQUEST,
    "end": Effect.REQUEST,
}
"""What follows, if a sentence of a clause's group no longer holds; alpha.* takes nothing away."""


def effect(change: Change, location: Location | None) -> Effect:
    """The effect of a change on this client; ``location`` None for a change of prose."""
    if change.level < Level.BREAKING:
        return Effect.NONE
    if change.kind.startswith("prose."):
        found = [_GROUPS.get(clause.partition(".")[0], Effect.HARMLESS) for clause in change.clauses]
        return found[0] if found else Effect.MEANING
    if location is None or not is_ours(location.old):
        return Effect.HARMLESS
    if location.part in {"parameter", "operation", "access", "body"}:
        return _on_requests(change, location)
    if location.part in {"response", "status", "words"}:
        return _on_answers(change, location)
    return Effect.HARMLESS


def _on_requests(change: Change, location: Location) -> Effect:
    """Whether what this client sends is refused, and whether that is because of a number that the planner rests on."""
    refused = [
        refusal
        for sent in by_client()
        for refusal in refusals(location.new, sent)
        if (refusal.part, refusal.name) == (location.part, location.name) or refusal.part == "operation"
    ]
    if location.name == "query:limit" and (refused or change.kind == "parameter.removed"):
        return Effect.PLANNER
    if refused or change.kind in {"parameter.style", "parameter.content"}:
        return Effect.REQUEST
    return Effect.HARMLESS


def _on_answers(change: Change, location: Location) -> Effect:
    if location.part == "status":
        return Effect.DECODING
    if location.part == "response" and location.name not in {"200", "2XX"}:
        return Effect.HARMLESS
    shown = change.example.outcome if change.example else ""
    if re.search("client refuses", shown) or change.kind in {"media.removed"}:
        return Effect.DECODING
    return Effect.HARMLESS if shown else Effect.MEANING
