"""docs/charts/*.svg, one a subject, drawn from docs/performance.json with .venv-bench's matplotlib.

Bars from zero where the figures are near each other, points on a logarithmic scale where they are not; a
line goes from the lowest to the highest round. The colours are Okabe and Ito's, which the colour-blind tell
apart (https://jfly.uni-koeln.de/color/).
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt

from benchmarks.harness.figures import Figure, Measure, figure
from benchmarks.harness.record import FILE, Taken, load
from benchmarks.harness.table import MANY
from benchmarks.harness.words import number

FOLDER = FILE.parent / "charts"
OURS, LIMIT, PEERS = "#0072B2", "#009E73", ("#E69F00", "#CC79A7", "#56B4E9", "#D55E00")
LINE: dict[str, Any] = {"ecolor": "#333333", "elinewidth": 1.2, "capsize": 3}
SPANS_DECADES = 30.0
STYLE = {
    "svg.hashsalt": "slowmatch",  # the same figures make the same file
    "svg.fonttype": "none",  # text stays text
    "font.family": ["DejaVu Sans", "sans-serif"],
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "figure.facecolor": "white",
}


def main(folder: Path = FOLDER, kind: str = "svg") -> int:
    whole = load()
    folder.mkdir(exist_ok=True)
    for subject in dict.fromkeys(each.subject for each in whole.taken):
        draw([each for each in whole.taken if each.subject == subject], folder / f"{subject}.{kind}")
    return 0


def draw(taken: Sequence[Taken], target: Path) -> None:
    """One panel a measure, below each other; every contestant keeps its colour in all of them."""
    measures = [each.measure for each in taken]
    colours = _colours(measures)
    if len(measures) >= MANY and len({(*each.series, each.unit) for each in measures}) == 1:
        _draw_together(measures, colours, target)
        return
    heights = [len(measure.series) + 1.2 for measure in measures]
    with mpl.rc_context(STYLE):
        size = (8.0, 0.36 * sum(heights) + 0.4)
        canvas, grid = plt.subplots(
            len(measures), 1, figsize=size, height_ratios=heights, squeeze=False, layout="constrained"
        )
        for axes, measure in zip(grid[:, 0], measures, strict=True):
            _panel(axes, measure, colours)
        _save(canvas, target)


def _draw_together(measures: Sequence[Measure], colours: dict[str, str], target: Path) -> None:
    """Many measures of the same contestants: a line each, a point for every contestant."""
    with mpl.rc_context(STYLE):
        canvas, axes = plt.subplots(figsize=(8.0, 0.3 * len(measures) + 1.2), layout="constrained")
        for place, name in enumerate(measures[0].series):
            _points(axes, [figure(each.series[name]) for each in measures], place, name, colours[name])
        axes.set_yticks(range(len(measures)), [each.title for each in measures])
        axes.set_ylim(len(measures) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.grid(color="#dddddd", linewidth=0.6)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(_plainly)
        axes.set_xlabel(f"{measures[0].unit}, logarithmic; {measures[0].better} is better")
        canvas.legend(loc="outside upper left", ncols=4, frameon=False)
        _save(canvas, target)


def _points(axes: Any, figures: Sequence[Figure], place: int, name: str, colour: str) -> None:
    rows = [row + 0.24 * place - 0.12 for row in range(len(figures))]
    below = [each.median - each.low for each in figures]
    above = [each.high - each.median for each in figures]
    medians = [each.median for each in figures]
    axes.errorbar(medians, rows, xerr=[below, above], fmt="o", color=colour, label=name, **LINE)


def _plainly(value: float, _: object) -> str:
    return f"{value:,.12g}"


def _save(canvas: Any, target: Path) -> None:
    canvas.savefig(target, metadata={"Date": None} if target.suffix == ".svg" else None, dpi=110)
    plt.close(canvas)


def _colours(measures: Sequence[Measure]) -> dict[str, str]:
    names = dict.fromkeys(name for measure in measures for name in measure.series)
    others = [name for name in names if name not in ("slowmatch", "limit")]
    chosen = {name: PEERS[index % len(PEERS)] for index, name in enumerate(others)}
    return {"slowmatch": OURS, "limit": LIMIT, **chosen}


def _panel(axes: Any, measure: Measure, colours: dict[str, str]) -> None:
    figures = {name: figure(values) for name, values in measure.series.items()}
    lowest, highest = min(each.low for each in figures.values()), max(each.high for each in figures.values())
    logarithmic = lowest > 0 and highest / lowest > SPANS_DECADES
    for row, (name, found) in enumerate(figures.items()):
        _contestant(axes, row, found, colours[name], logarithmic)
        text = f"{number(found.median)} {measure.unit}"
        axes.annotate(text, (found.high, row), (9, 0), textcoords="offset points", va="center")
    axes.set_yticks(range(len(figures)), list(figures))
    axes.set_ylim(len(figures) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.set_title(f"{measure.title} ({measure.better} is better)", loc="left", size=10, weight="bold", x=0)
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    if logarithmic:
        axes.set_xscale("log")
        axes.set_xlim(lowest / 1.5, highest * 3)
        axes.set_xlabel(f"{measure.unit}, logarithmic")
    else:
        axes.set_xlim(0, highest * 1.28)
        axes.set_xlabel(measure.unit)
    axes.xaxis.set_major_formatter(_plainly)


def _contestant(axes: Any, row: int, found: Figure, colour: str, logarithmic: bool) -> None:
    spread = [[found.median - found.low], [found.high - found.median]] if found.high > found.low else None
    if logarithmic:
        axes.errorbar(found.median, row, xerr=spread, fmt="o", color=colour, markersize=9, **LINE)
    else:
        axes.barh(row, found.median, xerr=spread, color=colour, height=0.62, error_kw=LINE)


if __name__ == "__main__":
    sys.exit(main())
