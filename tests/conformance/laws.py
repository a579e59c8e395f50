"""What holds between the rows of two answers, and of one; pure. Each law returns its faults as text, none if it holds.

Only what every reading of the specification grants is demanded. With ``w`` the width of a bucket, an aligned window
[s, e) has

====================  =====================  ======================================================
labels name           the window cuts        labels in the answer (``?``: only if the end is inclusive)
====================  =====================  ======================================================
the start             buckets                s ... e-w, and e?
the start             samples                s ... e-w, and e?, which then is partial
the end               buckets                s ... e-w, and e?
the end               samples                s+w ... e, and e+w?, which then is partial
====================  =====================  ======================================================

so a label from s (where labels name ends: s+w) to e-w has to be there if its bucket has a row at all, with the value of
its whole bucket; where labels name ends, s and e have that value if they are there.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from allium_market_data.model.intervals import ceil, floor

from .answers import Answer, Row, Rows
from .meaning import Labelling
from .times import text


def certain(start: int, end: int, width: int, labelling: Labelling) -> tuple[int, int]:
    """The first and the last label that a window has to have, whatever the reading of its edges.

    On an aligned window the rows at both edges count; on another one the buckets that an edge cuts do not.
    """
    aligned = start % width == 0 and end % width == 0
    first, last = ceil(start, width), floor(end, width)
    if labelling is Labelling.START:
        return first, last - width
    return first + width, last - width if aligned else last


def agrees(answer: Answer, reference: Rows, labelling: Labelling) -> list[str]:
    """``answer`` has the rows that a wider window has, with the same values, and no others but perhaps at its edges."""
    first, last = certain(answer.start, answer.end, answer.width, labelling)
    rows = answer.by_label
    faults = [f"{text(label)} is missing" for label in reference if first <= label <= last and label not in rows]
    for label, amounts in rows.items():
        if first <= label <= last and label not in reference:
            faults.append(f"{text(label)} is not in the wider window")
        elif _whole(label, answer, labelling) and amounts != reference.get(label, amounts):
            faults.append(f"{text(label)} says {amounts}, and {reference[label]} in the wider window")
    return faults


def _whole(label: int, answer: Answer, labelling: Labelling) -> bool:
    """Whether a row has the value of its whole bucket under every reading."""
    first, last = certain(answer.start, answer.end, answer.width, labelling)
    aligned = answer.start % answer.width == 0 and answer.end % answer.width == 0
    if aligned and labelling is Labelling.END:
        first, last = answer.start, answer.end
    return first <= label <= last


def halves(first: Rows, second: Rows, whole: Rows) -> list[str]:
    """Two aligned windows side by side have the rows of the whole window.

    At the seam the second one counts: there the first may have a partial row.
    """
    union = {**first, **second}
    faults = [f"{text(label)} is in the whole window and in neither half" for label in whole.keys() - union.keys()]
    faults += [f"{text(label)} is in a half and not in the whole window" for label in union.keys() - whole.keys()]
    different = [label for label in union.keys() & whole.keys() if union[label] != whole[label]]
    faults += [f"{text(label)} says {union[label]} in a half and {whole[label]} in the whole" for label in different]
    return sorted(faults)


def slice_ends(part: Sequence[Row], whole: Sequence[Row], limit: int) -> set[str]:
    """From which ends of ``whole`` the ``part`` that a limit left is a slice: earliest, latest, both, or none.

    Both are in order of time. A part that does not have as many rows as it may is a slice from no end.
    """
    count = min(limit, len(whole))
    candidates = {"keep-earliest": whole[:count], "keep-latest": whole[len(whole) - count :]}
    return {end for end, rows in candidates.items() if list(part) == list(rows)}


def ordered(labels: Sequence[int]) -> str | None:
    """The order of items: ``ascending`` or ``descending``, None if there is none or a label is repeated."""
    steps = [later - earlier for earlier, later in pairwise(labels)]
    if all(step > 0 for step in steps):
        return "ascending"
    return "descending" if all(step < 0 for step in steps) else None


def outside(answer: Answer, labelling: Labelling | None) -> list[int]:
    """Labels that lie in the window under no reading; where the labelling is unknown, under neither one."""
    width = answer.width
    first = answer.start if labelling is Labelling.END else floor(answer.start, width)
    last = answer.end if labelling is Labelling.START else floor(answer.end, width) + width
    return [label for label in answer.by_label if not first <= label <= last]


def sorted_rows(answer: Answer) -> list[Row]:
    """The rows of an answer in order of time."""
    return sorted(answer.rows)
