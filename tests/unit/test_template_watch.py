"""Dashboard and alarms: every figure in them is emitted, and everything that matters is looked at."""

import json
from itertools import combinations
from typing import Any

import boto3
import pytest
from moto import mock_aws

from slowmatch import telemetry
from slowmatch.jobs.catalog import JOBS
from tests.sam import template, watching
from tests.sam.template import of_type
from tests.sam.watching import Metric

QUEUE, FUNCTION = frozenset({"QueueName"}), frozenset({"FunctionName"})
API, CLUSTER = frozenset({"ApiId"}), frozenset({"DBClusterIdentifier"})

# What AWS emits by itself, and by which dimensions. Each with the page that says so, below docs.aws.amazon.com.
EMITTED_BY_AWS: dict[str, dict[str, frozenset[str]]] = {
    # AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
    "AWS/SQS": {"ApproximateNumberOfMessagesVisible": QUEUE, "ApproximateAgeOfOldestMessage": QUEUE},
    # lambda/latest/dg/monitoring-metrics-types.html
    "AWS/Lambda": {
        "Invocations": FUNCTION,
        "Errors": FUNCTION,
        "Throttles": FUNCTION,
        "ConcurrentExecutions": FUNCTION,
    },
    # apigateway/latest/developerguide/http-api-metrics.html
    "AWS/ApiGateway": {"Count": API, "4xx": API, "5xx": API, "Latency": API},
    # AmazonRDS/latest/AuroraUserGuide/Aurora.AuroraMonitoring.Metrics.html
    "AWS/RDS": {
        "ServerlessDatabaseCapacity": CLUSTER,
        "ACUUtilization": CLUSTER,
        "DatabaseConnections": CLUSTER,
        "CPUUtilization": CLUSTER,
    },
}
# AmazonCloudWatch/latest/logs/CWL_AnalyzeLogData-discoverable-fields.html, of Lambda's logs
FIELDS_OF_A_REPORT = {"@type", "@initDuration"}

ALARMS = watching.alarms()
SCHEDULED = sorted(name for name, spec in JOBS.items() if spec.scheduled)


def is_emitted(metric: Metric) -> bool:
    if metric.namespace == "Slowmatch":
        return metric in watching.emitted()
    return EMITTED_BY_AWS.get(metric.namespace, {}).get(metric.name) == metric.dimensions


def all_shown(**parameters: str) -> set[Metric]:
    return {metric for widget in watching.widgets(**parameters) for metric in watching.shown(widget)}


# what is emitted


def test_every_metric_of_the_dashboard_is_emitted() -> None:
    assert [metric for metric in all_shown() if not is_emitted(metric)] == []


def test_every_metric_of_an_alarm_is_emitted() -> None:
    parts = [part for alarm in ALARMS.values() for part in watching.watched(alarm)]
    assert [part for part in parts if not is_emitted(watching.metric(part))] == []


def test_everything_that_the_code_emits_is_on_the_dashboard() -> None:
    assert watching.emitted() - all_shown() == set()


