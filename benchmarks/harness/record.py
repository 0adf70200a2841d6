"""docs/performance.json: every round of every figure, and what they were taken on."""

import importlib.metadata
import json
import os
import platform
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness.figures import Goal, Measure, figure
from local import ROOT

FILE = ROOT / "docs" / "performance.json"
_OURS = ("pg8000", "aws-lambda-powertools", "pydantic")


@dataclass(frozen=True)
class Taken:
    """A measure with the subject that it belongs to."""

    subject: str
    measure: Measure


@dataclass(frozen=True)
class Record:
    machine: Mapping[str, Any]
    taken: Sequence[Taken]

    def merged(self, before: "Record") -> "Record":
        """With the subjects of `before` that are not taken anew, unless another machine took them."""
        if dict(before.machine) != dict(self.machine):
            return self
        subjects = {each.subject for each in self.taken}
        return Record(
            self.machine, [*(each for each in before.taken if each.subject not in subjects), *self.taken]
        )


def machine(postgresql: str) -> dict[str, Any]:
    """What a reader has to know to compare figures: no name, no address."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cores": os.cpu_count(),
        "memory_gb": round(memory),
        "processor": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "postgresql": postgresql.split()[0],
        "versions": {name: importlib.metadata.version(name) for name in _OURS} | _peers(),
    }


def _peers() -> dict[str, str]:
    """The versions of what each peer's requirements.in asks for, as far as it is installed."""
    found: dict[str, str] = {}
    for wishes in sorted(ROOT.glob("benchmarks/peers/*/requirements.in")):
        python = ROOT / ".venv-peers" / wishes.parent.name / "bin" / "python"
        if python.exists():
            names = re.findall(r"^[\w-]+", wishes.read_text(encoding="utf-8"), re.MULTILINE)
            found |= _versions(python, names)
    return dict(sorted(found.items()))


def _versions(python: Path, names: Sequence[str]) -> dict[str, str]:
    script = "import sys, json, importlib.metadata as m; print(json.dumps({n: m.version(n) for n in sys.argv[1:]}))"
    result = subprocess.run([python, "-c", script, *names], check=True, capture_output=True, text=True)
    versions: dict[str, str] = json.loads(result.stdout)
    return versions


def load(file: Path = FILE) -> Record:
    content = json.loads(file.read_text(encoding="utf-8"))
    return Record(content["machine"], [_taken(each) for each in content["measures"]])


def save(record: Record, file: Path = FILE) -> None:
    content = {"machine": dict(record.machine), "measures": [_as_json(each) for each in record.taken]}
    text = re.sub(r"\[[-+\d.e,\s]+\]", _in_one_line, json.dumps(content, indent=1))
    file.write_text(text + "\n", encoding="utf-8")


def _in_one_line(numbers: re.Match[str]) -> str:
    return " ".join(numbers[0].split()).replace("[ ", "[").replace(" ]", "]")


def _as_json(taken: Taken) -> dict[str, Any]:
    measure = taken.measure
    return {
        "subject": taken.subject,
        "name": measure.name,
        "title": measure.title,
        "unit": measure.unit,
        "better": measure.better,
        "contestants": {
            name: asdict(figure(rounds)) | {"rounds": rounds}
            for name, values in measure.series.items()
            if (rounds := [_rounded(value) for value in values])
        },
        "goals": [_goal_as_json(goal) for goal in measure.goals],
        "note": measure.note,
    }


def _goal_as_json(goal: Goal) -> dict[str, Any]:
    spread = [_rounded(value) for value in goal.spread] if goal.spread else None
    return asdict(goal) | {"value": _rounded(goal.value), "spread": spread}


def _rounded(value: float) -> float:
    """Six digits: more than any of these figures is worth."""
    return float(f"{value:.6g}")


def _taken(content: Mapping[str, Any]) -> Taken:
    return Taken(
        content["subject"],
        Measure(
            name=content["name"],
            title=content["title"],
            unit=content["unit"],
            better=content["better"],
            series={name: each["rounds"] for name, each in content["contestants"].items()},
            goals=[_goal(each) for each in content["goals"]],
            note=content["note"],
        ),
    )


def _goal(content: Mapping[str, Any]) -> Goal:
    spread = content["spread"]
    return Goal(**{**content, "spread": tuple(spread) if spread else None})


def reached(taken: Iterable[Taken]) -> tuple[int, int]:
    """How many goals were reached, and how many there are."""
    goals = [goal for each in taken for goal in each.measure.goals]
    return sum(goal.reached for goal in goals), len(goals)
