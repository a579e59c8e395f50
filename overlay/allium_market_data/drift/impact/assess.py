"""What a change does to this client: the effect, and for a break an example that shows it.

An example is a request that the client sends and the new document refuses, or a response that the new document allows and
the old one did not, with what the client makes of it. Operations that the client does not call get none.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from ...model.endpoint import Endpoint
from ..diff.finding import Finding, Location
from ..diff.operations import Operation
from ..model import Change, Effect, Example, Level
from ..schema.counterexample import find_counterexample
from ..schema.sample_value import sample_value
from ..schema.schema import Schema
from .client_requests import Refusal, client_requests, endpoint_of, every_request, refusals
from .client_responses import Path, body_error, bytes_error, status_error, with_part, wrapped

_CLAUSE_EFFECTS: Final = {
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
"""The effect if a sentence with a clause of this group no longer holds. The clauses alpha.* promise nothing."""

_HOURS: Final = {"day": 24.0, "hour": 1.0, "minute": 1 / 60}


def assess_prose(change: Change) -> Change:
    """A change of the prose, with its effect; a shorter window is shown by a request that exceeds it."""
    if change.level < Level.BREAKING:
        return change
    groups = [clause.partition(".")[0] for clause in change.clauses]
    effect = _CLAUSE_EFFECTS.get(groups[0], Effect.HARMLESS) if groups else Effect.MEANING
    example = _too_long_request(change.nearest) if "window" in groups else None
    change = replace(change, example=example, example_note="") if example else change
    return replace(change, effect=effect)


def _too_long_request(sentence: str) -> Example | None:
    """A request of this client whose window is longer than the span that a sentence names."""
    span = re.search(r"(\d+(?:\.\d+)?)\s*(day|hour|minute)s?\b", sentence)
    if span is None:
        return None
    longest = timedelta(hours=float(span[1]) * _HOURS[span[2]])
    for request in reversed(list(every_request())):
        operation = request.endpoint.operation
        edges = (operation.start_parameter, operation.end_parameter)
        start, end = (datetime.fromisoformat(str(request.query[name])) for name in edges)
        if end - start > longest:
            outcome = f"today's client sends this, a window of {end - start}; the page allows {span[0]}"
            return Example("request", str(request), outcome)
    return None


def assess(change: Change, finding: Finding, *, search: bool = True) -> Change:
    """A change of the document, with its effect and its example; a note says why there is no example.

    The search for examples of responses takes a moment; ``search`` False leaves it out. Without
    an example the effect of a response is taken for the worst, `Effect.MEANING`.
    """
    location = finding.location
    if change.kind in {"words.example", "words.examples"}:
        return _assess_documented_example(change, location.old, finding.logical_path)
    if change.level < Level.BREAKING:
        return change
    endpoint = endpoint_of(location.old)
    if endpoint is None:
        return _harmless(change, "this client does not call the operation")
    match location.part:
        case "parameter" | "operation" | "access" | "body":
            change = _assess_request(change, location, endpoint)
        case "status":
            change = replace(change, effect=Effect.DECODING, example=_status_example(change, location))
        case "response" if location.name in {"200", "2XX"}:
            change = _assess_response(change, location, endpoint, search=search)
        case _:
            change = _harmless(change, "this client does not use it")
    return change


def _harmless(change: Change, reason: str) -> Change:
    return replace(change, effect=Effect.HARMLESS, example_note=f"no example: {reason}")


# --- Requests ---


def _assess_request(change: Change, location: Location, endpoint: Endpoint) -> Change:
    refused = [
        (request, refusal)
        for request in client_requests(endpoint)
        for refusal in refusals(location.new, request)
        if _is_about(refusal, location)
    ]
    if location.name == f"query:{endpoint.operation.limit_parameter}" and (
        refused or change.kind in {"parameter.removed", "parameter.renamed"}
    ):
        effect = Effect.PLANNER
    elif refused or change.kind in {"parameter.style", "parameter.content"}:
        effect = Effect.REQUEST
    else:
        return _harmless(change, "the new document still allows the requests of this client")
    if not refused:
        return replace(change, effect=effect, example_note="no example was found")
    request, refusal = refused[0]
    outcome = f"today's client sends this; of the new document, {refusal.reason}"
    return replace(change, effect=effect, example=Example("request", str(request), outcome))


def _is_about(refusal: Refusal, location: Location) -> bool:
    return refusal.part == "operation" or (refusal.part, refusal.name) == (location.part, location.name)


# --- Responses ---


def _assess_response(change: Change, location: Location, endpoint: Endpoint, *, search: bool) -> Change:
    """The effect is what today's client makes of a response that only the new document allows."""
    if change.kind == "media.removed":
        return replace(change, effect=Effect.DECODING, example=_media_example(location, endpoint))
    if not search:
        return replace(change, effect=Effect.MEANING, example_note="no example: enough others are shown")
    body = _new_response(change, location, endpoint)
    if body is None:
        return replace(change, effect=Effect.MEANING, example_note="no example was found")
    error = _part_error(body[0], _response_schema(location.old, location), location.path, endpoint)
    outcome = f"the new document allows this; today's client {f'refuses it: {error}' if error else 'accepts it'}"
    example = Example("response", json.dumps(body[0], ensure_ascii=False), outcome)
    return replace(change, effect=Effect.DECODING if error else Effect.HARMLESS, example=example)


