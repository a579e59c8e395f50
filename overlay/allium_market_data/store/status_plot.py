"""What a table holds, drawn: a bar a series along time, its gaps, and how many buckets of each month have a row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..formats.atomic_file import resolve_target
from ..model.intervals import DAY
from ..optional import require
from ..sanitize import clean
from ..series.plot import figure_file
from .spans import Span, by_month, month
from .status import Standing

GAP, EMPTY = "#d9540c", 0.15
"""The colour of gaps, and how dark a month is whose buckets all are without a row."""


def check(file: Path, *, overwrite: bool) -> Path:
    """The place of a picture, told before the work is done whether it can be. Raises ``UsageError``, ``OutputError``."""
    if file.suffix.lower() != ".png":
        raise UsageError(f"{file} is no name of a picture: name it .png")
    require("matplotlib", "plot")
    return resolve_target(file, overwrite=overwrite)


def plot(standings: Sequence[Standing], file: Path, *, overwrite: bool = False) -> None:
    """Draw the standings to a PNG file: complete windows blue, darker where more buckets have a row; gaps orange."""
    colors = require("matplotlib", "plot").colormaps["Blues"]
    size = (10.0, 1.5 + 0.24 * max(len(standings), 2))
    with figure_file(check(file, overwrite=overwrite), "png", size, dpi=110, overwrite=overwrite) as figure:
        axes = figure.add_subplot()
        for row, one in enumerate(standings):
            parts = list(shares(one))
            faces = [colors(EMPTY + (1 - EMPTY) * share) for _, share in parts]
            _bars(axes, row, [span for span, _ in parts], facecolors=faces)
            _bars(axes, row, one.gaps, facecolors=GAP, edgecolors=GAP, linewidth=1.0)  # the edge shows the shortest one
        _dress(axes, standings)


def shares(one: Standing) -> Iterator[tuple[Span, float]]:
    """The complete windows, cut by month, each with the share of its month's complete buckets that have a row. Pure."""
    counts = {label: (rows, wanted) for label, rows, wanted in one.months}
    for span in one.complete:
        for part in by_month(span):
            rows, wanted = counts[month(part[0])]
            yield part, min(rows / wanted, 1.0) if wanted else 0.0


def _bars(axes: Any, row: int, spans: Sequence[Span], **style: Any) -> None:
    if spans:
        days = [(start / DAY, (end - start) / DAY) for start, end in spans]
        axes.broken_barh(days, (row - 0.4, 0.8), **style)


def _dress(axes: Any, standings: Sequence[Standing]) -> None:
    dates, patches = require("matplotlib.dates", "plot"), require("matplotlib.patches", "plot")
    colors = require("matplotlib", "plot").colormaps["Blues"]
    if standings:
        axes.xaxis_date()
        locator = dates.AutoDateLocator(maxticks=9)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))
    else:
        axes.set_xticks([])
        axes.text(0.5, 0.5, "the table is empty", ha="center", transform=axes.transAxes)
    axes.set_yticks(range(len(standings)), [clean(f"{one.series[1]} {one.series[0]}") for one in standings], fontsize=8)
    axes.set_ylim(max(len(standings), 1) - 0.5, -0.5)
    key = [patches.Patch(color=colors(1.0), label="complete, a row in every bucket")]
    key += [patches.Patch(color=colors(EMPTY), label="complete, the server has no rows")]
    key += [patches.Patch(color=GAP, label="gap: not fetched")]
    axes.figure.legend(handles=key, loc="outside upper left", ncols=3, fontsize=8, frameon=False)
