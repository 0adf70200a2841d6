"""Rows of figures, as text for the terminal and as Markdown for the documents."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from benchmarks.harness.figures import Goal, Measure, figure
from benchmarks.harness.record import Taken
from benchmarks.harness.words import number

HEAD = ("measure", "Slowmatch", "against", "its figure", "compared", "goal", "reached")
OURS = "slowmatch"
MANY = 10
Row = tuple[str, ...]


def rows(taken: Iterable[Taken], *, spread: bool = True) -> list[Row]:
    """A row for each goal, and one that only tells for each contestant that no goal speaks of."""
    return [row for each in taken for row in _rows(each.measure, spread)]


def in_short(taken: Sequence[Taken]) -> list[Row]:
    """Goals alone, without spreads; of many alike the worst stands for all."""
    with_goals = [each for each in taken if each.measure.goals]
    found: list[Row] = []
    for subject in dict.fromkeys(each.subject for each in with_goals):
        mine = [each.measure for each in with_goals if each.subject == subject]
        found += [row for measure in _worst(mine) for row in _rows(measure, spread=False) if row[-1]]
    return found


def _worst(measures: Sequence[Measure]) -> Sequence[Measure]:
    if len(measures) < MANY or any(len(each.goals) != 1 for each in measures):
        return measures
    worst = max(measures, key=lambda each: (not each.goals[0].reached, each.goals[0].value))
    return [replace(worst, title=f"the worst of {len(measures)}: {worst.title}")]


def _rows(measure: Measure, spread: bool) -> Iterator[Row]:
    title = measure.title
    for goal in measure.goals:
        yield _row(measure, spread, title, goal.ours or OURS, goal.against, goal)
        title = ""
    shown = {name for goal in measure.goals for name in (goal.ours or OURS, goal.against)}
    others = [name for name in measure.series if name not in {OURS, *shown}]
    for name in others if shown or others else [""]:
        yield _row(measure, spread, title, OURS, name)
        title = ""


def _row(
    measure: Measure, spread: bool, title: str, ours: str, against: str, goal: Goal | None = None
) -> Row:
    figures = _figure(measure, ours, spread), against, _figure(measure, against, spread)
    if goal is None:
        return (title, *figures, "", "", "")
    return (title, *figures, _compared(goal, spread), goal.text, "yes" if goal.reached else "**no**")


def _figure(measure: Measure, name: str, spread: bool) -> str:
    if name not in measure.series:
        return ""
    found = figure(measure.series[name])
    text = f"{number(found.median)} {measure.unit}"
    if not spread or found.low == found.high:
        return text
    return f"{text} ({number(found.low)} to {number(found.high)})"


def _compared(goal: Goal, spread: bool) -> str:
    if not goal.against:
        return ""
    text = number(goal.value) + goal.unit
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
