"""The costs in docs/costs.md: what the script gives, by an arithmetic that adds up."""

import re
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from local.template import files
from tests.sam.template import ROOT
from tools import costs, job_rows, prices
from tools.bill import (
    HUNDRED_MILLION,
    IDLE,
    LOADS,
    METRICS_BY_DESTINATION,
    METRICS_BY_JOB,
    MILLION,
    OTHER_METRICS,
    POLLERS,
    SECONDS,
    Line,
    Load,
    Stack,
    bill,
    capacity,
)

EMITTED = re.compile(r'(?:telemetry\.|\b)(?:count|duration)\(\s*"([A-Z][A-Za-z]+)"')
STACK = Stack(
    memory_gb=0.5,
    request_memory_gb=1,
    jobs=3,
    queues=4,
    nat_gateways=1,
    minimum_acu=0.5,
    secrets=3,
    keys=0,
    alarm_metrics=12,
    dashboards=1,
)


def line(item: str, load: Load, stack: Stack = STACK) -> Line:
    (found,) = (each for each in bill(stack, load) if each.item == item)
    return found


def test_the_committed_tables_are_what_the_script_gives() -> None:
    text = costs.DOCUMENT.read_text(encoding="utf-8")
    assert text == costs.document(text), "run `make costs`"


def test_the_committed_tables_are_the_same_with_more_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ROOT / "template.yaml").read_text(encoding="utf-8")
    (tmp_path / "template.yaml").write_text(
        job_rows.with_job(text, "report", "rate(1 day)"), encoding="utf-8"
    )
    shutil.copytree(ROOT / "stacks", tmp_path / "stacks")
    monkeypatch.setattr(costs, "TEMPLATE", tmp_path / "template.yaml")
    committed = costs.DOCUMENT.read_text(encoding="utf-8")
    assert costs.document(committed) == committed


def test_one_job_more_costs_what_is_added_for_it() -> None:
    said = re.search(r"adds ([\d.]+) a month before its runs: ([\d.]+) SQS", costs.further_job())
    assert said is not None
    polls = POLLERS * SECONDS / 20
    assert float(said[2]) == pytest.approx(prices.SQS.cost(polls), abs=0.005)
    assert float(said[1]) == pytest.approx(
        prices.SQS.cost(polls) + prices.METRICS.cost(len(METRICS_BY_JOB)) + prices.ALARMS.cost(6), abs=0.005
    )


def test_the_document_says_region_and_date_of_the_prices() -> None:
    assert f"{prices.REGION}, {prices.AS_OF}" in costs.DOCUMENT.read_text(encoding="utf-8")


def test_a_month_of_the_smallest_database_and_one_nat_gateway_cost_what_aws_s_prices_say() -> None:
    assert line("Aurora, capacity", IDLE).cost == pytest.approx(730 * 0.5 * 0.12)
    assert line("NAT gateway", IDLE).cost == pytest.approx(730 * (0.045 + 0.005), abs=0.01)


def test_a_million_runs_are_three_million_requests_to_sqs_beside_the_polling() -> None:
    ((_, requests),) = line("SQS", MILLION).parts
    assert requests == 3_000_000 + 4 * 5 * 3 * 60 * 730


def test_a_run_takes_a_tenth_of_a_second_of_half_a_gigabyte() -> None:
    one, two = (line("Lambda", replace(IDLE, runs=runs)).parts[1][1] for runs in (0, 1000))
    assert two - one == pytest.approx(1000 * (0.1 + 0.005 * 1.5) * 0.5)


def test_every_second_s_first_request_is_traced_and_five_percent_of_the_rest() -> None:
    ((_, traces),) = line("X-Ray", HUNDRED_MILLION).parts
    busy = 2 * (730 * 3600 + 0.05 * (100_000_000 - 730 * 3600))  # the job's function, and the API's
    console = 730 * 3600 + 0.05 * (10 * 22 * 8 * 1800 - 730 * 3600)
    assert traces == pytest.approx(busy + console + 730 * 12)


@pytest.mark.parametrize("load", LOADS, ids=lambda load: load.name)
def test_the_database_never_has_less_than_its_minimum(load: Load) -> None:
    assert capacity(STACK, load) >= 0.5


