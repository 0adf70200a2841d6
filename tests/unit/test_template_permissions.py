"""Each function may make the calls of its code and no others, whatever the parameters.

Policies are evaluated, not read. What a new job calls has to be in its code and in template.yaml.
"""

import re
from typing import Any

import pytest

from slowmatch.jobs.catalog import JOBS
from tests.sam import template
from tests.sam.evaluated import ACCOUNT, REGION, Stack
from tests.sam.parameters import DATABASE, KEY, NETWORK, NOTIFY, PROVIDER, SMTP, VPC, WITH_KEY, secret
from tests.sam.permissions import as_list, may, role_may, statements, tags, who_may
from tests.sam.template import ROOT

FUNCTIONS = set(template.functions())
APIS = set(template.api_functions())
JOB_FUNCTIONS = template.job_functions()

# How the code of a function looks when it makes a call, itself or by way of slowmatch.
ENQUEUES = r"\bserve\(|\benqueue\(|\bredelivery\b"
COUNTS_MESSAGES = r"\.depths\b|\bdead_letters\.report\b"
READS_DESTINATIONS = r"\bdestinations\.read\("
READS_SCHEDULES = r"\bread_schedules\b"
KEEPS_SCHEDULES = r"\bprojection\.project\b"
MAILS = r"from slowmatch\.mail\.transport import"
PUBLISHES = r"\bserve\(|\bpublishing\.publish"
SENDS_DELIVERIES = r"\bqueue\.send_"

SENDER = {"ses:FromAddress": "jobs@example.com"}

GIVEN_SECRETS = {
    name: value for name, value in (DATABASE | PROVIDER | SMTP | NOTIFY).items() if name.endswith("SecretArn")
}

STACKS = {
    "defaults": Stack(),
    "database elsewhere": Stack(**DATABASE),
    "network elsewhere": Stack(**NETWORK, **VPC),
    "everything elsewhere": Stack(**DATABASE, **NETWORK, **PROVIDER, **SMTP, **NOTIFY, **WITH_KEY),
    "SMTP, notifications": Stack(**SMTP, **NOTIFY),
    "SMTP with a key": Stack(**SMTP, **WITH_KEY),
    "a provider with a key": Stack(**PROVIDER, **WITH_KEY),
    "notifications with a key": Stack(**NOTIFY, **WITH_KEY),
    "key alone": Stack(**WITH_KEY),
}
every_stack = pytest.mark.parametrize("stack", STACKS.values(), ids=STACKS)


def functions_with(code: str) -> set[str]:
    """The functions whose own code has a match for the pattern."""
    return {
        name
        for name in FUNCTIONS
        if any(
            re.search(code, path.read_text(encoding="utf-8"))
            for path in (ROOT / "functions" / template.folder(name)).rglob("*.py")
        )
    }


def environment(stack: Stack, function: str) -> dict[str, Any]:
    variables: dict[str, Any] = stack.resources[function]["Properties"]["Environment"]["Variables"]
    return variables


def queue(name: str) -> str:
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:slowmatch-{name}"


# queues


@every_stack
@pytest.mark.parametrize("job", sorted(JOBS))
def test_who_enqueues_runs_may_send_to_the_queue_of_every_job(stack: Stack, job: str) -> None:
    assert who_may(stack, "sqs:SendMessage", queue(job)) == functions_with(ENQUEUES)


@pytest.mark.parametrize("name", [*(f"{job}-dead" for job in sorted(JOBS)), "notify-dead"])
def test_nobody_sends_to_dead_letters(name: str) -> None:
    assert who_may(STACKS["defaults"], "sqs:SendMessage", queue(name)) == set()


@pytest.mark.parametrize("job", sorted(JOBS))
def test_nobody_sends_to_a_stack_whose_name_begins_alike(job: str) -> None:
    other = Stack("slowmatch-prod")
    foreign = queue(f"prod-{job}")
    assert tags(other, foreign)
    assert who_may(STACKS["defaults"], "sqs:SendMessage", foreign, **tags(other, foreign)) == set()


