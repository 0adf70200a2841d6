"""The places of a job agree: its folder, its row in the mapping Job of template.yaml, and its names in the loops."""

import copy
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Any

import pytest

from local.template.job_check import problems
from local.template.loops import expand
from slowmatch.jobs import cron
from slowmatch.jobs.worker.events import OccurrenceDue, parse_body
from tests.sam import template
from tests.sam.evaluated import Stack
from tests.sam.template import ROOT, of_type

STACK = Stack()
ROWS = template.job_rows()
SCHEDULED = sorted(job for job, row in ROWS.items() if "Schedule" in row)
LOOPS = ("Jobs", "ScheduledJobs")
MAX_RESOURCES_OF_A_JOB = 16
MAX_DUE_HOURS = 7 * 24
"""CloudWatch: an alarm with periods of an hour looks back a week at most."""
# Of Lambda (lambda/latest/dg/gettingstarted-limits.html) and of SQS as its event source.
RANGES = {"Timeout": (1, 900), "Memory": (128, 10_240), "Batch": (1, 10), "Concurrency": (2, 1_000)}
every_job = pytest.mark.parametrize("job", sorted(ROWS.keys() & template.loop("Jobs")[0]))
every_scheduled_job = pytest.mark.parametrize(
    "job", sorted({*SCHEDULED} & {*template.loop("ScheduledJobs")[0]})
)


def properties(logical_id: str) -> dict[str, Any]:
    found: dict[str, Any] = STACK.resources[logical_id]["Properties"]
    return found


# folders, rows, loops


def test_folders_rows_loops_and_settings_agree() -> None:
    assert list(problems(ROOT / "template.yaml")) == []


@every_job
def test_the_figures_of_a_row_are_possible(job: str) -> None:
    for column, (least, most) in RANGES.items():
        value = int(ROWS[job].get(column, least))
        assert least <= value <= most, f"{column} of {job} is {value}: {least} to {most} are possible"


# queues


@every_job
def test_a_message_stays_hidden_for_six_times_the_time_out(job: str) -> None:
    hidden = properties(f"{job}Queue")["VisibilityTimeout"]
    wanted = 6 * properties(f"{job}Function")["Timeout"]
    assert hidden == wanted, f"the row {job} of template.yaml needs Visibility: {wanted}"


@every_job
def test_a_job_s_function_takes_its_messages_and_reports_each_failed_one(job: str) -> None:
    mapping = properties(f"{job}FunctionQueue")
    assert mapping["EventSourceArn"] == STACK.arn(f"{job}Queue")
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BatchSize"] == ROWS[job].get("Batch", 1)
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": ROWS[job].get("Concurrency", 2)}


