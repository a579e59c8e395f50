"""Charts of open interest. matplotlib is an extra, imported when it is used, and never told which window system to take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..errors import PrecisionError, UsageError
from ..formats import files
from ..formats.atomic_file import AtomicFile, reported, resolve_target
from ..model.endpoint import OPEN_INTEREST
from ..model.intervals import WIDTHS
from ..model.timestamps import contiguous_runs
from ..optional import require
from .align import Amount

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .series import OpenInterestSeries

SIZE: Final = (10, 4.5)
"""Inches of a chart."""
FORMATS: Final = ("png", "svg", "pdf")
COLORS: Final = ("#1f5fa8", "#c8551b", "#2b8a5a", "#8a4fa3", "#b0892b", "#4c8fa8", "#a83255", "#5c5c5c")
"""Told apart by most colour-blind readers, and in print."""
DASHES: Final = ("-", "--", ":", "-.")
"""The next one when the colors are used up."""
MARKED: Final = 120
"""A chart of fewer buckets shows each row as a point; a row between two gaps is always a point."""
STYLE: Final = {"svg.hashsalt": "allium-market-data", "svg.fonttype": "path", "font.size": 10}
UNITS: Final = {"oi_base": "units of the base asset", "oi_quote_usd": "US dollars"}


def plot(*series: OpenInterestSeries, axes: Axes | None = None, amount: Amount = "oi_quote_usd") -> Axes:
    """Draw series as lines over time and return the Axes; without ``axes``, on a figure of their own.

    A line breaks where buckets are missing, and grey bands mark those gaps for a single series. Hollow points are
    provisional rows. Time is in UTC. ``amount`` is ``oi_quote_usd`` or ``oi_base``. Raises ``UsageError`` for an unknown
    amount or no series, ``PrecisionError`` for a value beyond floats, ``OutputError`` when matplotlib is missing.
    """
    _check_amount(amount)
    if not series:
        raise UsageError("nothing to plot: give at least one series")
    if axes is None:
        pyplot = require("matplotlib.pyplot", "plot")
        _, axes = pyplot.subplots(figsize=SIZE, layout="constrained")
    _draw(axes, series, amount)
    return axes


def save(
    series: Sequence[OpenInterestSeries], path: files.Path, *, amount: Amount = "oi_quote_usd", overwrite: bool = False
) -> None:
    """Write a chart as PNG, SVG or PDF, by the ending of ``path``: whole or not at all, as all files.

    Raises ``UsageError`` for another ending, ``OutputError`` for a file that is there already or cannot be written.
    """
    form, target = check(path, amount, overwrite=overwrite)
    with drawn(target, form, SIZE, dpi=160, overwrite=overwrite) as figure:
        plot(*series, axes=figure.add_subplot(), amount=amount)


@contextmanager
def drawn(target: Path, form: str, size: tuple[float, float], *, dpi: int, overwrite: bool) -> Iterator[Figure]:
    """A figure (``size`` in inches) to draw on; when the block ends it stands in ``target``, whole or not at all."""
    mpl = require("matplotlib", "plot")
    figure = require("matplotlib.figure", "plot").Figure(figsize=size, layout="constrained")
    with reported(target):
        partial = AtomicFile(target)
        try:
            with mpl.rc_context(STYLE):
                yield figure
                dated = {"metadata": {"Date": None}} if form == "svg" else {}
                figure.savefig(partial.stream, format=form, dpi=dpi, **dated)
            partial.publish(overwrite=overwrite)
        finally:
            partial.discard()


def check(path: files.Path, amount: str, *, overwrite: bool) -> tuple[str, Path]:
    """The format and the place of a chart, told before the work is done whether it can be. Errors as for ``save``."""
    _check_amount(amount)
    form = Path(path).suffix.removeprefix(".").lower()
    if form not in FORMATS:
        raise UsageError(f"{path} does not tell its format: name it .{', .'.join(FORMATS)}")
    require("matplotlib", "plot")
    return form, resolve_target(path, overwrite=overwrite)


def _check_amount(amount: str) -> None:
    if amount not in OPEN_INTEREST.values:
        raise UsageError(f"unknown amount {amount!r:.80}: use one of {', '.join(OPEN_INTEREST.values)}")


def _draw(axes: Any, series: Sequence[OpenInterestSeries], amount: Amount) -> None:
    field = OPEN_INTEREST.values.index(amount)
    values = [list(map(float, one.columns.values[field])) for one in series]
    most = max((value for column in values for value in column), default=0.0)
    if not isfinite(most):
        raise PrecisionError(f"{amount} is somewhere beyond what a float, and so a chart, can hold")
    scale, word = _scale(most)
    for number, (one, column) in enumerate(zip(series, values, strict=True)):
        row, place = divmod(number, len(COLORS))
        _line(axes, one, [value / scale for value in column], COLORS[place], DASHES[row % len(DASHES)])
    if len(series) == 1:
        _bands(axes, series[0])
    _dress(axes, series, f"{word} {UNITS[amount]}".strip())


def _scale(most: float) -> tuple[float, str]:
    """The unit in which the largest value has few digits before the point."""
    for scale, word in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million"), (1e3, "thousand")):
        if most >= scale:
            return scale, word
    return 1.0, ""


def _line(axes: Any, series: OpenInterestSeries, values: list[float], color: str, dash: str) -> None:
    """One line, broken by a NaN at each gap; lone rows and provisional ones as points."""
    times: list[datetime] = []
    drawn: list[float] = []
    lone: list[int] = []
    ts, width = series.columns.ts, timedelta(microseconds=WIDTHS[series.interval])
    for first, stop in contiguous_runs(ts, series.interval):
        if drawn:
            times.append(ts[first - 1] + width)
            drawn.append(float("nan"))
        times += ts[first:stop]
        drawn += values[first:stop]
        lone += [first] if stop - first == 1 else []
    style = {"linestyle": dash, "linewidth": 1.4, "solid_capstyle": "butt", "zorder": 3}
    axes.plot(times, drawn, color=color, label=series.market_id, **style)
    few = series.end - series.start < MARKED * width
    settled = [row for row in (range(len(ts)) if few else lone) if not series.columns.provisional[row]]
    _points(axes, [ts[row] for row in settled], [values[row] for row in settled], color, color)
    unsure = [row for row, flag in enumerate(series.columns.provisional) if flag]
    _points(axes, [ts[row] for row in unsure], [values[row] for row in unsure], "white", color, size=5.5)


def _points(axes: Any, times: list[datetime], values: list[float], face: str, edge: str, size: float = 3.5) -> None:
    if times:
        style = {"markerfacecolor": face, "markeredgecolor": edge, "markeredgewidth": 1.3, "zorder": 4}
        axes.plot(times, values, linestyle="none", marker="o", markersize=size, label="_nolegend_", **style)


def _bands(axes: Any, series: OpenInterestSeries) -> None:
    """The gaps as one collection: a long series may have thousands."""
    if gaps := series.gaps():
        spans = [(gap.start, gap.end - gap.start) for gap in gaps]
        whole = {"transform": axes.get_xaxis_transform(), "linewidth": 0, "zorder": 0}
        axes.broken_barh(spans, (0, 1), color="#9a9a9a", alpha=0.16, **whole)


def _dress(axes: Any, series: Sequence[OpenInterestSeries], unit: str) -> None:
    """Title, units, ticks and the key to what is drawn."""
    dates, ticker = (require(f"matplotlib.{name}", "plot") for name in ("dates", "ticker"))
    start, end = min(one.start for one in series), max(one.end for one in series)
    margin = (end - start) / 80 or timedelta(minutes=1)  # so that a point at an edge is seen whole
    axes.set_xlim(start - margin, end + margin)
    locator = dates.AutoDateLocator(tz=UTC, minticks=4, maxticks=9)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator, tz=UTC, show_offset=False))
    plain = ticker.ScalarFormatter(useOffset=False)
    plain.set_scientific(False)
    axes.yaxis.set_major_formatter(plain)
    axes.margins(y=0.08)
    axes.set_xlabel(f"time (UTC), {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}")
    axes.set_ylabel(f"open interest, {unit}")
    intervals = ", ".join(dict.fromkeys(one.interval for one in series))
    names = series[0].market_id if len(series) == 1 else f"{len(series)} markets"
    axes.set_title(f"{names}: open interest, {intervals} buckets", loc="left", fontsize=11, fontweight="bold")
    axes.grid(visible=True, color="#d8d8d8", linewidth=0.6, zorder=0)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    if not any(map(len, series)):
        axes.text(0.5, 0.5, "no rows in this span", transform=axes.transAxes, ha="center", va="center", color="#6a6a6a")
        axes.set_yticks([])
    _key(axes, series)


def _key(axes: Any, series: Sequence[OpenInterestSeries]) -> None:
    lines, patches = (require(f"matplotlib.{name}", "plot") for name in ("lines", "patches"))
    shown: list[Any] = axes.get_legend_handles_labels()[0] if len(series) > 1 else []
    if any(True in one.columns.provisional for one in series):
        hollow = {"marker": "o", "markerfacecolor": "white", "markeredgecolor": "#4a4a4a", "linestyle": "none"}
        shown.append(lines.Line2D([], [], label="provisional", **hollow))
    if len(series) == 1 and len(series[0]) and series[0].gaps():
        shown.append(patches.Patch(color="#9a9a9a", alpha=0.3, linewidth=0, label="no row"))
    if shown:
        axes.legend(handles=shown, loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=9)
