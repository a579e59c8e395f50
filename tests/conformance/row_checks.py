"""Checks on the rows of one page, and between the rows of two. A check returns its findings as text, or nothing.

A check demands only what every reading of the specification guarantees. With ``w`` the width of a bucket, a correct
server answers an aligned window [s, e) with

====================  =====================  ======================================================
a label names         the window cuts        labels in the page (``?``: only if the end is inclusive)
====================  =====================  ======================================================
the start             buckets                s ... e-w, and e?
the start             samples                s ... e-w, and e?, which is then partial
the end               buckets                s ... e-w, and e?
the end               samples                s+w ... e, and e+w?, which is then partial
====================  =====================  ======================================================

So each label from s (from s+w if labels name the end) to e-w must be present if its bucket has a row at all, with the
value of the whole bucket. If labels name the end, s and e also have that value where they are present.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from allium_market_data.model.intervals import ceil, floor

from .bucket_values import Labelling
from .response import Page, Row, Rows
from .times import text


def guaranteed_labels(page: Page, labelling: Labelling) -> tuple[int, int]:
    """The first and the last label that a page must have, however its server reads the edges of a window.

    In an aligned window the first and the last bucket count; in an unaligned one the buckets that an edge cuts do not.
    """
    first, last = ceil(page.start, page.width), floor(page.end, page.width)
    if labelling is Labelling.START:
        return first, last - page.width
    return first + page.width, last - page.width if page.is_aligned else last


def differences_from_wider(page: Page, wider: Rows, labelling: Labelling | None) -> list[str]:
    """Where ``page`` differs from the rows of a wider window, apart from what a reading may change at its edges.

    If it is not known what labels name, the reading with fewer differences counts.
    """
    if labelling is None:
        return min((differences_from_wider(page, wider, known) for known in Labelling), key=len)
    first, last = guaranteed_labels(page, labelling)
    rows = page.by_label
    differences = [f"{text(label)} is missing" for label in wider if first <= label <= last and label not in rows]
    for label, amounts in rows.items():
        if first <= label <= last and label not in wider:
            differences.append(f"{text(label)} is not in the wider window")
        elif _has_whole_bucket(label, page, labelling) and amounts != wider.get(label, amounts):
            differences.append(f"{text(label)} is {amounts}, but {wider[label]} in the wider window")
    return differences


def _has_whole_bucket(label: int, page: Page, labelling: Labelling) -> bool:
    """True if a row has the value of its whole bucket under every reading."""
    first, last = guaranteed_labels(page, labelling)
    if page.is_aligned and labelling is Labelling.END:
        first, last = page.start, page.end
    return first <= label <= last


def differences_from_halves(first: Rows, second: Rows, whole: Rows) -> list[str]:
    """Where two adjacent aligned windows together differ from the whole window.

    Where both have a row, the second counts: the last row of the first may be partial.
    """
    union = {**first, **second}
    changed = [label for label in union.keys() & whole.keys() if union[label] != whole[label]]
    return sorted(
        [f"{text(label)} is in the whole window, but in neither half" for label in whole.keys() - union.keys()]
        + [f"{text(label)} is in a half, but not in the whole window" for label in union.keys() - whole.keys()]
        + [f"{text(label)} is {union[label]} in a half, but {whole[label]} in the whole window" for label in changed]
    )


def kept_ends(part: Sequence[Row], whole: Sequence[Row], limit: int) -> set[str]:
    """Which end of ``whole`` a limit has kept in ``part``: ``keep-earliest``, ``keep-latest``, both or neither.

    Both sequences are in order of time. A part with fewer rows than the limit allows matches neither.
    """
    count = min(limit, len(whole))
    candidates = {"keep-earliest": whole[:count], "keep-latest": whole[len(whole) - count :]}
    return {end for end, rows in candidates.items() if list(part) == list(rows)}


def order_of(labels: Sequence[int]) -> str | None:
    """The order of ``labels``: ``ascending``, ``descending``, or None if they are unordered or one is repeated."""
    steps = [later - earlier for earlier, later in pairwise(labels)]
    if all(step > 0 for step in steps):
        return "ascending"
    return "descending" if all(step < 0 for step in steps) else None


def labels_outside(page: Page, labelling: Labelling | None) -> list[int]:
    """Labels that no reading allows in the window of ``page``."""
    if labelling is None:
        return min((labels_outside(page, known) for known in Labelling), key=len)
    first = page.start if labelling is Labelling.END else floor(page.start, page.width)
    last = page.end if labelling is Labelling.START else floor(page.end, page.width) + page.width
    return [label for label in page.by_label if not first <= label <= last]


def sorted_rows(page: Page) -> list[Row]:
    """The rows of a page in order of time."""
    return sorted(page.rows)