def test_every_queue_is_either_polled_or_holds_dead_letters_of_one() -> None:
    queues = of_type("AWS::SQS::Queue")
    polled = set(template.polled_queues().values())
    dead = {queues[name]["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0] for name in polled}
    assert polled & dead == set()
    assert set(queues) == polled | dead
    assert len(dead) == len(polled)


@pytest.mark.parametrize("queue", sorted(template.polled_queues().values()))
def test_a_queue_gives_up_late_and_its_dead_letters_stay_longer(queue: str) -> None:
    letters = queue.removesuffix("Queue") + "DeadLetters"
    redrive = properties(queue)["RedrivePolicy"]
    assert redrive["deadLetterTargetArn"] == STACK.arn(letters)
    assert redrive["maxReceiveCount"] >= 5
    assert properties(letters)["QueueName"] == f"{properties(queue)['QueueName']}-dead"
    assert properties(letters)["MessageRetentionPeriod"] > properties(queue)["MessageRetentionPeriod"]


@pytest.mark.parametrize(("function", "queue"), sorted(template.polled_queues().items()))
def test_every_polled_queue_hides_a_message_for_six_time_outs(function: str, queue: str) -> None:
    assert 6 * template.timeout(function) <= properties(queue)["VisibilityTimeout"] <= 12 * 3600


# schedules


@every_scheduled_job
def test_a_schedule_is_one_that_eventbridge_takes(job: str) -> None:
    schedule = cron.parse(ROWS[job]["Schedule"])
    assert schedule.next_after(datetime.now(UTC)), f"Schedule of {job}: no day and time matches it"


@every_scheduled_job
def test_silence_of_a_job_is_an_alarm_once_a_run_is_overdue(job: str) -> None:
    row, wanted = ROWS[job], columns_of_silence(ROWS[job]["Schedule"])
    given = (int(row["DueHours"]), row.get("Silence", "breaching"))
    assert wanted[0] <= given[0] <= MAX_DUE_HOURS and given[1] == wanted[1], (
        f"{job} needs DueHours: {wanted[0]} at least and {MAX_DUE_HOURS} at most, and Silence: {wanted[1]}"
        " (without Silence it is breaching)"
    )


@pytest.mark.parametrize(
    ("schedule", "columns"),
    [
        ("rate(1 hour)", (3, "breaching")),
        ("cron(0 7 * * ? *)", (26, "breaching")),
        ("cron(0 7 ? * MON-FRI *)", (74, "breaching")),
        ("cron(0 7 ? * MON *)", (168, "notBreaching")),
        ("cron(0 7 1 * ? *)", (168, "notBreaching")),
    ],
)
def test_hours_of_silence_follow_from_the_longest_pause(schedule: str, columns: tuple[int, str]) -> None:
    assert columns_of_silence(schedule) == columns


def columns_of_silence(schedule: str) -> tuple[int, str]:
    """The least DueHours, and Silence: CloudWatch cannot wait for longer than a week."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    due = pairwise(cron.parse(schedule).between(now, now + timedelta(days=400)))
    longest = max((later - earlier for earlier, later in due), default=timedelta(days=400))
    hours = -(-longest // timedelta(hours=1)) + 2  # the run itself takes time, and retries may be needed
    return (hours, "breaching") if hours <= MAX_DUE_HOURS else (MAX_DUE_HOURS, "notBreaching")


@every_scheduled_job
def test_a_rule_sends_its_time_to_the_queue_of_its_job(job: str) -> None:
    rule, name = properties(f"{job}Schedule"), ROWS[job]["Name"]
    (target,) = rule["Targets"]
    message = target["InputTransformer"]["InputTemplate"].replace("<time>", '"2026-12-31T02:00:00Z"')
    assert rule["Name"] == f"{STACK.name}-{name}"
    assert target["Arn"] == STACK.arn(f"{job}Queue")
    assert target["InputTransformer"]["InputPathsMap"] == {"time": "$.time"}
    expected = OccurrenceDue(name, datetime(2026, 12, 31, 2, tzinfo=UTC))
    assert parse_body(message) == expected


@every_scheduled_job
def test_of_all_services_only_its_own_rule_may_send_to_a_queue(job: str) -> None:
    policy = properties(f"{job}QueuePolicy")
    assert policy["Queues"] == [properties(f"{job}Queue")["QueueName"]]
    assert policy["PolicyDocument"]["Statement"] == [
        {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": STACK.arn(f"{job}Queue"),
            "Condition": {"ArnEquals": {"aws:SourceArn": STACK.arn(f"{job}Schedule")}},
        }
    ]


# what a job costs


@every_job
def test_a_job_has_no_more_resources_than_twenty_of_them_can_have(job: str) -> None:
    of_job = number_of_resources() - number_of_resources(job)
    assert of_job <= MAX_RESOURCES_OF_A_JOB, of_job


@cache
def number_of_resources(left_out: str = "") -> int:
    """Of the root after the transform, without one of the jobs."""
    document = copy.deepcopy(template.source())
    for name in LOOPS:
        variable, items, body = document["Resources"][f"Fn::ForEach::{name}"]
        remaining = [item for item in items if item != left_out]
        document["Resources"][f"Fn::ForEach::{name}"] = [variable, remaining, body]
    return len(template.transform_of(expand(document))["Resources"])
