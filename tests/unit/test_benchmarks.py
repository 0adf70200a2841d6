"""The benchmarks' programs, goals and tables, and the figures that the documents quote."""

import importlib
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.__main__ import SUBJECTS
from benchmarks.harness import report, results
from benchmarks.harness.program import Program, ProgramError
from benchmarks.harness.results import Goal, Measure, Results, at_most, at_most_above, times_better, within
from local import ROOT

PEERS = sorted(folder.parent.name for folder in ROOT.glob("benchmarks/peers/*/requirements.in"))
PROGRAM = """
import os, sys
from benchmarks.peers.protocol import seconds, serve

def add(one, two):
    print("a log line of the program")
    return {"sum": one + two}

def fail():
    raise ValueError("no such record")

def die():
    print("out of memory", file=sys.stderr, flush=True)
    os._exit(3)

serve({"add": add, "fail": fail, "die": die, "work": lambda times: seconds(int, times), "rest": lambda: None})
"""
SERIES = {"Slowmatch": [1.0, 1.25, 1.5], "peer": [4.0, 5.0, 6.0]}
MEASURE = Measure("get", "a title", "ms", series=SERIES, goals=[times_better(SERIES, "peer", 4)])


@pytest.fixture
def program() -> Iterator[Program]:
    with Program("the peer", [sys.executable, "-c", PROGRAM], {}) as started:
        yield started


def test_rounds_are_taken_in_turn_without_the_first() -> None:
    played: list[str] = []

    def play(name: str) -> float:
        played.append(name)
        return float(len(played))

    series = results.in_turns(2, {"a": lambda: play("a"), "b": lambda: play("b")})
    assert played == ["a", "b", "a", "b", "a", "b"]
    assert series == {"a": [3.0, 5.0], "b": [4.0, 6.0]}


def test_ratio_is_the_median_of_each_rounds_ratio() -> None:
    series = {"Slowmatch": [1.0, 3.0, 3.0], "peer": [4.0, 12.0, 4.0]}
    goal = times_better(series, "peer", 4)
    assert (goal.value, goal.reached) == (4.0, True)
    assert goal.spread is not None
    assert goal.spread == pytest.approx((4 / 3, 4.0))
    assert not times_better(series, "peer", 4.1).reached


def test_ratio_is_inverted_where_more_is_better() -> None:
    goal = times_better({"Slowmatch": [400.0, 500.0], "peer": [100.0, 100.0]}, "peer", 4, better="more")
    assert (goal.value, goal.spread, goal.reached) == (4.5, (4.0, 5.0), True)
    assert not times_better({"Slowmatch": [1.0], "peer": [4.0]}, "peer", 4, better="more").reached


@pytest.mark.parametrize(
    ("goal", "reached"),
    [
        (within({"Slowmatch": [1.5], "floor": [1.0]}, "floor", 1.5), True),
        (within({"Slowmatch": [1.5], "floor": [1.0]}, "floor", 1.4), False),
        (within({"Slowmatch": [60.0], "floor": [100.0]}, "floor", 0.6, better="more"), True),
        (within({"Slowmatch": [60.0], "floor": [100.0]}, "floor", 0.7, better="more"), False),
        (at_most_above({"Slowmatch": [90.0, 100.0], "floor": [10.0, 20.0]}, "floor", 80, "ms"), True),
        (at_most_above({"Slowmatch": [91.0], "floor": [10.0]}, "floor", 80, "ms"), False),
        (at_most({"Slowmatch": [0.1, 0.9]}, 1, "s"), True),
        (at_most({"Slowmatch": [0.1, 0.2, 1.1]}, 1, "s"), False),
    ],
)
def test_goal_is_reached_up_to_its_bound(goal: Goal, reached: bool) -> None:
    assert goal.reached is reached


def test_different_numbers_of_rounds_have_no_spread() -> None:
    assert times_better({"Slowmatch": [1.0], "peer": [2.0, 4.0]}, "peer", 2).spread is None


