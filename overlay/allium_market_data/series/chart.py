"""Lines over time on matplotlib's Axes, with everything that explains them inside the axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil, log10
from textwrap import wrap
from typing import Any, Final

from ..model.intervals import WIDTHS
from ..model.timestamps import contiguous_runs
from ..optional import require
from .base import SeriesBase

COLORS: Final = ("#1f5fa8", "#c8551b", "#2b8a5a", "#8a4fa3", "#b0892b", "#4c8fa8", "#a83255", "#5c5c5c")
"""Distinguishable for most colour-blind readers, and in print."""
DASHES: Final = ("-", "--", ":", "-.")
"""Used in turn, each with all the colours."""
MARKED: Final = 120
"""A chart of fewer buckets marks every row with a point. A row between two gaps always has a point."""
UNITS: Final = ((1e12, "trillion"), (1e9, "billion"), (1e6, "million"), (1e3, "thousand"), (1.0, ""))
GREY: Final = "#5a5a5a"
TITLE, TEXT = 10.0, 8.0
"""Sizes of letters in points."""
SMALL_AXES, SMALL = 160, 0.8
"""Axes of less than this height in points have letters smaller by this factor."""
LINE, LETTER = 1.35, 0.6
"""The height of a line of text and the mean width of a letter, as multiples of the size of its letters."""
FEWEST_TICKS: Final = 5
"""With fewer, the locator finds no step for some spans, and warns."""
LARGEST_HEADER: Final = 0.6
"""The largest part of the axes that the header takes from the lines."""


def draw(axes: Any, series: Sequence[SeriesBase], values: Sequence[list[float]], *, unit: str, is_log: bool) -> None:
    """Draw each series with its values, which are in ``unit``."""
    largest = max((abs(value) for column in values for value in column), default=0.0)
    factor, name = (1.0, "") if is_log else next(each for each in UNITS if largest >= 0.7 * each[0] or each[0] == 1.0)
    for number, (each, column) in enumerate(zip(series, values, strict=True)):
        round_number, color = divmod(number, len(COLORS))
        heights = [value / factor for value in column]
        _draw_line(axes, each, heights, COLORS[color], DASHES[round_number % len(DASHES)])
    if len(series) == 1:
        _draw_gaps(axes, series[0])
    start, end = min(each.start for each in series), max(each.end for each in series)
    width, height = _size(axes)
    _label_axes(axes, start, end, width, is_log=is_log)
    if not any(map(len, series)):
        axes.text(0.5, 0.5, "no rows in this span", transform=axes.transAxes, ha="center", va="center", color=GREY)
        axes.set_yticks([])
    about = f"{series[0].endpoint.name.replace('_', ' ')}, {name} {unit}".replace("  ", " ")
    _write_header(axes, series, f"{about}, {_intervals(series)}, {_span_text(start, end)}", width, height)


def _size(axes: Any) -> tuple[float, float]:
    """Width and height of the axes in points."""
    extent = axes.get_window_extent()
    return 72 / axes.figure.dpi * extent.width, 72 / axes.figure.dpi * extent.height


def _intervals(series: Sequence[SeriesBase]) -> str:
    return ", ".join(dict.fromkeys(each.interval for each in series)) + " buckets"


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


def _label_axes(axes: Any, start: datetime, end: datetime, width: float, *, is_log: bool) -> None:
    dates, ticker = (require(f"matplotlib.{name}", "plot") for name in ("dates", "ticker"))
    margin = (end - start) / 80 or timedelta(minutes=1)  # keeps a point at the edge entirely visible
    axes.set_xlim(start - margin, end + margin)
    locator = dates.AutoDateLocator(tz=UTC, minticks=2, maxticks=min(max(int(width / 45), FEWEST_TICKS), 9))
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator, tz=UTC, show_offset=False))
    if is_log:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: _short(value)))
        axes.yaxis.set_minor_formatter(ticker.NullFormatter())
    else:
        plain_numbers = ticker.ScalarFormatter(useOffset=False)
        plain_numbers.set_scientific(False)
        axes.yaxis.set_major_formatter(plain_numbers)
    axes.margins(y=0.08)
    axes.tick_params(labelsize=TEXT)
    axes.grid(visible=True, color="#d8d8d8", linewidth=0.6, zorder=0)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _short(value: float) -> str:
    """A round number in few letters, such as 100 million."""
    factor, name = next((each for each in UNITS if value >= each[0]), UNITS[-1])
    return f"{value / factor:g} {name}".strip()


def _span_text(start: datetime, end: datetime) -> str:
    is_whole = start.time() == end.time() == datetime.min.time()
    pattern = "%Y-%m-%d" if is_whole else "%Y-%m-%d %H:%M"
    return f"{start:{pattern}} to {end:{pattern if start.date() != end.date() else '%H:%M'}} UTC"


def _points_from(axes: Any, right: float, up: float) -> Any:
    """The coordinates of the axes, moved by a number of points."""
    transforms = require("matplotlib.transforms", "plot")
    return axes.transAxes + transforms.ScaledTranslation(right / 72, up / 72, axes.figure.dpi_scale_trans)


@dataclass(frozen=True)
class _Header:
    """What stands at the top of the axes: a title, a subtitle and a legend. Sizes and heights are in points."""

    title: list[str]
    subtitle: list[str]
    legend: list[Any]
    legend_columns: int
    scale: float

    @classmethod
    def of(cls, title: str, subtitle: str, legend: list[Any], width: float, height: float) -> _Header:
        """Text broken to the width of the axes."""
        scale = SMALL if height < SMALL_AXES else 1.0
        letters = [max(int(width / (size * scale * LETTER)), 12) for size in (TITLE, TEXT)]
        widest = max((len(each.get_label()) + 7 for each in legend), default=1)
        columns = max(min(letters[1] // widest, len(legend)), 1)
        return cls(wrap(title, letters[0]), wrap(subtitle, letters[1]), legend, columns, scale)

    @property
    def title_height(self) -> float:
        return self.scale * TITLE * LINE * len(self.title)

    @property
    def text_height(self) -> float:
        return self.title_height + self.scale * TEXT * LINE * len(self.subtitle)

    @property
    def height(self) -> float:
        rows = ceil(len(self.legend) / self.legend_columns)
        return self.text_height + 1.5 * self.scale * TEXT * LINE * rows + 4


def _write_header(axes: Any, series: Sequence[SeriesBase], subtitle: str, width: float, height: float) -> None:
    """Write it over the lines, and make room for it there."""
    title = series[0].market_id if len(series) == 1 else f"{len(series)} markets"
    header = _Header.of(title, subtitle, _legend(axes, series), width, height)
    text = {"fontsize": header.scale * TEXT}
    left: dict[str, Any] = {"loc": "left", "x": 4 / width, "y": 1, "pad": 0, "va": "top"}
    axes.set_title("\n".join(header.title), fontsize=header.scale * TITLE, fontweight="bold", **left)
    axes.set_ylabel("\n".join(header.subtitle), color=GREY, rotation=0, ha="left", va="top", **text)
    axes.yaxis.set_label_coords(0, 1, transform=_points_from(axes, 4, -header.title_height))
    if header.legend:
        corner = _points_from(axes, 2, -header.text_height)
        style = {"frameon": False, "borderaxespad": 0.2, "ncols": header.legend_columns, **text}
        axes.legend(handles=header.legend, loc="upper left", bbox_to_anchor=(0, 1), bbox_transform=corner, **style)
    _make_room(axes, min(header.height / height, LARGEST_HEADER))


def _legend(axes: Any, series: Sequence[SeriesBase]) -> list[Any]:
    """The entries of the legend: the markets if there are several, and what marks stand for."""
    lines, patches = (require(f"matplotlib.{name}", "plot") for name in ("lines", "patches"))
    entries: list[Any] = axes.get_legend_handles_labels()[0] if len(series) > 1 else []
    if any(True in each.columns.provisional for each in series):
        hollow = {"marker": "o", "markerfacecolor": "white", "markeredgecolor": "#4a4a4a", "linestyle": "none"}
        entries.append(lines.Line2D([], [], label="provisional", **hollow))
    if len(series) == 1 and len(series[0]) and series[0].gaps():
        entries.append(patches.Patch(color="#9a9a9a", alpha=0.3, linewidth=0, label="no row"))
    return entries


def _make_room(axes: Any, part: float) -> None:
    """Extend the vertical axis upwards, so that the lines leave the upper part free."""
    low, high = axes.get_ylim()
    if axes.get_yscale() == "log":
        decades = (log10(high) - log10(low)) / (1 - part)
        axes.set_ylim(low, low * 10**decades)
        ticker = require("matplotlib.ticker", "plot")
        subdivided = ticker.LogLocator(subs=(1.0, 2.0, 5.0) if decades < 3 else (1.0,))
        axes.yaxis.set_major_locator(subdivided if decades > 1 else ticker.AutoLocator())
    else:
        axes.set_ylim(low, low + (high - low) / (1 - part))