def test_a_metric_has_the_stack_s_name_and_its_own_dimensions(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.count("RunFailed", job="db-cleanup")
    line = json.loads(capsys.readouterr().out)
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == template.variables()["POWERTOOLS_METRICS_NAMESPACE"] == "Slowmatch"
    assert [sorted(names) for names in directive["Dimensions"]] == [["job", "service"]]
    assert line["job"] == "db-cleanup"
    assert template.variables()["POWERTOOLS_SERVICE_NAME"] == {"Ref": "AWS::StackName"}


def test_the_cold_starts_are_asked_of_what_lambda_logs() -> None:
    (widget,) = watching.widgets("log")
    assert all(field in widget["query"] for field in FIELDS_OF_A_REPORT)
    assert {f"SOURCE '{group}'" for group in watching.resolved(_log_groups())} == set(
        widget["query"].split(" | filter")[0].split(" | ")
    )


def _log_groups() -> list[Any]:
    return [function["LoggingConfig"]["LogGroup"] for function in template.functions().values()]


# the dashboard


def test_the_dashboard_begins_with_words_and_the_alarms() -> None:
    first, second = watching.dashboard()["widgets"][:2]
    assert (first["type"], second["type"]) == ("text", "alarm")
    assert "/dashboard/failed" in first["properties"]["markdown"]
    assert sorted(second["properties"]["alarms"]) == sorted(f"{name}.Arn" for name in ALARMS)


@pytest.mark.parametrize(
    "title",
    [
        "Runs that ended, by state",
        "Runs that failed for good, by job",
        "Failed of the runs that ended (percent)",
        "Duration of an attempt, median (ms)",
        "Duration of an attempt, p95 (ms)",
        "Duration of an attempt, p99 (ms)",
        "Records",
        "Mails",
        "Messages that wait",
        "Age of the oldest message (s)",
        "Dead letters",
        "Requests",
        "Requests refused (4xx) and failed (5xx)",
        "Latency of the API (ms)",
        "Errors of functions",
        "Throttles",
        "Concurrent invocations",
        "Database: capacity (ACU)",
        "Database: connections",
        "Database: processor (percent)",
    ],
)
def test_what_the_person_on_call_needs_is_there(title: str) -> None:
    assert title in [widget["title"] for widget in watching.widgets()]


@pytest.mark.parametrize("title", ["Errors of functions", "Throttles", "Concurrent invocations"])
def test_every_function_is_looked_at(title: str) -> None:
    (widget,) = (widget for widget in watching.widgets() if widget["title"] == title)
    rows = [row for row in widget["metrics"] if row[0] == "AWS/Lambda"]
    assert {row[3] for row in rows} == set(template.functions())


def test_every_queue_is_looked_at() -> None:
    rows = [row for widget in watching.widgets() for row in widget["metrics"] if row[0] == "AWS/SQS"]
    assert {row[3].removesuffix(".QueueName") for row in rows} == set(of_type("AWS::SQS::Queue"))


def test_every_job_s_failure_rate_is_shown() -> None:
    (rate,) = (widget for widget in watching.widgets() if widget["title"].startswith("Failed of the runs"))
    assert {row[5] for row in rate["metrics"] if row[0] == "Slowmatch"} == set(JOBS)


def test_nothing_overlaps_and_every_row_is_full() -> None:
    boxes = [
        tuple(widget[key] for key in ("x", "y", "width", "height"))
        for widget in watching.dashboard()["widgets"]
    ]
    cells = [{(a, b) for a in range(x, x + w) for b in range(y, y + h)} for x, y, w, h in boxes]
    assert all(first.isdisjoint(second) for first, second in combinations(cells, 2))
    bottom = max(y + h for _, y, _, h in boxes)
    assert len(set().union(*cells)) == 24 * bottom


def test_ids_are_unique_within_a_widget_and_every_expression_knows_its_own() -> None:
    for widget in watching.widgets():
        ids = [row[-1]["id"] for row in widget["metrics"] if isinstance(row[-1], dict) and "id" in row[-1]]
        assert len(ids) == len(set(ids)), widget["title"]


def test_a_database_elsewhere_is_neither_shown_nor_an_alarm() -> None:
    elsewhere = {"DatabaseHost": "db.example.com"}
    assert "AWS/RDS" not in {metric.namespace for metric in all_shown(**elsewhere)}
    (alarms,) = watching.widgets("alarm", **elsewhere)
    assert not {"CapacityAlarm.Arn", "ConnectionsAlarm.Arn"} & set(alarms["alarms"])


def test_cloudwatch_takes_the_dashboard() -> None:
    with mock_aws():
        client = boto3.client("cloudwatch", "us-east-1")
        client.put_dashboard(DashboardName="slowmatch", DashboardBody=json.dumps(watching.dashboard()))
        assert (
            json.loads(client.get_dashboard(DashboardName="slowmatch")["DashboardBody"])
            == watching.dashboard()
        )


# the alarms


@pytest.mark.parametrize("name", sorted(ALARMS))
def test_an_alarm_goes_to_the_topic_when_it_begins_and_when_it_ends(name: str) -> None:
    alarm = ALARMS[name]
    assert alarm["AlarmActions"] == alarm["OKActions"] == ["NotifyTopic"]
    assert alarm["AlarmDescription"]
    assert alarm["AlarmName"].startswith("slowmatch-")


@pytest.mark.parametrize("job", SCHEDULED)
def test_a_job_that_should_have_succeeded_is_missed_even_when_no_figure_comes(job: str) -> None:
    alarm = ALARMS[f"{_block(job)}SilentAlarm"]
    assert (alarm["MetricName"], alarm["ComparisonOperator"], alarm["Threshold"]) == (
        "RunSucceeded",
        "LessThanThreshold",
        1,
    )
    assert {"Name": "job", "Value": job} in alarm["Dimensions"]
    assert alarm["TreatMissingData"] == "breaching"


@pytest.mark.parametrize("job", SCHEDULED)
def test_a_job_s_failure_rate_is_watched(job: str) -> None:
    alarm = ALARMS[f"{_block(job)}FailingAlarm"]
    assert {part["MetricName"] for part in watching.watched(alarm)} == {"RunFailed", "RunSucceeded"}
    assert all({"Name": "job", "Value": job} in part["Dimensions"] for part in watching.watched(alarm))


def test_the_dispatcher_s_silence_and_its_failing_duties_are_an_alarm() -> None:
    alarm = ALARMS["DispatcherAlarm"]
    assert alarm["TreatMissingData"] == "breaching"
    assert (alarm["MetricName"], alarm["ComparisonOperator"], alarm["Threshold"]) == (
        "DispatcherFailures",
        "GreaterThanThreshold",
        0,
    )


def test_every_dead_letter_queue_has_an_alarm() -> None:
    parts = watching.watched(ALARMS["DeadLettersAlarm"]) + watching.watched(ALARMS["NotificationsAlarm"])
    watched = {part["Dimensions"][0]["Value"].removesuffix(".QueueName") for part in parts}
    assert watched == {name for name in of_type("AWS::SQS::Queue") if name.endswith("DeadLetters")}


def test_every_queue_of_a_job_is_watched_for_messages_that_wait() -> None:
    parts = watching.watched(ALARMS["OldestMessageAlarm"])
    assert {part["Dimensions"][0]["Value"].removesuffix(".QueueName") for part in parts} == set(
        template.queue_functions().values()
    )


def test_errors_of_every_function_are_an_alarm_by_themselves_or_as_5xx() -> None:
    errors = {part["Dimensions"][0]["Value"] for part in watching.watched(ALARMS["FunctionErrorsAlarm"])}
    assert errors == set(template.functions()) - set(template.api_functions())
    assert ALARMS["ApiErrorsAlarm"]["MetricName"] == "5xx"


def test_the_database_s_alarms_come_before_its_connections_end() -> None:
    table = template.written()["Mappings"]["Connections"]
    capacities = template.written()["Parameters"]["DatabaseMaxCapacity"]["AllowedValues"]
    assert sorted(table) == sorted(map(str, capacities))
    most = {"1": 189, "2": 189, "4": 823, "8": 1669}
    assert all(row["Alarm"] < 0.9 * most.get(capacity, 2000) for capacity, row in table.items())


def test_an_alarm_has_at_most_ten_metrics_and_looks_back_a_week_at_most() -> None:
    for name, alarm in ALARMS.items():
        assert len(alarm.get("Metrics", [])) <= 10, name
    hours = [item for key, item in template.written()["Parameters"].items() if key.endswith("DueHours")]
    assert len(hours) == len(SCHEDULED)
    assert all(item["MaxValue"] == 7 * 24 for item in hours)


def _block(job: str) -> str:
    return "".join(part.capitalize() for part in job.split("-"))