def test_program_answers_in_json_whatever_else_it_prints(program: Program) -> None:
    assert program.ask(do="add", one=1, two=2) == {"sum": 3}
    assert program.ask(do="work", times=10)["seconds"] > 0
    assert program.ask(do="rest") == {}


def test_program_reports_an_error_and_goes_on(program: Program) -> None:
    with pytest.raises(ProgramError, match=r"the peer failed: ValueError: no such record(?s:.*)in fail"):
        program.ask(do="fail")
    with pytest.raises(ProgramError, match="KeyError: 'fly'"):
        program.ask(do="fly")
    assert program.ask(do="add", one=1, two=1) == {"sum": 2}


def test_end_of_a_program_shows_its_stderr(program: Program) -> None:
    with pytest.raises(ProgramError, match=r"the peer ended with status 3(?s:.*)out of memory"):
        program.ask(do="die")
    with pytest.raises(ProgramError, match="the peer ended with status 3"):
        program.ask(do="rest")


def test_silent_program_is_killed() -> None:
    with (
        pytest.raises(ProgramError, match="did not answer in time"),
        Program("mute", [sys.executable, "-c", "import sys; sys.stdin.read()"], {}) as mute,
    ):
        mute.ask(patience=0.01, do="rest")


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    whole = Results({"cores": 2}, {"handlers": [MEASURE]})
    results.save(whole, tmp_path / "performance.json")
    assert results.load(tmp_path / "performance.json") == whole


def test_other_subjects_keep_their_figures() -> None:
    before = Results({"cores": 2}, {"handlers": [MEASURE], "artifact": [MEASURE]})
    now = Results({"cores": 2}, {"artifact": [replace(MEASURE, title="new")]})
    merged = now.merged(before)
    assert [each.title for measures in merged.subjects.values() for each in measures] == ["a title", "new"]


def test_figures_of_two_machines_are_not_merged() -> None:
    now = Results({"cores": 2}, {"artifact": [MEASURE]})
    assert now.merged(Results({"cores": 4}, {"handlers": [MEASURE]})) == now


def test_missed_goal_is_shown() -> None:
    (row,) = report.rows([replace(MEASURE, goals=[Goal("8x peer", False, 4.0, "peer")])])
    assert row[-3:] == ("4.00x", "8x peer", "**no**")


def test_the_readme_has_a_row_for_each_of_its_measures() -> None:
    assert len(report.readme_rows(results.load().subjects)) == len(report.README_MEASURES)


@pytest.mark.parametrize(
    ("file", "table"),
    [(report.DOCUMENT, "bench"), (report.README, "bench readme")],
    ids=["document", "readme"],
)
def test_committed_tables_are_those_of_the_committed_figures(file: Path, table: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert f"<!-- {table} -->" in text
    assert text == report.with_tables(text, results.load()), "run `make bench`"


@pytest.mark.parametrize("subject", SUBJECTS)
def test_subject_has_a_module_a_section_and_a_chart(subject: str) -> None:
    module = importlib.import_module(f"benchmarks.measures.{subject}")
    assert callable(module.measure)
    assert callable(module.guarantees)
    assert f"<!-- bench {subject} -->" in report.DOCUMENT.read_text(encoding="utf-8")
    chart = report.DOCUMENT.parent / "charts" / f"{subject}.svg"
    assert chart.read_text(encoding="utf-8").count("<svg") == 1, "run `make bench`"


@pytest.mark.parametrize("peer", PEERS)
def test_peer_is_locked_with_hashes_and_without_an_address(peer: str) -> None:
    lock = (ROOT / "benchmarks" / "peers" / peer / "requirements.txt").read_text(encoding="utf-8")
    assert "://" not in lock
    packages = re.findall(r"^\S+==.*\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+", lock, re.MULTILINE)
    assert len(packages) == len(re.findall(r"^\S+==", lock, re.MULTILINE)) > 0
