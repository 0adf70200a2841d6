"""What a month on AWS is billed for: quantities, by the arithmetic, and their prices.

How long, how big and how often a thing is, stands here with where it comes from; docs/costs.md explains it.
"""

from dataclasses import dataclass

from tools import prices
from tools.prices import Price

HOURS = 730
"""Of a month, as AWS counts."""
SECONDS = HOURS * 3600
POLLERS = 5
"""Long polls that Lambda keeps open on a queue whose concurrency is limited, each of 20 seconds."""

RUN_SECONDS = 0.1
"""Of a run: about 0.03 of bookkeeping (measured 2 to 15 ms beside its database), the rest is the job's."""
REQUEST_SECONDS = 0.03
TICK_SECONDS = 0.4
COLD_STARTS, COLD_SECONDS = 0.005, 1.5
"""The share of invocations that start an environment, and what that adds."""

RUN_LOG_KB = 1.6
"""1.0 measured, the metrics among it, and Lambda's own three lines."""
REQUEST_LOG_KB = 1.0
TICK_LOG_KB = 1.5

DASHBOARD_LOOKS = 10 * 22
"""Of a month: how often somebody opens the dashboard, or it refreshes itself, with a day in view."""

RUN_STORED_KB = 1.5
"""1.23 measured with indexes, and a line of log; kept for the 30 days of RUN_RETENTION_DAYS."""
RUN_IOS = 12
"""7.5 measured commits of a triggered run, and as much again for vacuum and cold reads."""
TICK_IOS = 20
RUN_DATABASE_SECONDS = 0.005
"""Processor time: 1.4 ms measured for the run, and the trigger, the vacuum, a slower processor."""
ACU_PROCESSORS = 0.25
"""Processors an ACU; AWS says 2 GiB "with corresponding CPU" and no number."""
ACU_SPARE = 4
"""Half busy at most, and capacity that stays a while after a peak."""

RUN_ZONES_KB, RUN_NAT_KB, REQUEST_INTERNET_KB = 4.0, 4.0, 1.5

METRICS_BY_JOB = ("RunSucceeded", "RunFailed", "RunRetried", "AttemptDuration", "AttemptLost", "RunMissed")
METRICS_BY_DESTINATION = ("NotificationSent", "NotificationFailed")
OTHER_METRICS = (
    "RecordsCreated",
    "RecordsExpired",
    "RecordsDeleted",
    "MailsSent",
    "MailsFailed",
    "DispatcherFailures",
)
PEOPLE, MAILS, NOTIFICATIONS, DESTINATIONS = 10, 30, 100, 2


@dataclass(frozen=True, slots=True)
class Load:
    """What happens in a month. A run is triggered by one request of its own, unless a schedule does it."""

    name: str
    runs: int
    triggered: int
    polls: int

    @property
    def requests(self) -> int:
        return self.triggered + self.polls


# An open page of the console asks every two seconds; a month has 22 working days.
IDLE = Load("idle", 24 * 30 + 30 + 30, 0, polls=22 * 1800)
MILLION = Load("1 million", 1_000_000, 1_000_000, polls=22 * 8 * 1800)
HUNDRED_MILLION = Load("100 million", 100_000_000, 100_000_000, polls=10 * 22 * 8 * 1800)
LOADS = (IDLE, MILLION, HUNDRED_MILLION)


