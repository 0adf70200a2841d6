"""Dashboard and alarms: every figure in them is emitted, and everything that matters is looked at."""

import json
import re

import pytest

from slowmatch import telemetry
from slowmatch.jobs.catalog import JOBS
from tests.sam import aws_limits, template, watching
from tests.sam.evaluated import Stack
from tests.sam.watching import Metric, Search

SHOWN_OF_AWS = {
    "AWS/SQS": ("QueueName", ["ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"]),
    "AWS/Lambda": ("FunctionName", ["Errors", "Throttles", "ConcurrentExecutions"]),
    "AWS/ApiGateway": ("ApiId", ["Count", "4xx", "5xx", "Latency"]),
    "AWS/RDS": (
        "DBClusterIdentifier",
        ["ServerlessDatabaseCapacity", "ACUUtilization", "DatabaseConnections", "CPUUtilization"],
    ),
}
"""What AWS emits and people need to see: namespace -> dimension and names. Sources, below docs.aws.amazon.com:

AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html,
lambda/latest/dg/monitoring-metrics-types.html, apigateway/latest/developerguide/http-api-metrics.html,
AmazonRDS/latest/AuroraUserGuide/Aurora.AuroraMonitoring.Metrics.html
"""
EMITTED = watching.emitted() | {
    Metric(namespace, name, frozenset({dimension}))
    for namespace, (dimension, names) in SHOWN_OF_AWS.items()
    for name in names
}
# AmazonCloudWatch/latest/logs/CWL_AnalyzeLogData-discoverable-fields.html, of Lambda's logs
FIELDS_OF_A_REPORT = {"@type", "@initDuration"}

STACK = Stack()
ALARMS = watching.alarms(STACK)
WIDGETS = {widget["title"]: widget for widget in watching.widgets(STACK)}
ROWS = {row["Name"]: row for row in template.job_rows().values()}
SCHEDULED = sorted(job for job, row in ROWS.items() if "Schedule" in row)
ALARMS_OF_A_JOB = {"dead-letters", "oldest-message", "errors", "failing"}
SEARCH_CHARACTERS = 1024
every_job = pytest.mark.parametrize("job", sorted(JOBS))
every_scheduled_job = pytest.mark.parametrize("job", SCHEDULED)


def is_found(name: str, search: Search) -> bool:
    """Whether CloudWatch finds the queue or function: its words, one after the other, and none that is excluded.

    AmazonCloudWatch/latest/monitoring/search-expression-syntax.html, "Partial matches". The template
    writes such terms as Dimension=words, all of which have to match, and NOT Dimension=words.
    """
    (dimension,) = search.dimensions
    terms = re.findall(rf"(NOT )?{dimension}=([\w-]+)", search.term)
    assert terms, search
    return all(bool(excluded) != (f"-{words}-" in f"-{name}-") for excluded, words in terms)


# what is emitted


def test_the_dashboard_shows_everything_that_is_emitted_and_nothing_else() -> None:
    assert watching.shown(STACK) == EMITTED, "add a widget to the dashboard in stacks/observability.yaml"


def test_every_metric_of_an_alarm_is_emitted() -> None:
    parts = [part for alarm in ALARMS.values() for part in watching.watched(alarm)]
    assert [part for part in parts if watching.metric(part) not in EMITTED] == []