@every_stack
def test_the_notifier_s_queue_takes_messages_only_from_who_delivers(stack: Stack) -> None:
    assert who_may(stack, "sqs:SendMessage", queue("notify")) == functions_with(SENDS_DELIVERIES)


@every_stack
@pytest.mark.parametrize("name", [name for job in sorted(JOBS) for name in (job, f"{job}-dead")])
def test_who_counts_messages_may_ask_each_queue(stack: Stack, name: str) -> None:
    assert who_may(stack, "sqs:GetQueueAttributes", queue(name)) == functions_with(COUNTS_MESSAGES)


@every_stack
@pytest.mark.parametrize("job", sorted(JOBS))
def test_only_who_reads_schedules_may_look_at_rules(stack: Stack, job: str) -> None:
    rule = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/slowmatch-{job}"
    assert who_may(stack, "events:DescribeRule", rule) == functions_with(READS_SCHEDULES)


@every_stack
def test_only_the_dispatcher_keeps_schedules_and_only_of_the_group(stack: Stack) -> None:
    keepers = functions_with(KEEPS_SCHEDULES)
    schedule = f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/"
    for action in ("GetSchedule", "CreateSchedule", "UpdateSchedule", "DeleteSchedule"):
        assert who_may(stack, f"scheduler:{action}", f"{schedule}slowmatch/nightly") == keepers != set()
        assert who_may(stack, f"scheduler:{action}", f"{schedule}slowmatch-prod/nightly") == set()
        assert who_may(stack, f"scheduler:{action}", f"{schedule}default/nightly") == set()
    assert who_may(stack, "scheduler:ListSchedules", "*") == keepers


@every_stack
def test_only_the_dispatcher_passes_one_role_to_scheduler(stack: Stack) -> None:
    def passing(role: str, service: str) -> set[str]:
        return who_may(stack, "iam:PassRole", stack.arn(role), **{"iam:PassedToService": service})

    assert passing("SchedulerRole", "scheduler.amazonaws.com") == functions_with(KEEPS_SCHEDULES)
    assert passing("SchedulerRole", "lambda.amazonaws.com") == set()
    assert passing("ConsoleFunctionRole", "scheduler.amazonaws.com") == set()


def test_scheduler_alone_assumes_the_role_and_only_for_the_group() -> None:
    schedules = STACKS["defaults"].nested("SchedulesStack")
    (statement,) = schedules.own["SchedulerRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert statement["Condition"]["StringEquals"] == {
        "aws:SourceAccount": ACCOUNT,
        "aws:SourceArn": f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/slowmatch",
    }


@pytest.mark.parametrize("job", sorted(JOBS))
def test_schedules_send_to_queues_of_jobs_and_no_others(job: str) -> None:
    foreign = Stack("slowmatch-prod")

    def may_send(name: str) -> bool:
        tagged = tags(foreign, queue(name))
        return role_may(STACKS["defaults"], "SchedulerRole", "sqs:SendMessage", queue(name), **tagged)

    assert may_send(job) and may_send(f"{job}-dead")
    others = ("notify", "notify-dead", f"prod-{job}", f"prod-{job}-dead")
    assert [name for name in others if may_send(name)] == []


@every_stack
def test_who_changes_schedules_may_wake_the_dispatcher(stack: Stack) -> None:
    dispatcher = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:DispatcherFunction"
    wakers = {name for name in FUNCTIONS if "DISPATCHER_FUNCTION" in environment(stack, name)}
    assert wakers == {"ConsoleFunction", "JobsApiFunction"}
    assert who_may(stack, "lambda:InvokeFunction", dispatcher) == wakers


# notifications


@every_stack
def test_who_ends_runs_may_publish_under_the_topic_s_key(stack: Stack) -> None:
    publishing = functions_with(PUBLISHES)
    assert who_may(stack, "sns:Publish", stack.arn("NotifyTopic")) == publishing
    for action in ("kms:GenerateDataKey", "kms:Decrypt"):
        assert who_may(stack, action, stack.arn("NotifyKey")) == publishing


# mail


