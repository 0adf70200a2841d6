"""`make bench`: measure Slowmatch beside what its users would choose instead, in one run.

A subject is a module in benchmarks/measures. The short form checks guarantees only; its figures mean nothing.
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

from benchmarks.harness import report, results  # noqa: E402
from benchmarks.harness.bench import Bench  # noqa: E402
from local.errors import StackError  # noqa: E402

SUBJECTS = ("handlers", "imports", "bookkeeping", "enqueueing", "expiry", "growth", "artifact")


def main() -> int:
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # clean up as after Ctrl-C
    subjects = [name for name in SUBJECTS if name in (options.subjects or SUBJECTS)]
    try:
        with Bench(short=options.short, rounds=options.rounds) as bench:
            machine = results.machine(bench.server_version())
            taken, failed = _measure(bench, subjects)
    except StackError as error:
        print(f"make bench: {error}", file=sys.stderr)
        return 1
    whole = results.Results(machine, taken)
    print("\n" + report.markdown(report.rows(each for measures in taken.values() for each in measures)))
    if options.short:
        print("\nThe short form checks guarantees. Its figures mean nothing.")
    else:
        reached = sum(goal.reached for goal in whole.goals())
        print(
            f"\n{reached} of {len(whole.goals())} goals reached. Figures are medians (lowest to highest round)."
        )
    if options.record and taken:
        report.publish(whole)
    if failed:
        print(f"FAILED: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _measure(bench: Bench, subjects: Sequence[str]) -> tuple[dict[str, list[results.Measure]], list[str]]:
    """The measures of each subject, and the subjects that failed. A failure does not stop the others."""
    taken: dict[str, list[results.Measure]] = {}
    failed: list[str] = []
    for name in subjects:
        try:
            module = importlib.import_module(f"benchmarks.measures.{name}")
            bench.progress(f"{name}: guarantees")
            module.guarantees(bench)
            taken[name] = []
            for measure in module.measure(bench):
                bench.progress(f"{name}: {measure.title}: done")
                taken[name].append(measure)
        except Exception:  # noqa: BLE001  (printed here, and named at the end)
            traceback.print_exc()
            failed.append(name)
    return taken, failed


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "subjects", nargs="*", metavar="NAME", help=f"any of {', '.join(SUBJECTS)}; default: all"
    )
    parser.add_argument("--short", action="store_true", help="tiny sizes: check guarantees, not speed")
    parser.add_argument("--rounds", type=int, help="rounds that count, after one that warms up")
    parser.add_argument("--record", action="store_true", help="write docs/performance.*, docs/charts, README")
    options = parser.parse_args()
    if unknown := set(options.subjects) - set(SUBJECTS):
        parser.error(f"no such subject: {', '.join(sorted(unknown))}; there are {', '.join(SUBJECTS)}")
    if options.short and options.record:
        parser.error("figures of the short form mean nothing, so they are not recorded")
    return options


if __name__ == "__main__":
    sys.exit(main())