def _new_response(change: Change, location: Location, endpoint: Endpoint) -> tuple[object] | None:
    """A body, in a tuple, that only the new document allows; if there is one, one that today's client refuses."""
    old, new = (_response_schema(operation, location) for operation in (location.old, location.new))
    if old is None or new is None:
        return None
    path = location.path[:-2] if change.kind in {"response.required", "response.renamed"} else location.path
    return find_counterexample(
        new, old, path, "response", lambda body: bool(_part_error(body, old, location.path, endpoint))
    ) or find_counterexample(new, old, path, "response")


def _part_error(body: object, old: Schema | None, path: Path, endpoint: Endpoint) -> str:
    """The client's error for a response of the old document in which only the part at ``path`` comes from ``body``."""
    return body_error(with_part(sample_value(old, "response"), body, path) if old else body, endpoint)


def _response_schema(operation: Operation | None, location: Location) -> Schema | None:
    responses = operation.responses if operation else {}
    response = responses.get(location.name) or responses.get(f"{location.name[:1]}XX")
    if response is None:
        return None
    media = response.content.media
    return media.get(location.media) or next(iter(media.values()), None)


def _media_example(location: Location, endpoint: Endpoint) -> Example:
    response = location.new.responses.get(location.name) if location.new else None
    media = next(iter(response.content.media), "") if response else ""
    text = "ts,value\n2026-05-01T00:00:00Z,1\n" if media else ""
    outcome = f"a response of type {media or 'none'}; today's client refuses it: {bytes_error(text.encode(), endpoint)}"
    return Example("response", text, outcome)


def _status_example(change: Change, location: Location) -> Example:
    status = location.name.replace("X", "0")
    if change.kind == "status.removed":
        remaining = location.new.responses if location.new else {}
        status = next((name for name in remaining if re.fullmatch(r"2\d\d", name)), "204")
    error = status_error(int(status)) if status.isdigit() else ""
    outcome = "the new document allows this, the old one did not"
    return Example(
        "response", f"HTTP status {status}", f"{outcome}; today's client raises {error}" if error else outcome
    )


# --- Examples in the document ---


def _assess_documented_example(change: Change, old: Operation | None, place: Path) -> Change:
    """A changed example in the document. If today's client refuses it, the responses may have changed as well."""
    endpoint = endpoint_of(old)
    if old is None or endpoint is None or place[2:4] != ("response", "200") or change.new is None:
        return change
    location = Location(old, old, "response", "200", str(place[4]), tuple(place[6:-1]))
    schema = _response_schema(old, location)
    if schema is None or (place[-1] == "examples" and place[5:6] != ("schema",)):
        return change
    values = change.new if place[-1] == "examples" and isinstance(change.new, list) else [change.new]
    for value in values:
        body = with_part(sample_value(schema, "response"), wrapped(value, location.path), location.path)
        if error := body_error(body, endpoint):
            outcome = f"the new document gives this as an example; today's client refuses it: {error}"
            example = Example("response", json.dumps(body, ensure_ascii=False), outcome)
            return replace(change, level=Level.BREAKING, cannot_tell=True, effect=Effect.DECODING, example=example)
    return change
