"""Charts with matplotlib, an extra that is imported when used. Its backend is never changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

from ..errors import PrecisionError, UsageError
from ..formats import files
from ..formats.atomic_file import AtomicFile, output_errors, resolve_target
from ..model.endpoint import Endpoint
from ..model.times import to_iso
from ..optional import require
from ..validation import check_choice
from .base import SeriesBase, decimal_column, flatten
from .chart import draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Scale: TypeAlias = Literal["linear", "log", "index"]
"""The vertical axis: amounts, amounts on a logarithmic axis, or amounts as a percentage of the first of each series."""

SIZE: Final = (10, 4.5)
"""The size of a chart in inches."""
FORMATS: Final = ("png", "svg", "pdf")
STYLE: Final = {"svg.hashsalt": "allium-market-data", "svg.fonttype": "path", "font.size": 10}


def plot(
    *series: SeriesBase | Mapping[str, SeriesBase],
    axes: Axes | None = None,
    amount: str | None = None,
    scale: Scale = "linear",
) -> Axes:
    """Draw series as lines over time and return the Axes; without ``axes``, on a new figure. A mapping stands for its series.

    A line breaks where buckets are missing, and grey bands mark those gaps if there is a single series. Hollow points are
    provisional rows. Time is in UTC. ``amount`` is a decimal column, by default the last one. Markets of different size
    are compared with ``scale="index"``, on which the first row of each is 100, or ``"log"``. What the chart shows is written
    inside the axes, so that subplots need no room between them.

    Raises ``UsageError`` for an unknown argument, no series, and a value that the scale cannot show, ``PrecisionError``
    for a value out of range for a float, ``OutputError`` without matplotlib.
    """
    drawn = flatten(series)
    if not drawn:
        raise UsageError("nothing to plot: pass at least one series")
    column = decimal_column(drawn[0].endpoint, amount)
    values = [_heights(each, column, check_choice("scale", scale, get_args(Scale))) for each in drawn]
    if axes is None:
        pyplot = require("matplotlib.pyplot", "plot")
        _, axes = pyplot.subplots(figsize=SIZE, layout="constrained")
    unit = next(each.unit for each in drawn[0].endpoint.operation.decimals if each.column == column)
    draw(axes, drawn, values, unit="index, first row = 100" if scale == "index" else unit, is_log=scale == "log")
    return axes


def save_plot(
    series: Sequence[SeriesBase],
    path: files.Path,
    *,
    amount: str | None = None,
    scale: Scale = "linear",
    overwrite: bool = False,
) -> None:
    """Write a chart as PNG, SVG or PDF, by the suffix of ``path``. Like all files it appears complete or not at all.

    Raises ``UsageError`` for another suffix, ``OutputError`` for a file that exists already or cannot be written.
    """
    if not series:
        raise UsageError("nothing to plot: pass at least one series")
    image_format, target = check_plot_target(path, series[0].endpoint, amount, scale, overwrite=overwrite)
    with figure_file(target, image_format, SIZE, dpi=160, overwrite=overwrite) as figure:
        plot(*series, axes=figure.add_subplot(), amount=amount, scale=scale)


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


def check_plot_target(
    path: files.Path, endpoint: Endpoint, amount: str | None, scale: str, *, overwrite: bool
) -> tuple[str, Path]:
    """The format and the resolved path of a chart, checked before any request is sent. Raises what ``save_plot`` raises."""
    decimal_column(endpoint, amount)
    check_choice("scale", scale, get_args(Scale))
    suffix = Path(path).suffix.removeprefix(".").lower()
    if suffix not in FORMATS:
        raise UsageError(f"{path}: unknown chart format: use the suffix .{', .'.join(FORMATS)}")
    require("matplotlib", "plot")
    return suffix, resolve_target(path, overwrite=overwrite)


def _heights(series: SeriesBase, column: str, scale: Scale) -> list[float]:
    """The values to draw, as floats."""
    values = list(map(float, series.texts(column)))
    if not all(map(isfinite, values)):
        raise PrecisionError(f"a value of {column} is out of range for a float, so it cannot be drawn")
    if scale == "linear" or not values:
        return values
    row = next((row for row, value in enumerate(values) if value <= 0 and (scale == "log" or row == 0)), None)
    if row is not None:
        where = f"{series.market_id} at {to_iso(series.columns.ts[row])}"
        raise UsageError(f'scale="{scale}" cannot show {values[row]:g}, {column} of {where}: use scale="linear"')
    return values if scale == "log" else [100 * value / values[0] for value in values]
