"""The places of a job agree: its folder, its row in the mapping Job of template.yaml, and its names in the loops."""

from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from local.template.job_check import problems
from slowmatch.jobs import cron
from slowmatch.jobs.worker.events import OccurrenceDue, parse_body
from tests.sam import template
from tests.sam.evaluated import Stack
from tests.sam.permissions import may
from tests.sam.template import ROOT, of_type
from tools.new_job import template_rows

STACK = Stack()
ROWS = template.job_rows()
SCHEDULED = sorted(job for job, row in ROWS.items() if "Schedule" in row)
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


# queues


@every_job
def test_a_job_s_function_takes_messages_and_reports_failed_ones(job: str) -> None:
    mapping = properties(f"{job}FunctionQueue")
    assert mapping["EventSourceArn"] == STACK.arn(f"{job}Queue")
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BatchSize"] == ROWS[job].get("Batch", 1)
    assert mapping["MaximumBatchingWindowInSeconds"] == ROWS[job].get("Window", 0)
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
def test_a_message_stays_hidden_for_six_time_outs(function: str, queue: str) -> None:
    timeout, hidden = template.timeout(function), int(properties(queue)["VisibilityTimeout"])
    assert 6 * timeout <= hidden < 7 * timeout, (
        f"{queue} needs six times {timeout}: Visibility in a job's row"
    )


def test_only_functions_that_send_to_their_own_queue_may_loop() -> None:
    """Lambda ends a chain of messages from a function to its own queue unless RecursiveLoop allows it."""
    functions = STACK.of_type("AWS::Lambda::Function").items()
    looping = {name for name, function in functions if function.get("RecursiveLoop") == "Allow"}
    sending = {
        function
        for function, queue in template.polled_queues().items()
        if may(STACK, function, "sqs:SendMessage", STACK.arn(queue))
    }
    assert looping == sending == set(template.polled_queues())


@every_job
def test_a_queue_has_the_address_that_the_functions_make(job: str) -> None:
    prefix = properties(f"{job}Function")["Environment"]["Variables"]["QUEUE_URL_PREFIX"]
    _, _, _, region, account, queue = STACK.arn(f"{job}Queue").split(":")
    assert f"{prefix}{ROWS[job]['Name']}" == f"https://sqs.{region}.amazonaws.com/{account}/{queue}"


# schedules


@every_scheduled_job
def test_a_schedule_is_one_that_eventbridge_takes(job: str) -> None:
    schedule = cron.parse(ROWS[job]["Schedule"])
    assert schedule.next_after(datetime.now(UTC)), f"Schedule of {job}: no day and time matches it"


@every_scheduled_job
def test_the_alarm_of_silence_waits_until_a_run_is_overdue(job: str) -> None:
    row, written = ROWS[job], template_rows.alarm_of_silence(ROWS[job]["Schedule"])
    wanted = yaml.safe_load(f"{{ {written} }}")
    assert wanted["DueHours"] <= row["DueHours"] <= template_rows.MAX_DUE_HOURS, f"{job} needs {written}"
    silence = wanted.get("Silence", "breaching")
    assert row.get("Silence", "breaching") == silence, f"{job} needs {written}"


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
    policy = properties(f"{job}QueuePolicy")
    assert policy["Queues"] == [properties(f"{job}Queue")["QueueName"]]
    assert [each["Resource"] for each in policy["PolicyDocument"]["Statement"]] == [target["Arn"]]