def test_more_runs_never_cost_less() -> None:
    totals = [[each.cost for each in bill(STACK, load)] for load in LOADS]
    assert all(less <= more for pair in pairwise(totals) for less, more in zip(*pair, strict=True))


@pytest.mark.parametrize("load", LOADS, ids=lambda load: load.name)
def test_what_is_free_is_never_more_than_what_it_would_cost(load: Load) -> None:
    assert all(0 <= each.allowance <= each.cost for each in bill(STACK, load))


def test_a_total_is_the_sum_of_its_column() -> None:
    rows = [row.strip("| ").split(" | ") for row in costs.costs_table(STACK).splitlines()[2:]]
    for column in (2, 3, 4):
        amounts = [float(row[column].strip("*").replace(",", "")) for row in rows]
        *items, total, free, rest = amounts
        assert total == pytest.approx(sum(items), abs=0.1)
        assert rest == pytest.approx(total + free, abs=0.02)


def test_every_price_has_its_page_at_aws() -> None:
    assert len(prices.PRICES) > 20
    assert [each for each in prices.PRICES if not each.page.startswith("https://aws.amazon.com/")] == []


def test_what_the_template_makes_is_counted_in_the_template() -> None:
    function = {"Type": "AWS::Serverless::Function", "Properties": {"Events": {"Queue": {"Type": "SQS"}}}}
    page = {"MemorySize": "1024", "Events": {"Page": {"Type": "HttpApi"}}}
    stack = costs.stack_of(
        {
            "Globals": {"Function": {"MemorySize": "512"}},
            "Parameters": {"DatabaseMinCapacity": {"Default": "0.5"}},
            "Resources": {
                "Job": function,
                "Notifier": {
                    "Type": "AWS::Serverless::Function",
                    "Properties": {"Events": {"Topic": {"Type": "SNS"}, "Queue": {"Type": "SQS"}}},
                },
                "Page": {"Type": "AWS::Serverless::Function", "Properties": page},
                "Nat": {"Type": "AWS::EC2::NatGateway"},
                "Cluster": {"Type": "AWS::RDS::DBCluster", "Properties": {"ManageMasterUserPassword": True}},
                "Session": {"Type": "AWS::SecretsManager::Secret"},
                "Late": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"MetricName": "Age"}},
                "Rate": {
                    "Type": "AWS::CloudWatch::Alarm",
                    "Properties": {
                        "Metrics": [{"MetricStat": {}}, {"MetricStat": {}}, {"Expression": "a/b"}]
                    },
                },
                "Board": {"Type": "AWS::CloudWatch::Dashboard"},
            },
        }
    )
    assert (stack.memory_gb, stack.request_memory_gb, stack.jobs, stack.queues) == (0.5, 1, 1, 2)
    assert (stack.nat_gateways, stack.minimum_acu, stack.secrets, stack.keys) == (1, 0.5, 2, 0)
    assert (stack.alarm_metrics, stack.dashboards) == (3, 1)


def test_every_metric_that_the_code_emits_is_counted() -> None:
    emitted: set[str] = set()
    for path in (*ROOT.glob("functions/**/*.py"), *ROOT.glob("layers/common/**/*.py")):
        emitted |= set(EMITTED.findall(path.read_text(encoding="utf-8")))
    counted = {*METRICS_BY_JOB, *METRICS_BY_DESTINATION, *OTHER_METRICS}
    assert "MailsSent" in emitted
    assert emitted - counted == set(), "name it in tools/bill.py"


def test_the_script_prints_the_table_and_writes_the_document(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    document = tmp_path / "costs.md"
    document.write_text("Before\n<!-- costs -->\nold\n<!-- end of costs -->\nafter\n", encoding="utf-8")
    monkeypatch.setattr(costs, "DOCUMENT", document)
    assert costs.main() == 0
    own_jobs = costs.costs_table(costs.stack_of(files.load_whole(ROOT / "template.yaml")))
    assert own_jobs in capsys.readouterr().out
    table = costs.costs_table(costs.stack_with(costs.DOCUMENTED_JOBS))
    written = document.read_text(encoding="utf-8")
    assert written == f"Before\n<!-- costs -->\n{table}\n<!-- end of costs -->\nafter\n"
