"""The benchmarks: turns, goals and contestants do what is said of them, and the documents quote the figures."""

import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.__main__ import SUBJECTS
from benchmarks.harness import (
    Contestant,
    ContestantError,
    Database,
    Goal,
    Measure,
    at_most,
    at_most_above,
    document,
    in_turns,
    record,
    table,
    times_better,
    within,
)
from benchmarks.harness.aws import StubAws
from benchmarks.harness.figures import figure
from benchmarks.harness.record import Record, Taken
from benchmarks.harness.words import duration, number
from local import ROOT
from slowmatch.aws import secrets, sqs
from slowmatch.settings import Settings

PEERS = sorted(folder.parent.name for folder in ROOT.glob("benchmarks/peers/*/requirements.in"))
TALK = """
import os, sys
from benchmarks.peers.protocol import seconds, serve

def add(one, two):
    print("a log line of the contestant")
    return {"sum": one + two}

def fall():
    raise ValueError("no such record")

def die():
    print("out of memory", file=sys.stderr, flush=True)
    os._exit(3)

serve({"add": add, "fall": fall, "die": die, "work": lambda times: seconds(int, times), "rest": lambda: None})
"""


@pytest.fixture
def contestant() -> Iterator[Contestant]:
    with Contestant("the peer", [sys.executable, "-c", TALK], {}) as started:
        yield started


def taken(subject: str, name: str, *, title: str = "a title") -> Taken:
    series = {"slowmatch": [1.0, 1.25, 1.5], "peer": [4.0, 5.0, 6.0]}
    return Taken(
        subject, Measure(name, title, "ms", "less", series, [times_better(series, "slowmatch", "peer", 4)])
    )


def test_rounds_are_taken_in_turn_and_the_first_is_dropped() -> None:
    played: list[str] = []

    def play(name: str) -> float:
        played.append(name)
        return float(len(played))

    figures = in_turns(2, {"a": lambda: play("a"), "b": lambda: play("b")})
    assert played == ["a", "b", "a", "b", "a", "b"]
    assert figures == {"a": [3.0, 5.0], "b": [4.0, 6.0]}


def test_a_figure_is_the_median_with_the_lowest_and_the_highest() -> None:
    found = figure([3.0, 1.0, 100.0])
    assert (found.median, found.low, found.high) == (3.0, 1.0, 100.0)


def test_how_many_times_better_is_the_median_of_what_each_round_says() -> None:
    series = {"slowmatch": [1.0, 2.0, 4.0], "peer": [8.0, 8.0, 8.0]}
    goal = times_better(series, "slowmatch", "peer", 4)
    assert (goal.value, goal.spread, goal.reached) == (4.0, (2.0, 8.0), True)
    assert not times_better(series, "slowmatch", "peer", 4.1).reached


def test_a_machine_that_slows_down_counts_only_in_the_round_in_which_it_did() -> None:
    series = {"slowmatch": [1.0, 3.0, 3.0], "peer": [4.0, 12.0, 4.0]}
    assert times_better(series, "slowmatch", "peer", 4).value == 4.0


def test_where_more_is_better_the_ratio_is_the_other_way_round() -> None:
    series = {"slowmatch": [400.0, 500.0], "peer": [100.0, 100.0]}
    goal = times_better(series, "slowmatch", "peer", 4, better="more")
    assert (goal.value, goal.spread, goal.reached) == (4.5, (4.0, 5.0), True)
    assert not times_better(
        {"slowmatch": [1.0], "peer": [4.0]}, "slowmatch", "peer", 4, better="more"
    ).reached


def test_a_limit_is_kept_by_at_most_its_multiple_or_where_more_is_better_by_at_least_that_much_of_it() -> (
    None
):
    slow = {"slowmatch": [1.5], "limit": [1.0]}
    assert within(slow, "slowmatch", "limit", 1.5).reached
    assert not within(slow, "slowmatch", "limit", 1.4).reached
    fast = {"slowmatch": [60.0], "limit": [100.0]}
    assert within(fast, "slowmatch", "limit", 0.6, better="more").reached
    assert not within(fast, "slowmatch", "limit", 0.7, better="more").reached
    assert within(fast, "slowmatch", "limit", 0.6, better="more").value == 0.6


def test_how_far_a_figure_is_above_its_limit_is_the_difference_of_the_medians() -> None:
    goal = at_most_above({"slowmatch": [90.0, 100.0], "limit": [10.0, 20.0]}, "slowmatch", "limit", 80, "ms")
    assert (goal.value, goal.spread, goal.reached) == (80.0, (80.0, 80.0), True)
    assert not at_most_above({"slowmatch": [91.0], "limit": [10.0]}, "slowmatch", "limit", 80, "ms").reached


