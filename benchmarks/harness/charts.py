"""Draw docs/charts/*.svg, one a subject, from docs/performance.json. Runs in .venv-bench, which has matplotlib only.

A point is the median, its line goes from the lowest to the highest round. The scale is logarithmic where figures lie
far apart. Colours: Okabe and Ito, which colour-blind people can tell apart (https://jfly.uni-koeln.de/color/).
"""

import json
import statistics
from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt

DOCS = Path(__file__).parents[2] / "docs"
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
LINE: dict[str, Any] = {"fmt": "o", "ecolor": "#333333", "elinewidth": 1.2, "capsize": 3, "markersize": 8}
LOGARITHMIC_FROM = 30.0
"""The ratio of the highest to the lowest figure from which the scale is logarithmic."""
ALIKE = 10
"""From so many measures of the same programs on, a measure is a line instead of a panel."""
STYLE = {
    "svg.hashsalt": "slowmatch",  # the same figures make the same file
    "svg.fonttype": "none",  # text stays text
    "font.family": ["DejaVu Sans", "sans-serif"],
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.grid": True,
    "axes.grid.axis": "x",
    "grid.color": "#dddddd",
    "figure.facecolor": "white",
}


def draw(measures: list[dict[str, Any]], target: Path) -> None:
    """A panel for each measure with a line for each program; or one panel with a line for each measure."""
    together = len(measures) >= ALIKE and len({(*each["series"], each["unit"]) for each in measures}) == 1
    heights = [len(measures)] if together else [len(each["series"]) + 1.2 for each in measures]
    size = (8.0, (0.3 if together else 0.36) * sum(heights) + 1.2)
    canvas, grid = plt.subplots(
        len(heights), 1, figsize=size, height_ratios=heights, squeeze=False, layout="constrained"
    )
    if together:
        by_program = {
            name: {each["title"]: each["series"][name] for each in measures} for name in measures[0]["series"]
        }
        draw_panel(grid[0, 0], by_program, measures[0]["unit"])
        canvas.legend(loc="outside upper left", ncols=4, frameon=False)
    else:
        for axes, each in zip(grid[:, 0], measures, strict=True):
            draw_panel(axes, {name: {name: values} for name, values in each["series"].items()}, each["unit"])
            axes.set_title(f"{each['title']} ({each['better']} is better)", loc="left", size=10, x=0)
    canvas.savefig(target, metadata={"Date": None})
    plt.close(canvas)


def draw_panel(axes: Any, series: dict[str, dict[str, list[float]]], unit: str) -> None:
    """The figures of each program, in its colour, on the lines with their titles."""
    titles = list(dict.fromkeys(title for lines in series.values() for title in lines))
    for (name, lines), colour in zip(series.items(), cycle(COLOURS), strict=False):
        medians = [statistics.median(values) for values in lines.values()]
        below = [median - min(values) for median, values in zip(medians, lines.values(), strict=True)]
        above = [max(values) - median for median, values in zip(medians, lines.values(), strict=True)]
        places = [titles.index(title) for title in lines]
        axes.errorbar(medians, places, xerr=[below, above], color=colour, label=name, **LINE)
    values = [value for lines in series.values() for rounds in lines.values() for value in rounds]
    if min(values) > 0 and max(values) / min(values) > LOGARITHMIC_FROM:
        axes.set_xscale("log")
        unit += ", logarithmic"
    else:
        axes.set_xlim(0, max(values) * 1.1)
    axes.set_xlabel(unit)
    axes.set_yticks(range(len(titles)), titles)
    axes.set_ylim(len(titles) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.12g}")


if __name__ == "__main__":
    subjects = json.loads((DOCS / "performance.json").read_text(encoding="utf-8"))["subjects"]
    with mpl.rc_context(STYLE):
        for subject, measures in subjects.items():
            draw(measures, DOCS / "charts" / f"{subject}.svg")
