"""Charts: they show exactly the rows, and are written like any other file."""

from __future__ import annotations

import sys
from datetime import UTC
from math import isnan
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import num2date
from matplotlib.figure import Figure

from allium_market_data import plot
from allium_market_data.errors import OutputError, PrecisionError, UsageError
from allium_market_data.series.plot import save_plot
from support.sample_series import MARKET, columns, instant, series

mpl.use("agg")
MAGIC = {"png": b"\x89PNG\r\n", "svg": b"<?xml", "pdf": b"%PDF-"}


@pytest.fixture
def axes() -> Any:
    return Figure().add_subplot()


def points(axes: Any) -> list[tuple[Any, float]]:
    line = axes.get_lines()[0]
    return list(zip(line.get_xdata(), line.get_ydata(), strict=True))


def shown_labels(axes: Any) -> list[str]:
    FigureCanvasAgg(axes.figure).draw()
    return [label.get_text() for label in axes.get_yticklabels()]


def test_a_gap_breaks_the_line_and_every_row_is_on_it(axes: Any) -> None:
    original = series([0, 1, 4, 5], 0, 7)
    assert original.plot(axes=axes) is axes
    assert [time for time, value in points(axes) if not isnan(value)] == original.columns.ts
    assert [value for _, value in points(axes) if not isnan(value)] == [0.5, 1.5, 4.5, 5.5]
    assert [(time, isnan(value)) for time, value in points(axes)][2] == (instant(2), True)
    (bands,) = (collection for collection in axes.collections if len(collection.get_paths()) == 2)
    edges = bands.get_paths()[0].get_extents()
    assert [num2date(x, tz=UTC) for x in (edges.x0, edges.x1)] == [instant(2), instant(4)]


def test_provisional_rows_are_hollow_and_in_the_legend(axes: Any) -> None:
    series(columns([0, 1, 2], provisional=[2])).plot(axes=axes)
    hollow = [line for line in axes.get_lines() if line.get_markerfacecolor() == "white"]
    assert [list(line.get_xdata()) for line in hollow] == [[instant(2)]]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["provisional"]


@pytest.mark.parametrize(
    ("amount", "unit", "height"),
    [
        ("7", "USD notional", 7.0),
        ("12500", "thousand USD", 12.5),
        ("3" + "0" * 6, "million USD", 3.0),
        ("9" + "0" * 9, "billion", 9.0),
        ("146" + "0" * 7, "billion", 1.46),
        ("99" + "0" * 7, "billion", 0.99),
    ],
)
def test_the_axis_is_labelled_with_its_unit(axes: Any, amount: str, unit: str, height: float) -> None:
    series(columns([0], [amount])).plot(axes=axes)
    assert points(axes)[0][1] == height
    assert unit in " ".join(axes.get_ylabel().split())
    assert " ".join(axes.get_ylabel().split()).endswith("1m buckets, 2026-05-01 00:00 to 00:01 UTC")
    assert axes.get_title(loc="left") == MARKET


def test_twelve_markets_have_twelve_line_styles(axes: Any) -> None:
    group = [series([0, 1, 2, 3], market_id=f"a:perp:{number}") for number in range(12)]
    plot(*group, axes=axes)
    lines = [line for line in axes.get_lines() if not line.get_label().startswith("_")]
    assert [line.get_label() for line in lines] == [one.market_id for one in group]
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 12


def test_an_index_begins_at_100_and_a_log_axis_has_round_labels() -> None:
    small = series(columns([0, 1, 2], ["2", "3", "1"]), market_id="a:b:c")
    large = series(columns([0, 1, 2], ["2000000", "1000000", "5000000"]))
    index, log = Figure(figsize=(9, 8)).subplots(2)
    plot({"a": small, "b": large}, axes=index, scale="index")
    assert [list(line.get_ydata()) for line in index.get_lines() if line.get_label() in ("a:b:c", MARKET)] == [
        [100, 150, 50],
        [100, 50, 250],
    ]
    assert "first row = 100" in index.get_ylabel()
    plot(small, large, axes=log, scale="log")
    assert log.get_yscale() == "log"
    assert {"1", "100", "1 million"} <= set(shown_labels(log))


