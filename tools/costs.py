"""`make costs`: what a month on AWS costs. Prints the table for this stack, and writes those of docs/costs.md.

What the template makes is counted in the template, the rest is in tools/bill.py. The document's tables are for
DOCUMENTED_JOBS, so that they stay true when a job is added or removed.
"""

import sys
from collections.abc import Iterator, Sequence
from typing import Any

from local import ROOT
from local.template import files, loops, yaml_tags
from tools import prices
from tools.bill import IDLE, LOADS, Stack, bill
from tools.prices import Price

DOCUMENT = ROOT / "docs" / "costs.md"
TEMPLATE = ROOT / "template.yaml"
DOCUMENTED_JOBS = 4
"""As many as come with the project."""


_ROW = {"Name": "job", "Handler": "job.app.handler", "Schedule": "rate(1 day)", "DueHours": 26}


def stack_with(jobs: int) -> Stack:
    """The template's stack with this many jobs, each with a schedule, in place of its own."""
    written, whole = yaml_tags.load(TEMPLATE), files.load_whole(TEMPLATE)
    own = loops.resources_of(written, dict.fromkeys(written["Mappings"]["Job"], _ROW))
    others = {name: each for name, each in whole["Resources"].items() if name not in own}
    made = loops.resources_of(written, {f"Job{number}": _ROW for number in range(jobs)})
    return stack_of(whole | {"Resources": others | made})


def stack_of(template: dict[str, Any]) -> Stack:
    functions = list(_of_type(template, "AWS::Serverless::Function"))
    clusters = list(_of_type(template, "AWS::RDS::DBCluster"))
    memory = int(template["Globals"]["Function"]["MemorySize"])
    by_http = [int(each.get("MemorySize", memory)) for each in functions if _has_event(each, "HttpApi")]
    by_rds = sum("ManageMasterUserPassword" in each for each in clusters)
    return Stack(
        memory_gb=memory / 1024,
        request_memory_gb=max(by_http) / 1024,
        jobs=sum(_has_event(each, "SQS") and not _has_event(each, "SNS") for each in functions),
        queues=sum(_has_event(each, "SQS") for each in functions),
        nat_gateways=_count(template, "AWS::EC2::NatGateway"),
        minimum_acu=float(template["Parameters"].get("DatabaseMinCapacity", {}).get("Default", 0)),
        secrets=_count(template, "AWS::SecretsManager::Secret") + by_rds,
        keys=_count(template, "AWS::KMS::Key"),
        alarm_metrics=sum(map(_metrics_of, _of_type(template, "AWS::CloudWatch::Alarm"))),
        dashboards=_count(template, "AWS::CloudWatch::Dashboard"),
    )


def _of_type(template: dict[str, Any], kind: str) -> Iterator[dict[str, Any]]:
    return (
        each.get("Properties") or {} for each in template["Resources"].values() if each.get("Type") == kind
    )


def _count(template: dict[str, Any], kind: str) -> int:
    return sum(1 for _ in _of_type(template, kind))


def _has_event(function: dict[str, Any], kind: str) -> bool:
    return any(event["Type"] == kind for event in (function.get("Events") or {}).values())


def _metrics_of(alarm: dict[str, Any]) -> int:
    return sum("MetricStat" in each for each in alarm.get("Metrics") or ()) or 1


def costs_table(stack: Stack) -> str:
    bills = [bill(stack, load) for load in LOADS]
    rows = [
        (lines[0].item, lines[0].counted, *(_dollars(line.cost) for line in lines))
        for lines in zip(*bills, strict=True)
    ]
    sums = [sum(line.cost for line in lines) for lines in bills]
    free = [sum(line.allowance for line in lines) for lines in bills]
    rest = [whole - less for whole, less in zip(sums, free, strict=True)]
    rows.append(("**a month**", "", *(f"**{_dollars(each)}**" for each in sums)))
    rows.append(
        ("what is free in every account", "if nothing else uses it", *(_dollars(-each) for each in free))
    )
    rows.append(("**a month, with that**", "", *(f"**{_dollars(each)}**" for each in rest)))
    return _table(("item", "what is counted", *(load.name for load in LOADS)), rows)


def further_job() -> str:
    """What one job more costs in a month without runs."""
    lines = zip(
        *(bill(stack_with(jobs), IDLE) for jobs in (DOCUMENTED_JOBS, DOCUMENTED_JOBS + 1)), strict=True
    )
    added = {less.item: more.cost - less.cost for less, more in lines if more.cost > less.cost}
    parts = ", ".join(f"{_dollars(cost)} {item}" for item, cost in added.items())
    return f"One job more adds {_dollars(sum(added.values()))} a month before its runs: {parts}."


def prices_table() -> str:
    rows = [
        (f"{price.usd:.10f}".rstrip("0").rstrip("."), _per(price), _free(price), _link(price))
        for price in prices.PRICES
    ]
    return _table(("US dollars", "for", "free each month", "page"), rows)


def _dollars(amount: float) -> str:
    return f"{amount:,.2f}"


def _per(price: Price) -> str:
    return price.unit if price.per == 1 else f"{price.per:,.0f} {price.unit}"


def _free(price: Price) -> str:
    return f"{price.free:,.0f}" if price.free else ""


def _link(price: Price) -> str:
    return f"[{price.page.removeprefix(prices.AWS).strip('/')}]({price.page})"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def document(text: str) -> str:
    """The document with its tables as they are now."""
    made = {"costs": costs_table(stack_with(DOCUMENTED_JOBS)), "job": further_job(), "prices": prices_table()}
    for name, content in made.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        if begin in text:
            before, _, rest = text.partition(begin)
            text = f"{before}{begin}{content}\n{end}{rest.partition(end)[2]}"
    return text


def main() -> int:
    DOCUMENT.write_text(document(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
    stack = stack_of(files.load_whole(TEMPLATE))
    print(f"US dollars a month with {stack.jobs} jobs, {prices.REGION}, prices of {prices.AS_OF}\n")
    print(costs_table(stack))
    print(f"\nwritten to {DOCUMENT.name}: the same for {DOCUMENTED_JOBS} jobs, each with a schedule")
    return 0


if __name__ == "__main__":
    sys.exit(main())
