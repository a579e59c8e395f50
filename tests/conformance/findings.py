"""From answers to readings: how a server answers each open question; pure.

Each function gives the name of a reading of spec/clauses.toml, `NOT_SHOWN` where no answer told, or another text for
behaviour that no reading names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from .answers import Amounts, Answer, Reply, Rows
from .laws import ordered
from .meaning import Labelling
from .observations import NOT_SHOWN


def label(labellings: Iterable[Labelling]) -> str:
    """From the labellings that fit."""
    fitting = list(labellings)
    return fitting[0].value if len(fitting) == 1 else NOT_SHOWN


def order(answers: Iterable[Answer]) -> str:
    """From every answer of two rows or more."""
    orders = {ordered([row.ts for row in answer.rows]) for answer in answers if len(answer.rows) > 1}
    orders.discard(None)
    return " and ".join(sorted(filter(None, orders))) or NOT_SHOWN


def cut(answer: Answer, bucket: int, whole: Amounts, part: Amounts, labelling: Labelling) -> str:
    """From a window that ends within the bucket that begins at ``bucket``.

    ``whole`` is what the bucket says when it is asked for as a whole, ``part`` the last value before the window's end.
    """
    if whole == part:
        return NOT_SHOWN
    value = answer.by_label.get(labelling.label(bucket, answer.width))
    if value is None:
        # Called by its end, the bucket lies behind the window, and only a cut through samples would show it.
        return "cut-buckets" if labelling is Labelling.END else "the last bucket is left out"
    known = {whole: "cut-buckets", part: "cut-samples"}
    return known.get(value, "neither the whole bucket nor the part of it")


def end_of_window(aligned: Sequence[Answer], reference: Rows, labelling: Labelling, cut: str, carried: bool) -> str:
    """From windows that end on a boundary, at which the ``reference`` has a row."""
    partial = cut == "cut-samples"
    seen = []
    for answer in aligned:
        extra = answer.end + answer.width if labelling is Labelling.END and partial else answer.end
        if extra in reference:
            seen.append(extra in answer.by_label)
    if any(seen):
        return "end-inclusive"
    # A cut through samples shows the end only if a sample lies exactly there, unless values are carried into it.
    return "end-exclusive" if seen and (carried or not partial) else NOT_SHOWN


def first_bucket(answer: Answer, bucket: int, labelling: Labelling) -> str:
    """From a window that begins within the bucket that begins at ``bucket``, which has a row."""
    if labelling is Labelling.END:
        return NOT_SHOWN
    return "start-bucket" if bucket in answer.by_label else "first-boundary"


def empty_bucket(rows: Rows, width: int) -> str:
    """From a long series at a fine interval."""
    labels = sorted(rows)
    steps = {later - earlier for earlier, later in pairwise(labels)}
    if steps - {width}:
        return "omit-empty"
    repeated = any(rows[one] == rows[other] for one, other in pairwise(labels))
    return "carry-forward" if repeated else NOT_SHOWN


def shape(text: str) -> str:
    """A text with each digit made a 0."""
    return re.sub(r"[0-9]", "0", text)


def ts_text(shapes: Iterable[str]) -> str:
    """From the shapes of all labels."""
    known = {"0000-00-00T00:00:00.000000+00:00": "ts-offset", "0000-00-00T00:00:00Z": "ts-z"}
    return " and ".join(sorted({known.get(found, found) for found in shapes})) or NOT_SHOWN


def decimal_text(texts: Iterable[str]) -> str:
    """From the amounts of all rows."""
    fractions = [text.partition(".")[2] for text in texts]
    if not fractions:
        return NOT_SHOWN
    if min(map(len, fractions)) >= 18:
        return "decimals-18"
    if all(fraction.endswith("000") for fraction in fractions):
        return "decimals-trailing-zeros"
    whole = {bool(fraction) for fraction in fractions if not fraction.strip("0")}
    return "decimals-integer" if whole == {False} else "decimals-plain"


def error_body(replies: Iterable[Reply]) -> str:
    """From every refusal."""
    return " and ".join(sorted({_error_body(reply) for reply in replies})) or NOT_SHOWN


def _error_body(reply: Reply) -> str:
    if not reply.body:
        return "error-empty"
    if reply.media_type == "application/problem+json":
        return "error-problem-json"
    if reply.media_type == "text/plain":
        return "error-plain-text"
    body = _json(reply)
    if reply.media_type == "application/json" and isinstance(body, dict) and "detail" in body:
        return "error-detail"
    return f"{reply.media_type or 'no type'} {sorted(body) if isinstance(body, dict) else ''}".strip()


def _json(reply: Reply) -> Any:
    try:
        return json.loads(reply.body)
    except ValueError:
        return None


def compression(replies: Iterable[Reply]) -> str:
    """From answers to a question that accepts gzip."""
    codings = {reply.headers.get("content-encoding", "identity") for reply in replies}
    return " and ".join(sorted(codings)) or NOT_SHOWN
