"""A chart of what a table holds: a bar for each series over time, with its gaps and the share of buckets with a row."""

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
from .spans import Span, month_of, split_by_month
from .status import SeriesStatus

GAP_COLOR = "#d9540c"
EMPTY_SHADE = 0.15
"""The shade of a complete month without any row."""


def check_file(file: Path, *, overwrite: bool) -> Path:
    """The target of the chart, checked before any work is done. Raises ``UsageError`` and ``OutputError``."""
    if file.suffix.lower() != ".png":
        raise UsageError(f"{file} is not a PNG file: give it a name that ends in .png")
    require("matplotlib", "plot")
    return resolve_target(file, overwrite=overwrite)


def plot_status(statuses: Sequence[SeriesStatus], file: Path, *, overwrite: bool = False) -> None:
    """Draw the statuses to a PNG file: complete windows blue, darker the more buckets have a row; gaps orange."""
    size = (10.0, 1.5 + 0.24 * max(len(statuses), 2))
    with figure_file(check_file(file, overwrite=overwrite), "png", size, dpi=110, overwrite=overwrite) as figure:
        axes = figure.add_subplot()
        for index, status in enumerate(statuses):
            parts = list(row_shares(status))
            shades = [_shade(share) for _, share in parts]
            _draw_bars(axes, index, [span for span, _ in parts], facecolors=shades)
            # The edge keeps a very short gap visible.
            _draw_bars(axes, index, status.gaps, facecolors=GAP_COLOR, edgecolors=GAP_COLOR, linewidth=1.0)
        _label(axes, statuses)


def row_shares(status: SeriesStatus) -> Iterator[tuple[Span, float]]:
    """The complete windows by month, each with the share of the month's complete buckets that have a row."""
    counts = {month: (rows, buckets) for month, rows, buckets in status.months}
    for span in status.complete:
        for part in split_by_month(span):
            rows, buckets = counts[month_of(part[0])]
            yield part, min(rows / buckets, 1.0) if buckets else 0.0


def _shade(share: float) -> Any:
    """The colour of complete windows of which a share of the buckets has a row."""
    return require("matplotlib", "plot").colormaps["Blues"](EMPTY_SHADE + (1 - EMPTY_SHADE) * share)


def _draw_bars(axes: Any, index: int, spans: Sequence[Span], **style: Any) -> None:
    if spans:
        days = [(start / DAY, (end - start) / DAY) for start, end in spans]
        axes.broken_barh(days, (index - 0.4, 0.8), **style)


def _label(axes: Any, statuses: Sequence[SeriesStatus]) -> None:
    dates, patches = require("matplotlib.dates", "plot"), require("matplotlib.patches", "plot")
    if statuses:
        axes.xaxis_date()
        axes.set_xlabel("UTC", loc="right", fontsize=8)
        locator = dates.AutoDateLocator(maxticks=9)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))
    else:
        axes.set_xticks([])
        axes.text(0.5, 0.5, "the table is empty", ha="center", transform=axes.transAxes)
    names = [clean(f"{status.key[1]} {status.key[0]}") for status in statuses]
    axes.set_yticks(range(len(statuses)), names, fontsize=8)
    axes.set_ylim(max(len(statuses), 1) - 0.5, -0.5)
    shares = ((1.0, "a row in every bucket"), (0.5, "a row in half of the buckets"), (0.0, "no rows on the server"))
    legend = [patches.Patch(color=_shade(share), label=f"complete, {text}") for share, text in shares]
    legend += [patches.Patch(color=GAP_COLOR, label="gap: not fetched")]
    axes.figure.legend(handles=legend, loc="outside upper left", ncols=4, fontsize=8, frameon=False)