def mailers(identity: str, account: str = ACCOUNT, action: str = "ses:SendEmail", **context: str) -> set[str]:
    """Who may mail with an identity or configuration set of SES."""
    return who_may(STACKS["defaults"], action, f"arn:aws:ses:{REGION}:{account}:{identity}", **context)


@pytest.mark.parametrize("action", ["ses:SendEmail", "ses:SendRawEmail"])
@pytest.mark.parametrize(
    "identity", ["identity/example.com", "identity/you@gmail.com", "configuration-set/default"]
)
def test_ses_is_asked_for_each_identity_and_configuration_set(action: str, identity: str) -> None:
    roles = ", ".join(f"!Ref {function}Role" for function in sorted(functions_with(MAILS)))
    allowed = mailers(identity, action=action, **SENDER)
    assert allowed == functions_with(MAILS), f"Roles of MailSending in template.yaml must be [{roles}]"


def test_nobody_mails_as_somebody_else_or_for_another_account() -> None:
    assert mailers("identity/example.com", **SENDER)
    assert mailers("identity/example.com", **{"ses:FromAddress": "boss@example.com"}) == set()
    assert mailers("identity/example.com") == set()
    assert mailers("identity/example.com", "999999999999", **SENDER) == set()


# secrets


@every_stack
def test_every_function_reads_the_database_secret_that_it_is_told_of(stack: Stack) -> None:
    for function in FUNCTIONS:
        arn = stack.resources[function]["Properties"]["Environment"]["Variables"]["DB_SECRET_ARN"]
        assert arn.startswith("arn:"), function
        assert may(stack, function, "secretsmanager:GetSecretValue", arn), function


@every_stack
def test_only_functions_behind_the_api_read_the_sign_in_s_secrets(stack: Stack) -> None:
    variables = stack.resources[sorted(APIS)[0]]["Properties"]["Environment"]["Variables"]
    made = {stack.arn(name) for name in stack.of_type("AWS::SecretsManager::Secret")}
    for name in ("SESSION_SECRET_ARN", "OIDC_SECRET_ARN"):
        whole = next((arn for arn in made if arn.startswith(variables[name])), variables[name])
        assert who_may(stack, "secretsmanager:GetSecretValue", whole) == APIS, name


@every_stack
@pytest.mark.parametrize("job", sorted(JOBS))
def test_a_job_alone_reads_the_secrets_below_its_own_name(stack: Stack, job: str) -> None:
    readers = {function for function, name in JOB_FUNCTIONS.items() if name == job}
    own = secret(f"slowmatch/jobs/{job}/webhook-token")
    assert who_may(stack, "secretsmanager:GetSecretValue", own) == readers


@every_stack
def test_no_function_names_an_empty_resource(stack: Stack) -> None:
    for function in FUNCTIONS:
        for statement in statements(stack, function):
            resources = as_list(statement["Resource"])
            may_be_all = statement["Action"] == "scheduler:ListSchedules"  # IAM knows no narrower one
            assert all(each.startswith("arn:") or (may_be_all and each == "*") for each in resources), (
                function
            )


@every_stack
def test_an_own_secret_is_read_by_who_needs_it(stack: Stack) -> None:
    readers = {
        "DatabaseSecretArn": FUNCTIONS,
        "OidcSecretArn": APIS,
        "SmtpSecretArn": functions_with(MAILS),
        "NotifySecretArn": functions_with(READS_DESTINATIONS),
    }
    for parameter, arn in GIVEN_SECRETS.items():
        allowed = who_may(stack, "secretsmanager:GetSecretValue", arn)
        assert allowed == (readers[parameter] if parameter in stack.parameters else set()), parameter


@every_stack
def test_who_reads_an_own_secret_may_use_its_key(stack: Stack) -> None:
    readers = {
        function
        for arn in GIVEN_SECRETS.values()
        for function in who_may(stack, "secretsmanager:GetSecretValue", arn)
    }
    assert who_may(stack, "kms:Decrypt", KEY) == (readers if "SecretsKeyArn" in stack.parameters else set())
    assert who_may(stack, "kms:Decrypt", f"{KEY}0") == set()