@pytest.mark.parametrize(
    ("values", "labels"),
    [(["400", "9000"], {"500", "1 thousand", "5 thousand"}), (["1300000", "1310000"], {"1.3 million"})],
)
def test_a_log_axis_of_few_decades_has_labels_too(values: list[str], labels: set[str], axes: Any) -> None:
    series(columns([0, 1], values)).plot(axes=axes, scale="log")
    assert labels <= set(shown_labels(axes))


@pytest.mark.parametrize("size", [(10, 4.5), (6.4, 4.8)])
def test_every_text_of_a_subplot_lies_within_its_axes_and_above_the_lines(size: tuple[float, float]) -> None:
    """So that captions of neighbours cannot collide, and no legend is cut, whatever lays out the figure."""
    figure = Figure(figsize=size)
    rows = columns([0, 1, 2, 9], ["2", "3", "1", "4"], provisional=[9])
    group = [series(rows, 0, 12, market_id=f"hl:perp:{name}-USDC") for name in "ABC"]
    for axes, shown in zip(figure.subplots(2, 2).flat, [group[:1], group[1:2], group, group[:2]], strict=True):
        plot(*shown, axes=axes)
        FigureCanvasAgg(figure).draw()
        frame, legend = axes.get_window_extent(), axes.get_legend().get_window_extent()
        subtitle, title = axes.yaxis.label.get_window_extent(), axes._left_title.get_window_extent()
        for text in (title, subtitle, legend):
            assert frame.x0 <= text.x0 < text.x1 <= frame.x1 + 1
            assert frame.y0 <= text.y0 < text.y1 <= frame.y1 + 1
        assert title.y0 >= subtitle.y1 - 2
        assert subtitle.y0 >= legend.y1 - 2
        heights = [value for line in axes.get_lines() for value in line.get_ydata() if not isnan(value)]
        assert axes.transData.transform((0, max(heights)))[1] <= legend.y0 + 1


@pytest.mark.parametrize("buckets", [2, 7, 59, 119, 1_000, 2_800, 2_900, 40_000, 90_000, 1_000_000])
@pytest.mark.parametrize("width", [2.5, 6.4])
def test_no_span_makes_the_axis_of_time_warn(buckets: int, width: float) -> None:
    figure = Figure(figsize=(width, 3))
    series([0], 0, buckets).plot(axes=figure.add_subplot())
    FigureCanvasAgg(figure).draw()


def test_a_chart_without_rows_says_so(axes: Any) -> None:
    series([], 0, 10).plot(axes=axes)
    assert [text.get_text() for text in axes.texts] == ["no rows in this span"]


def test_what_cannot_be_drawn_is_refused(axes: Any) -> None:
    with pytest.raises(UsageError, match="at least one series"):
        plot(axes=axes)
    with pytest.raises(UsageError, match="unknown amount 'price'"):
        series([0]).plot(axes=axes, amount="price")
    with pytest.raises(UsageError, match="unknown scale 'symlog'"):
        series([0]).plot(axes=axes, scale="symlog")  # type: ignore[arg-type]
    for scale in ("log", "index"):
        with pytest.raises(
            UsageError, match=f'scale="{scale}" cannot show 0, oi_quote_usd of {MARKET} at 2026-05-01T00:00'
        ):
            plot(series(columns([0, 1], ["0", "1"])), axes=axes, scale=scale)
    with pytest.raises(PrecisionError, match="out of range for a float"):
        series(columns([0], ["9" * 400])).plot(axes=axes)


@pytest.mark.parametrize("suffix", MAGIC)
def test_a_chart_never_replaces_a_file_unless_asked_to(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"chart.{suffix}"
    save_plot([series([0, 1])], path)
    first = path.read_bytes()
    assert first.startswith(MAGIC[suffix])
    with pytest.raises(OutputError, match="exists already"):
        save_plot([series([0])], path)
    assert path.read_bytes() == first
    save_plot([series([0])], path, overwrite=True)
    assert path.read_bytes() != first


def test_a_chart_that_fails_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(PrecisionError):
        save_plot([series(columns([0], ["9" * 400]))], tmp_path / "chart.png")
    with pytest.raises(UsageError, match=r"use the suffix \.png, \.svg, \.pdf"):
        save_plot([series([0])], tmp_path / "chart.gif")
    assert list(tmp_path.iterdir()) == []


def test_a_chart_without_matplotlib_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(OutputError, match=r"allium-market-data\[plot\]"):
        series([0]).plot()
