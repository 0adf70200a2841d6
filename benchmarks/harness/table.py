"""Rows of figures, as text for the terminal and as Markdown for the documents."""

from collections.abc import Iterable, Iterator, Sequence

from benchmarks.harness.figures import Goal, Measure, figure
from benchmarks.harness.record import Taken
from benchmarks.harness.words import number

HEAD = ("measure", "Slowmatch", "against", "its figure", "ratio", "goal", "reached")
OURS = "slowmatch"
Row = tuple[str, ...]


def rows(taken: Iterable[Taken], *, spread: bool = True) -> list[Row]:
    """A row for each goal; a measure without one has a row that only tells."""
    return [row for each in taken for row in _rows(each.measure, spread)]


def _rows(measure: Measure, spread: bool) -> Iterator[Row]:
    title = measure.title
    for goal in measure.goals:
        yield (
            title,
            _figure(measure, goal.ours or OURS, spread),
            goal.against,
            _figure(measure, goal.against, spread),
            _ratio(goal, spread),
            goal.text,
            "yes" if goal.reached else "**no**",
        )
        title = ""
    if not measure.goals:
        for name in measure.series:
            if name != OURS or len(measure.series) == 1:
                yield (
                    title,
                    _figure(measure, OURS, spread),
                    name,
                    _figure(measure, name, spread),
                    "",
                    "",
                    "",
                )
                title = ""


def _figure(measure: Measure, name: str, spread: bool) -> str:
    if name not in measure.series:
        return ""
    found = figure(measure.series[name])
    text = f"{number(found.median)} {measure.unit}"
    if not spread or found.low == found.high:
        return text
    return f"{text} ({number(found.low)} to {number(found.high)})"


def _ratio(goal: Goal, spread: bool) -> str:
    if not goal.against:
        return ""
    text = f"{number(goal.value)}x"
    if not spread or goal.spread is None or goal.spread[0] == goal.spread[1]:
        return text
    return f"{text} ({number(goal.spread[0])} to {number(goal.spread[1])})"


def markdown(lines: Sequence[Row], head: Row = HEAD) -> str:
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, tuple("---" for _ in head), *lines))


def text(lines: Sequence[Row], head: Row = HEAD) -> str:
    """Aligned columns, with a line between measures."""
    cells = [[cell.replace("**", "") for cell in row] for row in (head, *lines)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in cells
    )
