"""Which reading of each open question a server follows, judged from its responses.

Each function returns the name of a reading in spec/clauses.toml, `UNDETERMINED` if the responses do not show it, or a
description of behaviour that no reading names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from .bucket_values import Labelling
from .observations import UNDETERMINED
from .response import Amounts, Page, Response, Rows
from .row_checks import order_of


def label(fitting: Sequence[Labelling]) -> str:
    """What labels name, from the labellings that fit the series."""
    return fitting[0].value if len(fitting) == 1 else UNDETERMINED


def order(pages: Iterable[Page]) -> str:
    """The order of items, from the pages with two rows or more."""
    orders = {order_of([row.ts for row in page.rows]) for page in pages if len(page.rows) > 1}
    return " and ".join(sorted(filter(None, orders))) or UNDETERMINED


def cut(page: Page, bucket: int, whole: Amounts, part: Amounts, labelling: Labelling) -> str:
    """What a window cuts, from one that ends within the bucket that starts at ``bucket``.

    ``whole`` is the value of the whole bucket, ``part`` the last value before the end of the window.
    """
    if whole == part:
        return UNDETERMINED
    value = page.by_label.get(labelling.label(bucket, page.width))
    if value is None:
        # A bucket labelled by its end lies after the window, and appears only if the window cuts samples.
        return "cut-buckets" if labelling is Labelling.END else "the last bucket is left out"
    return {whole: "cut-buckets", part: "cut-samples"}.get(value, "neither the whole bucket nor the part of it")


def end_of_window(aligned: Sequence[Page], reference: Rows, labelling: Labelling, cut: str, carried: bool) -> str:
    """Whether the end is inclusive, from windows that end on a boundary where ``reference`` has a row."""
    cuts_samples = cut == "cut-samples"
    includes_end = []
    for page in aligned:
        extra = page.end + page.width if labelling is Labelling.END and cuts_samples else page.end
        if extra in reference:
            includes_end.append(extra in page.by_label)
    if any(includes_end):
        return "end-inclusive"
    # If the window cuts samples, the end shows only if a sample lies exactly there, or if values are carried into it.
    return "end-exclusive" if includes_end and (carried or not cuts_samples) else UNDETERMINED


def first_bucket(page: Page, bucket: int, labelling: Labelling) -> str:
    """Whether the bucket around an unaligned start is returned; ``bucket`` is its start, and it has a row."""
    if labelling is Labelling.END:
        return UNDETERMINED
    return "start-bucket" if bucket in page.by_label else "first-boundary"


def empty_bucket(rows: Rows, width: int) -> str:
    """What happens to an empty bucket, from a long series at a fine interval."""
    labels = sorted(rows)
    if any(later - earlier != width for earlier, later in pairwise(labels)):
        return "omit-empty"
    repeated = any(rows[earlier] == rows[later] for earlier, later in pairwise(labels))
    return "carry-forward" if repeated else UNDETERMINED


def shape(value: str | int) -> str:
    """The text of a timestamp with each digit replaced by 0."""
    return re.sub(r"[0-9]", "0", str(value))


def ts_text(shapes: Iterable[str]) -> str:
    """How ``ts`` is written, from the shapes of all its values."""
    known = {"0000-00-00T00:00:00.000000+00:00": "ts-offset", "0000-00-00T00:00:00Z": "ts-z"}
    return " and ".join(sorted({known.get(text, text) for text in shapes})) or UNDETERMINED


def decimal_text(texts: Iterable[str]) -> str:
    """How decimals are written, from the amounts of all rows."""
    fractions = [text.partition(".")[2] for text in texts]
    if not fractions:
        return UNDETERMINED
    if min(map(len, fractions)) >= 18:
        return "decimals-18"
    if all(fraction.endswith("000") for fraction in fractions):
        return "decimals-trailing-zeros"
    whole_numbers_have_fraction = {bool(fraction) for fraction in fractions if not fraction.strip("0")}
    return "decimals-integer" if whole_numbers_have_fraction == {False} else "decimals-plain"


def error_body(responses: Iterable[Response]) -> str:
    """The form of error bodies, from all error responses."""
    return " and ".join(sorted({_error_body(response) for response in responses})) or UNDETERMINED


def _error_body(response: Response) -> str:
    if not response.body:
        return "error-empty"
    if response.media_type == "application/problem+json":
        return "error-problem-json"
    if response.media_type == "text/plain":
        return "error-plain-text"
    body = _json(response)
    if response.media_type == "application/json" and isinstance(body, dict) and "detail" in body:
        return "error-detail"
    return f"{response.media_type or 'no type'} {sorted(body) if isinstance(body, dict) else ''}".strip()


def _json(response: Response) -> Any:
    try:
        return json.loads(response.body)
    except ValueError:
        return None


def compression(responses: Iterable[Response]) -> str:
    """The content codings of responses to requests that accept gzip."""
    codings = {response.headers.get("content-encoding", "identity") for response in responses}
    return " and ".join(sorted(codings)) or UNDETERMINED
