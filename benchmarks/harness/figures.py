"""Figures and goals as data: what a subject yields, what the tables, the charts and the JSON are made of."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Better = Literal["less", "more"]
Series = Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Goal:
    """`value` is what `text` speaks of: `ours` compared with `against`, as a ratio unless `unit` says otherwise."""

    text: str
    reached: bool
    value: float
    ours: str = ""
    against: str = ""
    spread: tuple[float, float] | None = None
    unit: str = "x"


@dataclass(frozen=True)
class Measure:
    """One figure of every contestant, a value a round; those named slowmatch and limit are ours and the floor."""

    name: str
    title: str
    unit: str
    better: Better = "less"
    series: Series = field(default_factory=dict)
    goals: Sequence[Goal] = ()
    note: str = ""


@dataclass(frozen=True)
class Figure:
    median: float
    low: float
    high: float


def figure(values: Sequence[float]) -> Figure:
    return Figure(statistics.median(values), min(values), max(values))


def times_better(series: Series, ours: str, peer: str, factor: float, *, better: Better = "less") -> Goal:
    """At least `factor` times as good as the peer."""
    value, spread = _compared(series, ours, peer, better)
    text = f"{factor:g}x {peer}" if factor != 1 else f"ahead of {peer}"
    return Goal(text, value >= factor, value, ours, peer, spread)


def within(series: Series, ours: str, limit: str, factor: float, *, better: Better = "less") -> Goal:
    """Where less is better at most `factor` times the limit; where more is, at least that much of it."""
    value, spread = _compared(series, limit, ours, "less")
    reached = value <= factor if better == "less" else value >= factor
    word = "at most" if better == "less" else "at least"
    return Goal(f"{word} {factor:g}x {limit}", reached, value, ours, limit, spread)


def at_most_above(series: Series, ours: str, limit: str, most: float, unit: str) -> Goal:
    """A figure that may be so much above the limit's, as a difference."""
    value = statistics.median(series[ours]) - statistics.median(series[limit])
    each = [mine - floor for mine, floor in zip(series[ours], series[limit], strict=False)]
    text = f"at most {most:g} {unit} above {limit}"
    return Goal(text, value <= most, value, ours, limit, (min(each), max(each)), f" {unit}")


def at_most(series: Series, ours: str, most: float, unit: str) -> Goal:
    """A figure that has to stay below a fixed one; the highest of the rounds counts."""
    highest = max(series[ours])
    return Goal(f"at most {most:g} {unit}", highest <= most, highest, ours)


def _compared(
    series: Series, first: str, second: str, better: Better
) -> tuple[float, tuple[float, float] | None]:
    """How much better the first is: the median, the lowest and the highest of what each round says.

    What slows the machine down slows both contestants of a round down, and is not in their ratio. Without rounds
    in common it is the medians' ratio.
    """
    if better == "more":
        first, second = second, first
    if len(series[first]) != len(series[second]):
        return statistics.median(series[second]) / statistics.median(series[first]), None
    each = [theirs / ours for ours, theirs in zip(series[first], series[second], strict=True)]
    return statistics.median(each), (min(each), max(each))