def test_of_a_fixed_bound_the_worst_round_counts() -> None:
    assert at_most({"slowmatch": [0.1, 0.9]}, "slowmatch", 1, "s").reached
    assert not at_most({"slowmatch": [0.1, 0.2, 1.1]}, "slowmatch", 1, "s").reached


def test_contestants_with_unlike_numbers_of_rounds_have_no_spread_of_their_ratio() -> None:
    assert times_better({"slowmatch": [1.0], "peer": [2.0, 4.0]}, "slowmatch", "peer", 2).spread is None


def test_a_contestant_answers_in_json_whatever_else_it_prints(contestant: Contestant) -> None:
    assert contestant.ask(do="add", one=1, two=2) == {"sum": 3}
    assert contestant.ask(do="work", times=10)["seconds"] > 0
    assert contestant.ask(do="rest") == {}


def test_a_contestant_that_fails_says_why_and_goes_on(contestant: Contestant) -> None:
    with pytest.raises(ContestantError, match=r"the peer failed: ValueError: no such record(?s:.*)in fall"):
        contestant.ask(do="fall")
    with pytest.raises(ContestantError, match="KeyError: 'fly'"):
        contestant.ask(do="fly")
    assert contestant.ask(do="add", one=1, two=1) == {"sum": 2}


def test_the_last_words_of_a_contestant_that_dies_are_shown(contestant: Contestant) -> None:
    with pytest.raises(ContestantError, match=r"the peer ended with status 3(?s:.*)out of memory"):
        contestant.ask(do="die")
    with pytest.raises(ContestantError, match="the peer ended with status 3"):
        contestant.ask(do="rest")


def test_a_contestant_that_is_silent_is_not_waited_for_for_ever() -> None:
    with (
        pytest.raises(ContestantError, match="did not answer in time"),
        Contestant("mute", [sys.executable, "-c", "import sys; sys.stdin.read()"], {}) as mute,
    ):
        mute.ask(patience=0.01, do="rest")


def test_slowmatch_finds_its_settings_its_secret_and_its_queues(monkeypatch: pytest.MonkeyPatch) -> None:
    with StubAws({"username": "one", "password": "two"}) as aws:
        env = Database("bench_1", 5432, "two", aws.url).env
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        config = Settings.from_env(env)
        assert (config.db_name, config.db_port, config.auth) == ("bench_1", 5432, "local")
        assert secrets.read(config.db_secret_arn, "username", "password")["password"] == "two"
        client = sqs.client.__wrapped__()
        address = config.queue_url_prefix + "db-cleanup"
        sent = client.send_message_batch(QueueUrl=address, Entries=[{"Id": "1", "MessageBody": "é"}])
        assert (len(sent["Successful"]), sent.get("Failed", [])) == (1, [])
        assert client.send_message(QueueUrl=address, MessageBody="two")["MessageId"]
        assert aws.messages == {address: 2}
        client.close()


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    whole = Record({"cores": 2}, [taken("handlers", "get"), taken("artifact", "size")])
    record.save(whole, tmp_path / "performance.json")
    assert record.load(tmp_path / "performance.json") == whole


def test_subjects_that_are_not_taken_anew_keep_their_figures() -> None:
    before = Record({"cores": 2}, [taken("handlers", "get"), taken("artifact", "size", title="old")])
    now = Record({"cores": 2}, [taken("artifact", "size", title="new")])
    assert [each.measure.title for each in now.merged(before).taken] == ["a title", "new"]


def test_figures_of_two_machines_are_never_in_one_record() -> None:
    before = Record({"cores": 4}, [taken("handlers", "get")])
    now = Record({"cores": 2}, [taken("artifact", "size")])
    assert now.merged(before) == now


def test_each_goal_has_a_row_and_a_missed_one_says_so() -> None:
    measure = replace(
        taken("handlers", "get").measure, goals=[Goal("8x peer", False, 4.0, "slowmatch", "peer")]
    )
    assert table.rows([Taken("handlers", measure)]) == [
        (
            "a title",
            "1.25 ms (1.00 to 1.50)",
            "peer",
            "5.00 ms (4.00 to 6.00)",
            "4.00x",
            "8x peer",
            "**no**",
        )
    ]


