from pathlib import Path

import pytest

from local.template import reader
from local.template.model import Function, Template
from local.template.yaml_tags import TemplateError
from tests.unit.local.support import FIXTURE, TEMPLATE

QUEUE_ARN = "arn:aws:sqs:us-east-1:000000000000:slowmatch-work"


@pytest.fixture
def function(tiny: Template) -> Function:
    (function,) = tiny.functions
    return function


def test_a_function_takes_its_own_settings_over_the_shared_ones(function: Function) -> None:
    assert function.name == "slowmatch-TinyFunction"
    assert function.label == "tiny"
    assert (function.timeout, function.memory, function.concurrency, function.retries) == (60, 256, 3, 1)
    assert function.code == FIXTURE / "functions"
    assert function.layers == (FIXTURE / "layer",)


def test_the_environment_is_merged_and_resolved(function: Function) -> None:
    assert function.environment == {
        "SHARED": "shared",
        "BOTH": "from the function",
        "DB_HOST": "plain",
        "STACK": "slowmatch",
        "QUEUE": "http://127.0.0.1:1/000000000000/slowmatch-work",
        "ARN": QUEUE_ARN,
        "PREFIX": "https://sqs.us-east-1.amazonaws.com/000000000000/slowmatch-",
        "SMTP_PORT": None,
        "ABSENT": None,
    }


def test_a_queue_starts_the_function_as_its_event_says(function: Function) -> None:
    (source,) = function.queues
    assert source.queue_arn == QUEUE_ARN
    assert (source.batch_size, source.window, source.maximum_concurrency) == (5, 2, 2)
    assert source.reports_item_failures
    assert source.enabled


def test_a_topic_is_known_by_its_arn(tiny: Template, function: Function) -> None:
    (topic,) = tiny.topics
    assert function.topics == (topic.arn,)


def test_queues_come_with_their_redrive(tiny: Template) -> None:
    work, dead = tiny.queues
    assert work.attributes == {"VisibilityTimeout": "30"}
    assert (work.dead_letter_arn, work.max_receive_count) == (dead.arn, 2)
    assert tiny.queue(QUEUE_ARN) == work


def test_rules_and_schedules_are_the_same(tiny: Template, function: Function) -> None:
    nightly, paused, often = tiny.rules
    assert (nightly.name, nightly.expression, nightly.enabled) == (
        "slowmatch-nightly",
        "cron(0 2 * * ? *)",
        True,
    )
    assert nightly.targets[0].paths == (("time", "$.time"),)
    assert not paused.enabled
    assert (often.expression, often.targets[0].arn, often.targets[0].input) == (
        "rate(5 minutes)",
        function.arn,
        '{"often": true}',
    )


def test_secrets_are_named(tiny: Template) -> None:
    assert [secret.name for secret in tiny.secrets] == ["slowmatch/login"]


def test_a_function_is_found_by_id_name_and_arn(tiny: Template, function: Function) -> None:
    for name in ("TinyFunction", "slowmatch-TinyFunction", function.arn):
        assert tiny.function(name) is function
    assert tiny.function("OtherFunction") is None


def test_parameters_decide_conditions_and_mappings() -> None:
    rich = reader.read(TEMPLATE, aws_port=1, parameters={"Flavour": "rich"})
    (function,) = rich.functions
    assert function.memory == 1024
    assert function.environment["SMTP_PORT"] == "25"
    assert [queue.logical_id for queue in rich.queues] == ["WorkQueue", "DeadLetters", "RichQueue"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "cannot be read"),
        ("Outputs: {}", "no Resources"),
        ("Resources: {F: {Type: 'AWS::Serverless::Function', Properties: {}}}", "F has no Handler"),
        (
            "Resources: {F: {Type: 'AWS::Serverless::Function', Properties: {Handler: a.b, CodeUri: no/}}}",
            "not a folder",
        ),
    ],
)
def test_a_template_that_cannot_run_is_refused_by_name(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "template.yaml"
    file.write_text(text)
    with pytest.raises(TemplateError, match=said):
        reader.read(file, aws_port=1)


def test_a_missing_template_is_named(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match=r"absent\.yaml"):
        reader.read(tmp_path / "absent.yaml", aws_port=1)
