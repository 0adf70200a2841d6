"""Applies each mutant to a copy of the project, runs its tests there, and prints which mutants they noticed."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutants.mutant import ROOT, Mutant, read_all

TIMEOUT_SECONDS = 600
"""A mutant that makes its tests hang is noticed, too."""
ALL_PASSED, SOME_FAILED = 0, 1
"""Exit codes of pytest. With any other, no test has judged the mutant."""


def main(words: list[str]) -> int:
    """Return the exit status: 0 if every mutant was noticed, 1 if one was not, 2 if it could not be told."""
    chosen = [
        mutant
        for mutant in read_all()
        if not words or any(word in f"{mutant.rule} {mutant.file}".lower() for word in words)
    ]
    if not chosen:
        print(f"No mutant has {' or '.join(words)} in its rule or file.", file=sys.stderr)
        return 2
    for mutant in chosen:
        if problem := mutant.problem():
            print(f"{mutant.rule}: {problem}", file=sys.stderr)
            return 2
    with tempfile.TemporaryDirectory(prefix="slowmatch-mutants-") as directory:
        copies = [copy_project(Path(directory) / str(number)) for number in range(os.cpu_count() or 1)]
        print("The tests pass without a mutant ...", flush=True)
        tests = sorted({test for mutant in chosen for test in mutant.tests.split()})
        status, output = run_tests(copies[0], tests)
        if status != ALL_PASSED:
            print(output, file=sys.stderr)
            print("The tests have to pass without a mutant first.", file=sys.stderr)
            return 2
        with ThreadPoolExecutor(len(copies)) as pool:
            verdicts = list(pool.map(lambda mutant: judge(mutant, copies), chosen))
    print(f"{verdicts.count('found')} of {len(chosen)} mutants were found.")
    return 0 if set(verdicts) == {"found"} else 1


def copy_project(target: Path) -> Path:
    """Copy the files that Git knows or would add, and the downloaded libraries of the console."""
    listed = subprocess.check_output(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, text=True
    )
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    libraries = "functions/console/static/lib"
    if (ROOT / libraries).is_dir():
        shutil.copytree(ROOT / libraries, target / libraries, dirs_exist_ok=True)
    return target


def judge(mutant: Mutant, copies: list[Path]) -> str:
    copy = copies.pop()
    path = copy / mutant.file
    original = path.read_bytes()
    began = time.monotonic()
    try:
        mutant.apply(copy)
        status, output = run_tests(copy, mutant.tests.split())
    finally:
        path.write_bytes(original)
        copies.append(copy)
    verdict = {ALL_PASSED: "MISSED", SOME_FAILED: "found"}.get(status, "BROKEN")
    print(f"{verdict}  {time.monotonic() - began:4.0f} s  {mutant.rule}", flush=True)
    if verdict == "BROKEN":
        print(output, file=sys.stderr, flush=True)
    return verdict


def run_tests(copy: Path, tests: list[str]) -> tuple[int, str]:
    """Run tests in the copy until one fails. Returns pytest's exit code and the end of what it printed."""
    # The bytecode of a file that changes twice within a second would be taken for current.
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    with subprocess.Popen(
        command,
        cwd=copy,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # with the servers that the tests started
            return SOME_FAILED, "the tests took too long"
    return process.returncode, output[-3_000:]


if __name__ == "__main__":
    sys.exit(main([word.lower() for word in sys.argv[1:]]))
