"""The costs in docs/costs.md: the table is what the script gives, for what the template creates."""

import pytest

from local.template import files
from tests.sam import watching
from tests.sam.template import ROOT, job_functions
from tools import costs
from tools.costs import DOCUMENT, DOCUMENTED_JOBS, LOADS, bill, costs_table, read_prices, updated

JOBS = len(job_functions())
TEXT = DOCUMENT.read_text(encoding="utf-8")
PRICES = read_prices(TEXT)


def units(item: str, load: costs.Load = LOADS[0], jobs: int = JOBS) -> dict[str, float]:
    (found,) = (units for name, _, units in bill(jobs, load) if name == item)
    return found


def created(kind: str) -> list[dict[str, object]]:
    resources = files.load_whole(ROOT / "template.yaml")["Resources"].values()
    return [resource.get("Properties", {}) for resource in resources if resource["Type"] == kind]


def test_the_committed_table_is_what_the_script_gives() -> None:
    assert updated(TEXT) == TEXT, "run `make costs`"


def test_the_document_says_what_one_more_job_costs() -> None:
    added = {
        name: sum((more[price] - less[price]) * PRICES[price].usd / PRICES[price].per for price in more)
        for (name, _, less), (_, _, more) in zip(bill(4, LOADS[0]), bill(5, LOADS[0]), strict=True)
    }
    parts = ", ".join(f"{dollars:.2f} {name}" for name, dollars in added.items() if dollars)
    assert f"One job more adds {sum(added.values()):.2f} a month before its runs: {parts}." in TEXT


def test_every_price_of_the_bill_is_in_the_document() -> None:
    assert {price for _, _, used in bill(DOCUMENTED_JOBS, LOADS[0]) for price in used} == set(PRICES)


def test_the_template_creates_what_is_billed() -> None:
    queues = [each for each in created("AWS::Serverless::Function") if "'Type': 'SQS'" in str(each)]
    assert units("SQS")["SQS"] == 3 * LOADS[0].runs + len(queues) * 5 * costs.SECONDS / 20
    assert units("NAT gateway")["NAT gateway"] == costs.HOURS * len(created("AWS::EC2::NatGateway"))
    assert units("CloudWatch dashboard")["dashboard"] == len(created("AWS::CloudWatch::Dashboard"))
    secrets = units("Secrets Manager, KMS")
    managed = sum("ManageMasterUserPassword" in each for each in created("AWS::RDS::DBCluster"))
    assert secrets["secrets"] == len(created("AWS::SecretsManager::Secret")) + managed
    assert secrets["KMS key"] == len(created("AWS::KMS::Key"))
    metrics = (str(each).count("'MetricStat'") or 1 for each in created("AWS::CloudWatch::Alarm"))
    unscheduled = sum(
        "'Schedule'" not in str(row) for row in files.load(ROOT / "template.yaml")["Mappings"]["Job"].values()
    )
    assert units("CloudWatch alarms")["alarms"] == sum(metrics) + unscheduled


def test_every_metric_that_the_code_emits_is_billed() -> None:
    copies = {"job": JOBS, "destination": 2}  # one for each value of a dimension
    billed = [max(copies.get(name, 1) for name in metric.dimensions) for metric in watching.emitted()]
    assert units("CloudWatch metrics")["metrics"] == sum(billed)


def test_a_total_is_the_sum_of_its_column() -> None:
    rows = [row.strip("| ").split(" | ") for row in costs_table(DOCUMENTED_JOBS, PRICES).splitlines()[2:]]
    for column in (2, 3, 4):
        *items, total, free, rest = (float(row[column].strip("*").replace(",", "")) for row in rows)
        assert total == pytest.approx(sum(items), abs=0.1)
        assert rest == pytest.approx(total + free, abs=0.02)
