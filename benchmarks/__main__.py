"""`make bench`: Slowmatch against what its users would pick instead, side by side, in one run.

A subject is a module in benchmarks/measures. In the short form figures are of no worth, and only a broken
guarantee ends it with an error.
"""

import argparse
import importlib
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / folder) for folder in ("layers/common", "functions")]

from benchmarks.harness import Stage, document, record, table  # noqa: E402

SUBJECTS = ("handlers", "imports", "bookkeeping", "enqueueing", "upkeep", "growth", "artifact")


def main() -> int:
    options = _options()
    subjects = {name: _module(name) for name in SUBJECTS if name in (options.subjects or SUBJECTS)}
    taken: list[record.Taken] = []
    with Stage(short=options.short, rounds=options.rounds) as stage:
        machine = record.machine(stage.server_version())
        for name, module in subjects.items():
            stage.progress(f"{name}: what must hold")
            module.guarantees(stage)
            for measure in module.measure(stage):
                stage.progress(f"{name}: {measure.title}: done")
                taken.append(record.Taken(name, measure))
    print(table.text(table.rows(taken)))
    reached, goals = record.reached(taken)
    print(f"\n{reached} of {goals} goals reached; {stage.rounds} rounds, the median (lowest to highest)")
    if options.record:
        document.publish(record.Record(machine, taken))
    return 0


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"benchmarks.measures.{name}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("subjects", nargs="*", metavar="NAME", help=f"of {', '.join(SUBJECTS)}; without: all")
    parser.add_argument("--short", action="store_true", help="tiny sizes: what must hold, not how fast")
    parser.add_argument("--rounds", type=int, help="how many count, after one that warms up")
    parser.add_argument("--record", action="store_true", help="write docs/performance.*, charts and README")
    options = parser.parse_args()
    if unknown := set(options.subjects) - set(SUBJECTS):
        parser.error(f"no such subject: {', '.join(sorted(unknown))}; there are {', '.join(SUBJECTS)}")
    if options.short and options.record:
        parser.error("figures of the short form are of no worth, and are not written down")
    return options


if __name__ == "__main__":
    sys.exit(main())
