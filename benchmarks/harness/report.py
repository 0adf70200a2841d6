"""The tables in docs/performance.md and README.md, from docs/performance.json."""

import statistics
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from benchmarks.harness import results
from benchmarks.harness.results import OURS, Goal, Measure, Results
from local import ROOT

DOCUMENT = ROOT / "docs" / "performance.md"
README = ROOT / "README.md"
CHARTS_PYTHON = ROOT / ".venv-bench" / "bin" / "python"
HEAD = ("measure", "Slowmatch", "against", "its figure", "compared", "goal", "reached")
ALIKE = 10
"""From so many measures on, the short table shows only the worst of a subject."""
README_MEASURES = ("handler_get", "imports_api", "bookkeeping", "enqueueing", "expire-transaction")
"""The measures in the README, each with its first goal, reached or not."""
Row = tuple[str, ...]


def publish(taken: Results) -> None:
    """Write the JSON, the tables and the charts; other subjects stay as they were."""
    results.save(taken.merged(results.load()) if results.FILE.exists() else taken)
    whole = results.load()
    for file in (DOCUMENT, README):
        file.write_text(with_tables(file.read_text(encoding="utf-8"), whole), encoding="utf-8")
    subprocess.run([CHARTS_PYTHON, "-m", "benchmarks.harness.charts"], cwd=ROOT, check=True)
    print("written to docs/performance.json, docs/performance.md, README.md and docs/charts")


def with_tables(text: str, whole: Results) -> str:
    """Replace what is between the markers: `bench` is the short table, `bench handlers` a subject with spreads."""
    tables = {
        "bench": markdown(short_rows(whole.subjects)),
        "bench readme": markdown(readme_rows(whole.subjects)),
        "bench machine": machine(whole.machine),
    }
    for subject, measures in whole.subjects.items():
        chart = f"![The same as a chart](charts/{subject}.svg)"
        parts = [markdown(rows(measures)), notes(measures), chart]
        tables[f"bench {subject}"] = "\n\n".join(part for part in parts if part)
    for name, content in tables.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        if begin in text:
            before, _, rest = text.partition(begin)
            text = f"{before}{begin}{content}\n{end}{rest.partition(end)[2]}"
    return text


def rows(measures: Iterable[Measure], *, spread: bool = True) -> list[Row]:
    """A row for each goal, and one for each program without a goal."""
    return [row for each in measures for row in _rows(each, spread)]


def short_rows(subjects: Mapping[str, Sequence[Measure]]) -> list[Row]:
    """Goals without spreads; the worst measure stands for many alike."""
    measures = [each for all_of in subjects.values() for each in _worst([one for one in all_of if one.goals])]
    return [row for row in rows(measures, spread=False) if row[-1]]


def readme_rows(subjects: Mapping[str, Sequence[Measure]]) -> list[Row]:
    measures = [each for all_of in subjects.values() for each in all_of if each.name in README_MEASURES]
    return [rows([replace(each, goals=each.goals[:1])], spread=False)[0] for each in measures]


def _worst(measures: Sequence[Measure]) -> Sequence[Measure]:
    if len(measures) < ALIKE or any(len(each.goals) != 1 for each in measures):
        return measures
    worst = max(measures, key=lambda each: (not each.goals[0].reached, each.goals[0].value))
    return [replace(worst, title=f"the worst of {len(measures)}: {worst.title}")]


def _rows(measure: Measure, spread: bool) -> Iterator[Row]:
    compared = {goal.against for goal in measure.goals}
    others = [name for name in measure.series if name not in {OURS, *compared}]
    goals: list[Goal | None] = [*measure.goals, *(None for _ in others)]
    names = [*(goal.against for goal in measure.goals), *others]
    if not names:
        goals, names = [None], [""]
    title = measure.title
    for goal, name in zip(goals, names, strict=True):
        figures = _figure(measure, OURS, spread), name, _figure(measure, name, spread)
        yield (title, *figures, *(_goal(goal, spread) if goal else ("", "", "")))
        title = ""


def _figure(measure: Measure, name: str, spread: bool) -> str:
    if name not in measure.series:
        return ""
    values = measure.series[name]
    return f"{number(statistics.median(values))} {measure.unit}{_spread(min(values), max(values), spread)}"


def _goal(goal: Goal, spread: bool) -> Row:
    low, high = goal.spread or (0, 0)
    compared = number(goal.value) + goal.unit + _spread(low, high, spread) if goal.against else ""
    return compared, goal.text, "yes" if goal.reached else "**no**"


def _spread(low: float, high: float, shown: bool) -> str:
    return f" ({number(low)} to {number(high)})" if shown and low != high else ""


def notes(measures: Iterable[Measure]) -> str:
    """Each note once, with the measures that it is about."""
    about: dict[str, list[str]] = {}
    for each in measures:
        if each.note:
            about.setdefault(each.note, []).append(each.title)
    return "\n".join(f"- {'; '.join(titles)}: {note}" for note, titles in about.items())


def markdown(lines: Sequence[Row], head: Row = HEAD) -> str:
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, tuple("---" for _ in head), *lines))


def machine(about: Mapping[str, object]) -> str:
    versions = about["versions"]
    assert isinstance(versions, Mapping)
    return (
        f"{about['cores']} cores ({about['processor']}), {about['memory_gb']} GB of memory,"
        f" {about['system']}, Python {about['python']}, PostgreSQL {about['postgresql']};\n"
        + ", ".join(f"{name} {version}" for name, version in versions.items())
        + "."
    )


def number(value: float) -> str:
    """Three significant digits: `0.012`, `1.23`, `12.3`, `1,230`."""
    if value != 0 and abs(value) < 0.1:
        return f"{value:.2g}"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