def test_contestants_that_no_goal_speaks_of_have_rows_too() -> None:
    series = {"slowmatch": [1.0], "peer": [2.0], "limit": [0.5]}
    goals = [at_most_above(series, "slowmatch", "limit", 1, "ms")]
    rows = table.rows([Taken("handlers", Measure("get", "a title", "ms", "less", series, goals))])
    assert [(row[0], row[2], row[3], row[4]) for row in rows] == [
        ("a title", "limit", "0.50 ms", "0.50 ms"),
        ("", "peer", "2.00 ms", ""),
    ]
    alone = Measure("get", "a title", "ms", series={"slowmatch": [1.0]})
    assert table.rows([Taken("handlers", alone)]) == [("a title", "1.00 ms", "", "", "", "", "")]


def test_in_short_there_are_goals_alone_and_of_many_alike_the_worst_stands_for_all() -> None:
    def one(title: str, now: float) -> Taken:
        series = {"slowmatch": [now], "at 10,000": [1.0]}
        goals = [within(series, "slowmatch", "at 10,000", 1.5)]
        return Taken("growth", Measure(title, title, "ms", "less", series, goals))

    many = [one(f"question {count}", 1 + count / 100) for count in range(table.MANY)]
    no_goal = Taken("imports", Measure("others", "others", "ms", series={"slowmatch": [1.0]}))
    (row,) = table.in_short([*many, no_goal])
    assert row[0] == "the worst of 10: question 9"
    assert len(table.in_short(many[1:])) == 9


def test_a_note_is_said_once_with_all_that_it_is_about() -> None:
    told = [
        replace(each, measure=replace(each.measure, note="With ten rows."))
        for each in (taken("growth", "one", title="one"), taken("growth", "two", title="two"))
    ]
    assert document.notes([*told, taken("growth", "three")]) == "- one; two: With ten rows."


def test_tables_are_written_between_their_markers_and_nothing_else_is_touched() -> None:
    whole = replace(record.load(), taken=[taken("handlers", "get")])
    text = "before\n<!-- bench handlers -->\nold\n<!-- end of bench handlers -->\nafter\n"
    written = document.with_tables(text, whole)
    assert written.startswith("before\n<!-- bench handlers -->\n| measure |")
    assert written.endswith("<!-- end of bench handlers -->\nafter\n")
    assert "old" not in written
    assert "| a title | 1.25 ms (1.00 to 1.50) | peer |" in written


@pytest.mark.parametrize("file", [document.DOCUMENT, document.README], ids=lambda file: file.name)
def test_the_committed_tables_are_those_of_the_committed_figures(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert "<!-- bench -->" in text
    assert text == document.with_tables(text, record.load()), "run `make bench`"


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_subject_can_be_measured_and_has_its_place_in_the_document(subject: str) -> None:
    module = importlib.import_module(f"benchmarks.measures.{subject}")
    assert callable(module.measure)
    assert callable(module.guarantees)
    assert f"<!-- bench {subject} -->" in document.DOCUMENT.read_text(encoding="utf-8")


@pytest.mark.parametrize("peer", PEERS)
def test_every_peer_is_locked_with_hashes_and_without_an_address(peer: str) -> None:
    lock = (ROOT / "benchmarks" / "peers" / peer / "requirements.txt").read_text(encoding="utf-8")
    assert "://" not in lock
    packages = re.findall(r"^\S+==.*\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+", lock, re.MULTILINE)
    assert len(packages) == len(re.findall(r"^\S+==", lock, re.MULTILINE)) > 0


def test_figures_and_times_are_written_as_people_read_them() -> None:
    values = (0.00123, 0.123, 1.234, 12.34, 123.4, 1234.5, 0.0)
    assert [number(value) for value in values] == ["0.0012", "0.12", "1.23", "12.3", "123", "1,234", "0.00"]
    assert [duration(seconds) for seconds in (0.4, 59, 60, 200)] == ["0 s", "59 s", "1 min 0 s", "3 min 20 s"]


PROMISED = """
    handler_get handler_list handler_create imports_api imports_job bookkeeping bookkeeping-ten enqueueing
    expire-speed expire-transaction expire-memory expire-beside
    clean_up-speed clean_up-transaction clean_up-memory clean_up-beside
    growth-claim-a-run growth-records-a-page-in-the-middle growth-search-a-rare-word growth-counters-of-records
    artifact_unzipped artifact_zipped
""".split()


def test_every_measure_that_was_promised_has_figures() -> None:
    assert set(PROMISED) <= {each.measure.name for each in record.load().taken}, "run `make bench`"


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_subject_has_a_chart(subject: str) -> None:
    chart = document.DOCUMENT.parent / "charts" / f"{subject}.svg"
    assert chart.read_text(encoding="utf-8").count("<svg") == 1, "run `make bench`"


def test_measuring_the_console_without_a_stack_says_so() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks.console", "--port", "1"],  # where nobody but root can listen
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "no stack answers at port 1: make run starts one, PORT= says where\n"
