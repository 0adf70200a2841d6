"""`make bench`: Slowmatch against what its users would pick instead, side by side, in one run.

A subject is a module in benchmarks/measures. In the short form figures are of no worth, and only a broken
guarantee ends it with an error.
"""

import argparse
import importlib
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / folder) for folder in ("layers/common", "functions")]

from benchmarks.harness import Stage, document, record, table  # noqa: E402
from benchmarks.harness.record import Taken  # noqa: E402
from local.errors import StackError  # noqa: E402

SUBJECTS = ("handlers", "imports", "bookkeeping", "enqueueing", "upkeep", "growth", "artifact")


def main() -> int:
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # as Ctrl-C: nothing is left behind
    subjects = [name for name in SUBJECTS if name in (options.subjects or SUBJECTS)]
    try:
        with Stage(short=options.short, rounds=options.rounds) as stage:
            machine = record.machine(stage.server_version())
            taken, broken = _take(stage, subjects)
    except StackError as error:
        print(f"make bench: {error}", file=sys.stderr)
        return 1
    _show(taken, stage)
    if options.record and taken:
        document.publish(record.Record(machine, taken))
    if broken:
        print(f"FAILED: {', '.join(broken)}", file=sys.stderr)
    return 1 if broken else 0


def _take(stage: Stage, subjects: Sequence[str]) -> tuple[list[Taken], list[str]]:
    """What was measured, and the subjects that broke: the others are worth having all the same."""
    taken: list[Taken] = []
    broken: list[str] = []
    for name in subjects:
        try:
            module = importlib.import_module(f"benchmarks.measures.{name}")
            stage.progress(f"{name}: what must hold at any speed")
            module.guarantees(stage)
            for measure in module.measure(stage):
                stage.progress(f"{name}: {measure.title}: done")
                taken.append(Taken(name, measure))
        except Exception:  # noqa: BLE001  (told at once, and again at the end)
            traceback.print_exc()
            broken.append(name)
    return taken, broken


def _show(taken: Sequence[Taken], stage: Stage) -> None:
    if stage.short:
        figures = [row[:4] for row in table.rows(taken)]
        print("\n" + table.text(figures, table.HEAD[:4]))
        print("\nThe short form: what must hold was looked at; the figures above are of no worth.")
        return
    reached, goals = record.reached(taken)
    print("\n" + table.text(table.rows(taken)))
    print(f"\n{reached} of {goals} goals reached; medians of the rounds (lowest to highest).")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("subjects", nargs="*", metavar="NAME", help=f"of {', '.join(SUBJECTS)}; without: all")
    parser.add_argument("--short", action="store_true", help="tiny sizes: what must hold, not how fast")
    parser.add_argument("--rounds", type=int, help="how many count, after one that warms up")
    parser.add_argument("--record", action="store_true", help="write docs/performance.*, docs/charts, README")
    options = parser.parse_args()
    if unknown := set(options.subjects) - set(SUBJECTS):
        parser.error(f"no such subject: {', '.join(sorted(unknown))}; there are {', '.join(SUBJECTS)}")
    if options.short and options.record:
        parser.error("figures of the short form are of no worth, and are not written down")
    return options


if __name__ == "__main__":
    sys.exit(main())
