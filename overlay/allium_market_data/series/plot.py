"""Charts of open interest with matplotlib, an extra that is imported when used. Its backend is never changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..errors import PrecisionError, UsageError
from ..formats import files
from ..formats.atomic_file import AtomicFile, output_errors, resolve_target
from ..model.endpoint import Endpoint
from ..model.intervals import WIDTHS
from ..model.timestamps import contiguous_runs
from ..optional import require
from .base import SeriesBase, decimal_column, flatten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE: Final = (10, 4.5)
"""The size of a chart in inches."""
FORMATS: Final = ("png", "svg", "pdf")
COLORS: Final = ("#1f5fa8", "#c8551b", "#2b8a5a", "#8a4fa3", "#b0892b", "#4c8fa8", "#a83255", "#5c5c5c")
"""Distinguishable for most colour-blind readers, and in print."""
DASHES: Final = ("-", "--", ":", "-.")
"""Used in turn, each with all the colours."""
MARKED: Final = 120
"""A chart of fewer buckets marks every row with a point. A row between two gaps always has a point."""
STYLE: Final = {"svg.hashsalt": "allium-market-data", "svg.fonttype": "path", "font.size": 10}


def plot(*series: SeriesBase | Mapping[str, SeriesBase], axes: Axes | None = None, amount: str | None = None) -> Axes:
    """Draw series as lines over time and return the Axes; without ``axes``, on a new figure.

    A line breaks where buckets are missing, and grey bands mark those gaps if there is a single series. Hollow points are
    provisional rows. Time is in UTC. ``amount`` is a decimal column, by default the last one. Raises ``UsageError`` for an
    unknown amount or no series, ``PrecisionError`` for a value out of range for a float, ``OutputError`` without matplotlib.
    """
    drawn = flatten(series)
    if not drawn:
        raise UsageError("nothing to plot: pass at least one series")
    column = decimal_column(drawn[0].endpoint, amount)
    if axes is None:
        pyplot = require("matplotlib.pyplot", "plot")
        _, axes = pyplot.subplots(figsize=SIZE, layout="constrained")
    _draw(axes, drawn, column)
    return axes


def save_plot(
    series: Sequence[SeriesBase], path: files.Path, *, amount: str | None = None, overwrite: bool = False
) -> None:
    """Write a chart as PNG, SVG or PDF, by the suffix of ``path``. Like all files it appears complete or not at all.

    Raises ``UsageError`` for another suffix, ``OutputError`` for a file that exists already or cannot be written.
    """
    drawn = flatten(series)
    if not drawn:
        raise UsageError("nothing to plot: pass at least one series")
    image_format, target = check_plot_target(path, drawn[0].endpoint, amount, overwrite=overwrite)
    with figure_file(target, image_format, SIZE, dpi=160, overwrite=overwrite) as figure:
        plot(*series, axes=figure.add_subplot(), amount=amount)


@contextmanager
def figure_file(
    target: Path, image_format: str, size: tuple[float, float], *, dpi: int, overwrite: bool
) -> Iterator[Figure]:
    """A figure (``size`` in inches) to draw on, written to ``target`` at the end of the block if no error left it."""
    mpl = require("matplotlib", "plot")
    figure = require("matplotlib.figure", "plot").Figure(figsize=size, layout="constrained")
    with output_errors(target):
        file = AtomicFile(target)
        try:
            with mpl.rc_context(STYLE):
                yield figure
                undated = {"metadata": {"Date": None}} if image_format == "svg" else {}
                figure.savefig(file.stream, format=image_format, dpi=dpi, **undated)
            file.commit(overwrite=overwrite)
        finally:
            file.rollback()


def check_plot_target(path: files.Path, endpoint: Endpoint, amount: str | None, *, overwrite: bool) -> tuple[str, Path]:
    """The format and the resolved path of a chart, checked before any request is sent. Raises what ``save_plot`` raises."""
    decimal_column(endpoint, amount)
    suffix = Path(path).suffix.removeprefix(".").lower()
    if suffix not in FORMATS:
        raise UsageError(f"{path}: unknown chart format: use the suffix .{', .'.join(FORMATS)}")
    require("matplotlib", "plot")
    return suffix, resolve_target(path, overwrite=overwrite)


def _draw(axes: Any, series: Sequence[SeriesBase], amount: str) -> None:
    values = [list(map(float, each.texts(amount))) for each in series]
    largest = max((value for column in values for value in column), default=0.0)
    if not isfinite(largest):
        raise PrecisionError(f"a value of {amount} is out of range for a float, so it cannot be drawn")
    scale, unit = _scale(largest)
    for number, (each, column) in enumerate(zip(series, values, strict=True)):
        round_number, color = divmod(number, len(COLORS))
        _draw_line(axes, each, [value / scale for value in column], COLORS[color], DASHES[round_number % len(DASHES)])
    if len(series) == 1:
        _draw_gaps(axes, series[0])
    units = {each.column: each.unit for each in series[0].endpoint.operation.decimals}
    _label(axes, series, f"{unit} {units[amount]}".strip())


def _scale(largest: float) -> tuple[float, str]:
    """The unit in which the largest value has at most three digits before the point."""
    for scale, unit in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million"), (1e3, "thousand")):
        if largest >= scale:
            return scale, unit
    return 1.0, ""


def _draw_line(axes: Any, series: SeriesBase, values: list[float], color: str, dash: str) -> None:
    """One line, broken by a NaN at each gap; isolated and provisional rows as points."""
    times: list[datetime] = []
    heights: list[float] = []
    isolated: list[int] = []
    ts, width = series.columns.ts, timedelta(microseconds=WIDTHS[series.interval])
    for first, stop in contiguous_runs(ts, series.interval):
        if heights:
            times.append(ts[first - 1] + width)
            heights.append(float("nan"))
        times += ts[first:stop]
        heights += values[first:stop]
        isolated += [first] if stop - first == 1 else []
    style = {"linestyle": dash, "linewidth": 1.4, "solid_capstyle": "butt", "zorder": 3}
    axes.plot(times, heights, color=color, label=series.market_id, **style)
    mark_all = series.end - series.start < MARKED * width
    provisional = series.columns.provisional
    final = [row for row in (range(len(ts)) if mark_all else isolated) if not provisional[row]]
    _draw_points(axes, [ts[row] for row in final], [values[row] for row in final], color, color)
    hollow = [row for row, flag in enumerate(provisional) if flag]
    _draw_points(axes, [ts[row] for row in hollow], [values[row] for row in hollow], "white", color, size=5.5)


def _draw_points(
    axes: Any, times: list[datetime], values: list[float], face: str, edge: str, size: float = 3.5
) -> None:
    if times:
        style = {"markerfacecolor": face, "markeredgecolor": edge, "markeredgewidth": 1.3, "zorder": 4}
        axes.plot(times, values, linestyle="none", marker="o", markersize=size, label="_nolegend_", **style)


def _draw_gaps(axes: Any, series: SeriesBase) -> None:
    """All gaps as one collection, since a long series may have thousands."""
    if gaps := series.gaps():
        spans = [(gap.start, gap.end - gap.start) for gap in gaps]
        full_height = {"transform": axes.get_xaxis_transform(), "linewidth": 0, "zorder": 0}
        axes.broken_barh(spans, (0, 1), color="#9a9a9a", alpha=0.16, **full_height)


def _label(axes: Any, series: Sequence[SeriesBase], unit: str) -> None:
    """Title, axes, grid and legend."""
    start, end = min(each.start for each in series), max(each.end for each in series)
    _label_axes(axes, start, end)
    axes.set_xlabel(f"time (UTC), {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}")
    axes.set_ylabel(f"open interest, {unit}")
    intervals = ", ".join(dict.fromkeys(each.interval for each in series))
    names = series[0].market_id if len(series) == 1 else f"{len(series)} markets"
    axes.set_title(f"{names}: open interest, {intervals} buckets", loc="left", fontsize=11, fontweight="bold")
    if not any(map(len, series)):
        axes.text(0.5, 0.5, "no rows in this span", transform=axes.transAxes, ha="center", va="center", color="#6a6a6a")
        axes.set_yticks([])
    _add_legend(axes, series)


def _label_axes(axes: Any, start: datetime, end: datetime) -> None:
    dates, ticker = (require(f"matplotlib.{name}", "plot") for name in ("dates", "ticker"))
    margin = (end - start) / 80 or timedelta(minutes=1)  # keeps a point at the edge entirely visible
    axes.set_xlim(start - margin, end + margin)
    locator = dates.AutoDateLocator(tz=UTC, minticks=4, maxticks=9)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator, tz=UTC, show_offset=False))
    plain_numbers = ticker.ScalarFormatter(useOffset=False)
    plain_numbers.set_scientific(False)
    axes.yaxis.set_major_formatter(plain_numbers)
    axes.margins(y=0.08)
    axes.grid(visible=True, color="#d8d8d8", linewidth=0.6, zorder=0)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _add_legend(axes: Any, series: Sequence[SeriesBase]) -> None:
    lines, patches = (require(f"matplotlib.{name}", "plot") for name in ("lines", "patches"))
    entries: list[Any] = axes.get_legend_handles_labels()[0] if len(series) > 1 else []
    if any(True in each.columns.provisional for each in series):
        hollow = {"marker": "o", "markerfacecolor": "white", "markeredgecolor": "#4a4a4a", "linestyle": "none"}
        entries.append(lines.Line2D([], [], label="provisional", **hollow))
    if len(series) == 1 and len(series[0]) and series[0].gaps():
        entries.append(patches.Patch(color="#9a9a9a", alpha=0.3, linewidth=0, label="no row"))
    if entries:
        axes.legend(handles=entries, loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=9)