@dataclass(frozen=True, slots=True)
class Stack:
    """What the template makes, when it is given neither a network nor a database nor a provider."""

    memory_gb: float
    request_memory_gb: float
    jobs: int
    queues: int
    nat_gateways: int
    minimum_acu: float
    secrets: int
    keys: int
    alarm_metrics: int
    dashboards: int


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the bill. Units of several prices make one line where nobody wants to know them singly."""

    item: str
    counted: str
    parts: tuple[tuple[Price, float], ...]

    @property
    def cost(self) -> float:
        return sum(price.cost(units) for price, units in self.parts)

    @property
    def allowance(self) -> float:
        return sum(price.allowance(units) for price, units in self.parts)


def bill(stack: Stack, load: Load) -> list[Line]:
    ticks = HOURS * 12
    invocations = load.runs + load.requests + ticks
    return [
        _aurora(stack, load),
        _aurora_data(load, ticks),
        _nat(stack, load),
        _lambda(stack, load, ticks, invocations),
        Line("API Gateway", "a request", ((prices.API, load.requests),)),
        _sqs(stack, load),
        Line("EventBridge", "ticks of schedules", ((prices.EVENTBRIDGE, ticks + IDLE.runs),)),
        _logs(load, ticks),
        _custom_metrics(stack),
        Line(
            "CloudWatch alarms",
            f"{stack.alarm_metrics} metrics in them",
            ((prices.ALARMS, stack.alarm_metrics),),
        ),
        _dashboard(stack, load, ticks),
        _xray(load, ticks),
        _secrets(stack, invocations),
        _data(load),
        _people(),
    ]


def capacity(stack: Stack, load: Load) -> float:
    """The ACUs that are there on average."""
    busy = load.runs / SECONDS * RUN_DATABASE_SECONDS / ACU_PROCESSORS
    return max(stack.minimum_acu, busy * ACU_SPARE)


def _aurora(stack: Stack, load: Load) -> Line:
    hours = HOURS * capacity(stack, load)
    return Line("Aurora, capacity", "ACU-hours, the minimum at least", ((prices.ACU, hours),))


def _aurora_data(load: Load, ticks: int) -> Line:
    stored = 1 + load.runs * RUN_STORED_KB / 1e6
    ios = load.runs * RUN_IOS + ticks * TICK_IOS
    parts = ((prices.STORAGE, stored), (prices.BACKUP, stored), (prices.IO, ios))
    counted = f"{RUN_STORED_KB} KB and {RUN_IOS} I/Os a run; a backup of the same size"
    return Line("Aurora, storage and I/O", counted, parts)


def _nat(stack: Stack, load: Load) -> Line:
    hours = HOURS * stack.nat_gateways
    through = load.runs * RUN_NAT_KB / 1e6
    parts = ((prices.NAT_HOURS, hours), (prices.ADDRESS, hours), (prices.NAT_DATA, through))
    return Line("NAT gateway", f"hours, its address, {RUN_NAT_KB:.0f} KB a run", parts)


def _lambda(stack: Stack, load: Load, ticks: int, invocations: int) -> Line:
    small = load.runs * RUN_SECONDS + ticks * TICK_SECONDS + (load.runs + ticks) * COLD_STARTS * COLD_SECONDS
    large = load.requests * (REQUEST_SECONDS + COLD_STARTS * COLD_SECONDS)
    compute = small * stack.memory_gb + large * stack.request_memory_gb
    counted = f"{RUN_SECONDS} s of {stack.memory_gb * 1024:.0f} MB a run, {REQUEST_SECONDS} s of "
    counted += f"{stack.request_memory_gb * 1024:.0f} MB a request"
    return Line("Lambda", counted, ((prices.LAMBDA_REQUESTS, invocations), (prices.LAMBDA_COMPUTE, compute)))


def _sqs(stack: Stack, load: Load) -> Line:
    polls = stack.queues * POLLERS * SECONDS / 20
    counted = f"3 requests a run, and {POLLERS} pollers on each of {stack.queues} queues"
    return Line("SQS", counted, ((prices.SQS, polls + 3 * load.runs),))


def _logs(load: Load, ticks: int) -> Line:
    counted = f"{RUN_LOG_KB} KB a run, {REQUEST_LOG_KB} KB a request"
    return Line("CloudWatch logs", counted, ((prices.LOGS, _logged_gb(load, ticks)),))


def _logged_gb(load: Load, ticks: int) -> float:
    return (load.runs * RUN_LOG_KB + load.requests * REQUEST_LOG_KB + ticks * TICK_LOG_KB) / 1e6


def _dashboard(stack: Stack, load: Load, ticks: int) -> Line:
    """Its widget of cold starts reads the logs of the time in view, each time it is opened."""
    read = DASHBOARD_LOOKS * _logged_gb(load, ticks) / 30
    parts = ((prices.DASHBOARDS, stack.dashboards), (prices.QUERIES, read))
    counted = f"one; its query reads a day of logs {DASHBOARD_LOOKS} times"
    return Line("CloudWatch dashboard", counted, parts)


def _custom_metrics(stack: Stack) -> Line:
    by_job = len(METRICS_BY_JOB) * stack.jobs
    metrics = by_job + len(METRICS_BY_DESTINATION) * DESTINATIONS + len(OTHER_METRICS)
    counted = f"at most {metrics}, {len(METRICS_BY_JOB)} of them for each of {stack.jobs} jobs"
    return Line("CloudWatch metrics", counted, ((prices.METRICS, metrics),))


def _xray(load: Load, ticks: int) -> Line:
    """Lambda decides, for each function: the first invocation of a second, and 5 % of the others."""
    functions = (load.runs, load.triggered, load.polls, ticks)
    traces = sum(min(each, SECONDS) + 0.05 * max(0, each - SECONDS) for each in functions)
    return Line("X-Ray", "one a second and function, and 5 % of the rest", ((prices.TRACES, traces),))


def _secrets(stack: Stack, invocations: int) -> Line:
    reads = 3 * COLD_STARTS * invocations
    parts = ((prices.SECRETS, stack.secrets), (prices.SECRET_CALLS, reads), (prices.KEYS, stack.keys))
    counted = f"{stack.secrets} secrets, read at cold starts; {stack.keys} key"
    return Line("Secrets Manager, KMS", counted, parts)


def _data(load: Load) -> Line:
    between = load.runs * RUN_ZONES_KB / 1e6
    out = load.requests * REQUEST_INTERNET_KB / 1e6
    counted = "to the other zone, and answers to the internet"
    return Line("Data transfer", counted, ((prices.ZONES, between), (prices.INTERNET, out)))


def _people() -> Line:
    parts = ((prices.MAILS, MAILS), (prices.PUBLISHES, NOTIFICATIONS), (prices.PEOPLE, PEOPLE))
    counted = f"{MAILS} mails, {NOTIFICATIONS} notifications, {PEOPLE} people"
    return Line("SES, SNS, Cognito", counted, parts)
