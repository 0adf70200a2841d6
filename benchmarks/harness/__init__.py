"""What every measurement shares: a stage with PostgreSQL, contestants on it, turns, and figures with goals."""

from benchmarks.harness.contestant import Contestant, ContestantError
from benchmarks.harness.database import Database
from benchmarks.harness.figures import Goal, Measure, at_most, at_most_above, times_better, within
from benchmarks.harness.stage import Stage
from benchmarks.harness.turns import in_turns

__all__ = [
    "Contestant",
    "ContestantError",
    "Database",
    "Goal",
    "Measure",
    "Stage",
    "at_most",
    "at_most_above",
    "in_turns",
    "times_better",
    "within",
]
