"""Measurements, their goals, and docs/performance.json."""

import json
import os
import platform
import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter

from local import ROOT

FILE = ROOT / "docs" / "performance.json"
OURS = "Slowmatch"

Better = Literal["less", "more"]
Series = Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Goal:
    """`value` is Slowmatch compared with `against`: a ratio, or a difference in `unit`."""

    text: str
    reached: bool
    value: float
    against: str = ""
    spread: tuple[float, float] | None = None
    unit: str = "x"


@dataclass(frozen=True)
class Measure:
    """The figures of one question, by program: a value for each round."""

    name: str
    title: str
    unit: str
    better: Better = "less"
    series: Series = field(default_factory=dict)
    goals: Sequence[Goal] = ()
    note: str = ""


@dataclass(frozen=True)
class Results:
    machine: Mapping[str, Any]
    subjects: Mapping[str, Sequence[Measure]]

    def merged(self, before: "Results") -> "Results":
        """Add the other subjects of an earlier run on the same machine."""
        same = dict(before.machine) == dict(self.machine)
        return Results(self.machine, {**before.subjects, **self.subjects}) if same else self

    def goals(self) -> list[Goal]:
        return [goal for measures in self.subjects.values() for each in measures for goal in each.goals]


def times_better(series: Series, peer: str, factor: float, *, better: Better = "less") -> Goal:
    """At least `factor` times as good as the peer."""
    value, spread = _ratio(series, peer, OURS) if better == "less" else _ratio(series, OURS, peer)
    text = f"{factor:g}x {peer}" if factor != 1 else f"ahead of {peer}"
    return Goal(text, value >= factor, value, peer, spread)


def within(series: Series, floor: str, factor: float, *, better: Better = "less") -> Goal:
    """At most `factor` times the floor; at least that part of it where more is better."""
    value, spread = _ratio(series, OURS, floor)
    reached = value <= factor if better == "less" else value >= factor
    word = "at most" if better == "less" else "at least"
    return Goal(f"{word} {factor:g}x {floor}", reached, value, floor, spread)


def at_most_above(series: Series, floor: str, most: float, unit: str) -> Goal:
    """At most so much above the floor, by the medians."""
    value = statistics.median(series[OURS]) - statistics.median(series[floor])
    each = [ours - theirs for ours, theirs in zip(series[OURS], series[floor], strict=False)]
    text = f"at most {most:g} {unit} above {floor}"
    return Goal(text, value <= most, value, floor, (min(each), max(each)), f" {unit}")


def at_most(series: Series, most: float, unit: str) -> Goal:
    """Every round stays below a fixed value."""
    highest = max(series[OURS])
    return Goal(f"at most {most:g} {unit}", highest <= most, highest)


def _ratio(series: Series, above: str, below: str) -> tuple[float, tuple[float, float] | None]:
    """The median, lowest and highest ratio of a round: whatever slows the machine slows both sides of it.

    Without rounds in common it is the ratio of the medians.
    """
    if len(series[above]) != len(series[below]):
        return statistics.median(series[above]) / statistics.median(series[below]), None
    each = [one / other for one, other in zip(series[above], series[below], strict=True)]
    return statistics.median(each), (min(each), max(each))


def in_turns(rounds: int, programs: Mapping[str, Callable[[], float]]) -> dict[str, list[float]]:
    """Take rounds in turn, A B C A B C, and drop the first one, which warms up."""
    series: dict[str, list[float]] = {name: [] for name in programs}
    for number in range(rounds + 1):
        for name, play in programs.items():
            value = play()
            if number > 0:
                series[name].append(value)
    return series


def load(file: Path = FILE) -> Results:
    return TypeAdapter(Results).validate_json(file.read_text(encoding="utf-8"))


def save(results: Results, file: Path = FILE) -> None:
    text = json.dumps(_rounded(asdict(results)), indent=1)
    text = re.sub(r"\[[^][{}\"]*\]", lambda numbers: " ".join(numbers[0].split()), text)  # one line a series
    file.write_text(text + "\n", encoding="utf-8")


def _rounded(value: Any) -> Any:
    """Floats with six digits, more than any of them is worth."""
    if isinstance(value, Mapping):
        return {name: _rounded(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def machine(postgresql: str) -> dict[str, Any]:
    """What a reader needs to compare figures: no name, no address."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cores": os.cpu_count(),
        "memory_gb": round(memory),
        "processor": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "postgresql": postgresql.split()[0],
        "versions": locked_versions(),
    }


def locked_versions() -> dict[str, str]:
    """Versions of the layer's and the peers' direct requirements, by their locks."""
    found: dict[str, str] = {}
    for wanted in [
        ROOT / "layers" / "common" / "requirements.in",
        *sorted(ROOT.glob("benchmarks/peers/*/requirements.in")),
    ]:
        names = re.findall(r"^[\w-]+", wanted.read_text(encoding="utf-8"), re.MULTILINE)
        lock = wanted.with_suffix(".txt").read_text(encoding="utf-8")
        versions = dict(re.findall(r"^([\w-]+)==([^\s;]+)", lock, re.MULTILINE))
        found |= {name: versions[name] for name in names}
    return found