def test_a_metric_has_the_stack_s_name_and_its_own_dimensions(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.count("RunFailed", job="db-cleanup")
    line = json.loads(capsys.readouterr().out)
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == template.variables()["POWERTOOLS_METRICS_NAMESPACE"] == "Slowmatch"
    assert [sorted(names) for names in directive["Dimensions"]] == [["job", "service"]]
    assert line["job"] == "db-cleanup"
    assert template.variables()["POWERTOOLS_SERVICE_NAME"] == {"Ref": "AWS::StackName"}


def test_cold_starts_are_counted_where_people_wait() -> None:
    (widget,) = watching.widgets(STACK, "log")
    assert all(field in widget["query"] for field in FIELDS_OF_A_REPORT)
    sources = re.findall(r"SOURCE '(\w+)'", widget["query"])
    assert sources == [function.replace("Function", "Logs") for function in template.api_functions()]


# the dashboard


def test_the_dashboard_lists_the_alarms_that_are_not_about_one_job() -> None:
    of_jobs = {f"{job}-{alarm}" for job in JOBS for alarm in (*ALARMS_OF_A_JOB, "silent")}
    logical_ids = {
        alarm["AlarmName"]: name for name, alarm in STACK.of_type("AWS::CloudWatch::Alarm").items()
    }
    shared = [alarm["AlarmName"] for name, alarm in ALARMS.items() if name not in of_jobs]
    (widget,) = watching.widgets(STACK, "alarm")
    listed = {arn.rpartition(":")[2] for arn in widget["alarms"]}
    assert all(name in listed or f"{logical_ids[name]}.Arn" in listed for name in shared)
    assert len(listed) == len(shared)


@pytest.mark.parametrize("title", ["Errors of functions", "Throttles", "Concurrent invocations"])
def test_functions_are_found_by_the_stack_s_name(title: str) -> None:
    (search,) = watching.searches(WIDGETS[title])
    assert all(is_found(f"{STACK.name}-{function}-1A2B3C", search) for function in template.functions())
    assert not is_found("another-DispatcherFunction-1A2B3C", search)


@pytest.mark.parametrize("name", [*sorted(JOBS), "notify"])
def test_a_queue_is_shown_apart_from_its_dead_letters(name: str) -> None:
    queue, dead_letters = f"{STACK.name}-{name}", f"{STACK.name}-{name}-dead"
    for title, shown, others in (
        ("Waiting messages", queue, dead_letters),
        ("Age of the oldest message (s)", queue, dead_letters),
        ("Dead letters", dead_letters, queue),
    ):
        (search,) = watching.searches(WIDGETS[title])
        assert is_found(shown, search), f"{title} misses {shown}: no job's name may have the word dead"
        assert not is_found(others, search), f"{title} shows {others}"


def test_metrics_of_the_code_are_those_of_this_stack_alone() -> None:
    found = [search for widget in WIDGETS.values() for search in watching.searches(widget)]
    own = [search for search in found if search.namespace == "Slowmatch"]
    assert own
    assert [search for search in own if f'service="{STACK.name}"' not in search.term] == []


def test_cloudwatch_takes_every_search_of_the_longest_name() -> None:
    stack = Stack("s" * aws_limits.LONGEST_STACK_NAME)
    for widget in watching.widgets(stack):
        assert all(len(search.term) < SEARCH_CHARACTERS - 100 for search in watching.searches(widget))


def test_every_expression_knows_the_ids_that_it_computes_with() -> None:
    for widget in watching.widgets(STACK):
        expressions = [row[0] for row in widget["metrics"] if isinstance(row[0], dict)]
        ids = [item["id"] for item in expressions if "id" in item]
        assert len(ids) == len(set(ids)), widget["title"]
        computed = " ".join(re.sub(r"SEARCH\(.*\)", "", item["expression"]) for item in expressions)
        assert set(re.findall(r"[a-z]\w*", computed)) <= set(ids), widget["title"]


def test_a_database_elsewhere_is_not_watched() -> None:
    elsewhere = Stack(DatabaseHost="db.example.com", DatabaseSecretArn="arn:aws:secretsmanager:x")
    assert "AWS/RDS" not in {metric.namespace for metric in watching.shown(elsewhere)}
    (listed,) = watching.widgets(elsewhere, "alarm")
    assert not {"CapacityAlarm.Arn", "ConnectionsAlarm.Arn"} & set(listed["alarms"])
    assert not {"capacity", "connections"} & watching.alarms(elsewhere).keys()


# the alarms


@pytest.mark.parametrize("name", sorted(ALARMS))
def test_an_alarm_goes_to_the_topic_when_it_changes(name: str) -> None:
    alarm = ALARMS[name]
    assert alarm["AlarmActions"] == alarm["OKActions"] == [STACK.arn("NotifyTopic")]
    assert alarm["AlarmDescription"]
    assert alarm["AlarmName"] == f"{STACK.name}-{name}"


@every_job
def test_a_job_s_queues_function_and_failures_are_watched(job: str) -> None:
    (function,) = (name for name, its_job in template.job_functions().items() if its_job == job)
    expected = {
        "dead-letters": {"QueueName": f"{STACK.name}-{job}-dead"},
        "oldest-message": {"QueueName": f"{STACK.name}-{job}"},
        "errors": {"FunctionName": function},
        "failing": {"service": STACK.name, "job": job},
    }
    for name in ALARMS_OF_A_JOB:
        for part in watching.watched(ALARMS[f"{job}-{name}"]):
            assert watching.dimensions(part) == expected[name], name
    failing = watching.watched(ALARMS[f"{job}-failing"])
    assert {part["MetricName"] for part in failing} == {"RunFailed", "RunSucceeded"}


@every_scheduled_job
def test_silence_of_a_job_is_an_alarm_after_its_hours(job: str) -> None:
    alarm = ALARMS[f"{job}-silent"]
    compared = (alarm["MetricName"], alarm["ComparisonOperator"], alarm["Threshold"])
    assert compared == ("RunSucceeded", "LessThanThreshold", 1)
    assert watching.dimensions(alarm) == {"service": STACK.name, "job": job}
    assert (alarm["Period"], alarm["EvaluationPeriods"]) == (3600, ROWS[job]["DueHours"])
    assert alarm["TreatMissingData"] == ROWS[job].get("Silence", "breaching")


def test_the_dispatcher_s_silence_and_its_failing_duties_are_an_alarm() -> None:
    alarm = ALARMS["dispatcher"]
    assert alarm["TreatMissingData"] == "breaching"
    assert (alarm["MetricName"], alarm["ComparisonOperator"], alarm["Threshold"]) == (
        "DispatcherFailures",
        "GreaterThanThreshold",
        0,
    )


def test_dead_letters_of_the_notifier_are_an_alarm() -> None:
    dead_letters = STACK.of_type("AWS::SQS::Queue")["NotifyDeadLetters"]
    assert watching.dimensions(ALARMS["notifications"]) == {"QueueName": dead_letters["QueueName"]}


def test_an_alarm_that_could_not_be_recorded_is_tried_again_from_the_queue() -> None:
    notifier = STACK.of_type("AWS::Lambda::Function")["NotifierFunction"]
    assert notifier["DeadLetterConfig"] == {"TargetArn": STACK.arn("NotifyQueue")}


def test_a_notification_that_is_given_up_is_an_alarm() -> None:
    alarm = ALARMS["notification-failed"]
    assert (alarm["MetricName"], alarm["Threshold"]) == ("NotificationFailed", 0)


def test_errors_of_every_function_are_an_alarm() -> None:
    shared = [watching.dimensions(part) for part in watching.watched(ALARMS["function-errors"])]
    errors = {part["FunctionName"] for part in shared} | set(template.job_functions())
    assert errors == set(template.functions()) - set(template.api_functions())
    assert ALARMS["api-errors"]["MetricName"] == "5xx"


def test_the_database_s_alarms_come_before_its_connections_end() -> None:
    table = template.nested()["ObservabilityStack"]["Mappings"]["Connections"]
    assert list(table) == template.written()["Parameters"]["DatabaseMaxCapacity"]["AllowedValues"]
    for capacity, row in table.items():
        assert row["Alarm"] < 0.9 * aws_limits.max_connections(int(capacity)), capacity


def test_an_alarm_has_at_most_ten_metrics() -> None:
    assert [name for name, alarm in ALARMS.items() if len(alarm.get("Metrics", [])) > 10] == []
