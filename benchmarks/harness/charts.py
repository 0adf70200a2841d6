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
from benchmarks.harness.words import number

FOLDER = FILE.parent / "charts"
OURS, LIMIT, PEERS = "#0072B2", "#009E73", ("#E69F00", "#CC79A7", "#56B4E9", "#D55E00")
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
    heights = [len(measure.series) + 1.2 for measure in measures]
    colours = _colours(measures)
    with mpl.rc_context(STYLE):
        size = (8.0, 0.36 * sum(heights) + 0.4)
        canvas, grid = plt.subplots(
            len(measures), 1, figsize=size, height_ratios=heights, squeeze=False, layout="constrained"
        )
        for axes, measure in zip(grid[:, 0], measures, strict=True):
            _panel(axes, measure, colours)
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
        axes.annotate(text, (found.high, row), (6, 0), textcoords="offset points", va="center")
    axes.set_yticks(range(len(figures)), list(figures))
    axes.set_ylim(len(figures) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.set_title(f"{measure.title} ({measure.better} is better)", loc="left", size=10, weight="bold", x=0)
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    if logarithmic:
        axes.set_xscale("log")
        axes.set_xlim(lowest / 1.5, highest * 3)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_xlabel(f"{measure.unit}, logarithmic")
    else:
        axes.set_xlim(0, highest * 1.22)
        axes.set_xlabel(measure.unit)


def _contestant(axes: Any, row: int, found: Figure, colour: str, logarithmic: bool) -> None:
    spread = [[found.median - found.low], [found.high - found.median]] if found.high > found.low else None
    line = {"ecolor": "#333333", "elinewidth": 1.2, "capsize": 3}
    if logarithmic:
        axes.errorbar(found.median, row, xerr=spread, fmt="o", color=colour, markersize=9, **line)
    else:
        axes.barh(row, found.median, xerr=spread, color=colour, height=0.62, error_kw=line)


if __name__ == "__main__":
    sys.exit(main())
