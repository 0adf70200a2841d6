"""`make costs`: computes what a month on AWS costs. Writes the table of docs/costs.md, and prints it for your jobs.

The prices are in the document's last table, which is kept by hand; the document also explains the quantities.
"""

import re
from typing import NamedTuple

from local import ROOT
from local.template import yaml_tags

DOCUMENT = ROOT / "docs" / "costs.md"
DOCUMENTED_JOBS = 4
HOURS = 730
"""A month, as AWS counts."""
SECONDS = HOURS * 3600
_TABLE = re.compile(r"(?<=<!-- costs -->\n).*?(?=\n<!-- end of costs -->)", re.DOTALL)
_PRICE = re.compile(r"^\| ([^|]+) \| ([\d.]+) \| ([\d,]+) \| [^|]+ \| ([\d,]*) \| \[", re.MULTILINE)


class Price(NamedTuple):
    """US dollars for `per` units; `free` units a month cost nothing in every account."""

    usd: float
    per: int
    free: int


class Load(NamedTuple):
    """A month: `runs`, how many of them a request triggers, and how often open pages of the console ask."""

    name: str
    runs: int
    triggered: int
    polls: int


# A page asks every two seconds; a month has 22 working days.
LOADS = (
    Load("idle", 24 * 30 + 30 + 30, 0, 22 * 1800),
    Load("1 million", 1_000_000, 1_000_000, 22 * 8 * 1800),
    Load("100 million", 100_000_000, 100_000_000, 10 * 22 * 8 * 1800),
)
Line = tuple[str, str, dict[str, float]]
"""The item, what is counted, and the units of each price."""


def bill(jobs: int, load: Load) -> list[Line]:
    """The month of a stack with its own network, database and user pool; every job has a schedule."""
    runs, requests = load.runs, load.triggered + load.polls
    passes = HOURS * 12  # of the dispatcher
    invocations = runs + requests + passes
    cold_starts = 0.005  # their share of the invocations; each takes 1.5 s more
    queues, metrics, alarms = 1 + jobs, 9 + 6 * jobs, 14 + 6 * jobs
    # 5 ms of a processor a run, 0.25 processors an ACU; four times that, since it is half busy at most and
    # capacity stays a while after a peak.
    acu = max(0.5, runs / SECONDS * 0.005 / 0.25 * 4)
    stored_gb = 1 + runs * 1.5 / 1e6
    job_seconds = runs * 0.1 + passes * 0.4 + (runs + passes) * cold_starts * 1.5
    request_seconds = requests * (0.03 + cold_starts * 1.5)
    logged_gb = (runs * 1.6 + requests * 1.0 + passes * 1.5) / 1e6
    traces = sum(
        min(calls, SECONDS) + 0.05 * max(0, calls - SECONDS)
        for calls in (runs, load.triggered, load.polls, passes)
    )
    polls = queues * 5 * SECONDS / 20
    return [
        ("Aurora, capacity", "ACU-hours, the minimum at least", {"Aurora capacity": HOURS * acu}),
        (
            "Aurora, storage and I/O",
            "1.5 KB and 12 I/Os a run; a backup of the same size",
            {"Aurora storage": stored_gb, "backup": stored_gb, "Aurora I/O": runs * 12 + passes * 20},
        ),
        (
            "NAT gateway",
            "hours, its address, 4 KB a run",
            {"NAT gateway": HOURS, "public address": HOURS, "NAT data": runs * 4 / 1e6},
        ),
        (
            "Lambda",
            "0.1 s of 512 MB a run, 0.03 s of 1024 MB a request",
            {"Lambda requests": invocations, "Lambda compute": job_seconds * 0.5 + request_seconds * 1.0},
        ),
        ("API Gateway", "a request", {"HTTP API": requests}),
        ("SQS", f"3 requests a run, and 5 pollers on each of {queues} queues", {"SQS": 3 * runs + polls}),
        ("EventBridge", "occurrences of schedules", {"EventBridge": passes + LOADS[0].runs}),
        ("CloudWatch logs", "1.6 KB a run, 1.0 KB a request", {"logs": logged_gb}),
        ("CloudWatch metrics", f"at most {metrics}, 6 of them for each of {jobs} jobs", {"metrics": metrics}),
        ("CloudWatch alarms", f"{alarms} metrics in them", {"alarms": alarms}),
        (
            "CloudWatch dashboard",
            "one; its query reads a day of logs 220 times",
            {"dashboard": 1, "log queries": 220 * logged_gb / 30},
        ),
        ("X-Ray", "one per second and function, and 5% of the rest", {"X-Ray": traces}),
        (
            "Secrets Manager, KMS",
            "3 secrets, read at cold starts; 1 key",
            {"secrets": 3, "reads of secrets": 3 * cold_starts * invocations, "KMS key": 1},
        ),
        (
            "Data transfer",
            "to the other zone, and answers to the internet",
            {"between zones": runs * 4 / 1e6, "internet": requests * 1.5 / 1e6},
        ),
        (
            "SES, SNS, Cognito",
            "30 mails, 100 notifications, 10 people",
            {"SES": 30, "SNS": 100, "Cognito": 10},
        ),
    ]


def read_prices(text: str) -> dict[str, Price]:
    """The last table of the document."""
    return {
        name: Price(float(usd), int(per.replace(",", "")), int(free.replace(",", "") or 0))
        for name, usd, per, free in _PRICE.findall(text)
    }


def costs_table(jobs: int, prices: dict[str, Price]) -> str:
    def cost(line: Line, free: bool = False) -> float:
        used = ((prices[name], units) for name, units in line[2].items())
        return sum((min(units, each.free) if free else units) * each.usd / each.per for each, units in used)

    bills = [bill(jobs, load) for load in LOADS]
    totals = [sum(map(cost, lines)) for lines in bills]
    free = [sum(cost(line, free=True) for line in lines) for lines in bills]
    rows = [(*lines[0][:2], *(f"{cost(line):,.2f}" for line in lines)) for lines in zip(*bills, strict=True)]
    rows += [
        ("**a month**", "", *(f"**{each:,.2f}**" for each in totals)),
        ("what is free in every account", "if nothing else uses it", *(f"{-each:,.2f}" for each in free)),
        ("**a month, with that**", "", *(f"**{a - b:,.2f}**" for a, b in zip(totals, free, strict=True))),
    ]
    head = ("item", "what is counted", *(load.name for load in LOADS))
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows))


def updated(text: str) -> str:
    """The document with its first table as it is now."""
    return _TABLE.sub(lambda _: costs_table(DOCUMENTED_JOBS, read_prices(text)), text)


if __name__ == "__main__":
    text = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(updated(text), encoding="utf-8")
    jobs = len(yaml_tags.load(ROOT / "template.yaml")["Mappings"]["Job"])
    print(f"US dollars a month with {jobs} jobs:\n\n{costs_table(jobs, read_prices(text))}")
    print(f"\nWritten to docs/costs.md: the same for {DOCUMENTED_JOBS} jobs, each with a schedule.")
