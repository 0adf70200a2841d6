"""The list of destinations, and the errors about an invalid one."""

import json
import uuid
from typing import Any

import boto3
import pytest

from slowmatch.aws.secrets import SecretError
from slowmatch.notifications.destinations import Destination, read

pytestmark = pytest.mark.usefixtures("aws")
JOBS = ("daily-summary", "db-cleanup")
SLACK = {"name": "ops", "kind": "slack", "url": "https://hooks.slack.com/services/T0/B0/abcdef"}
HOOK = {"name": "pager", "kind": "webhook", "url": "https://pager.example.com/x", "key": "0123456789abcdef"}


def reading(text: str, **options: Any) -> tuple[Destination, ...]:
    secrets = boto3.client("secretsmanager")
    arn = secrets.create_secret(Name=f"notify-{uuid.uuid4()}", SecretString=text)["ARN"]
    return tuple(read(arn, JOBS, **options).values())


def listed(*entries: Any, **options: Any) -> tuple[Destination, ...]:
    return reading(json.dumps(list(entries)), **options)


def test_without_a_secret_there_are_no_destinations() -> None:
    assert read(None, JOBS) == {}
    assert listed() == ()


def test_each_destination_has_what_it_wants() -> None:
    ops, pager = listed(SLACK, HOOK | {"events": ["failed", "alarm"], "jobs": ["db-cleanup"]})
    assert ops.wants("missed", "daily-summary") and ops.wants("alarm", None)
    assert pager.wants("failed", "db-cleanup") and pager.wants("alarm", None)
    assert not pager.wants("failed", "daily-summary") and not pager.wants("missed", "db-cleanup")


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("text", "destination 1: it is not a JSON object"),
        (SLACK | {"name": ""}, "destination 1: the key 'name' is invalid"),
        ({"kind": "slack"}, "destination 1: the key 'name' is missing; it must be"),
        (SLACK | {"name": "a\nb"}, "destination 1: the key 'name'"),
        (SLACK | {"kind": "discord"}, r"destination 1 \(ops\): the key 'kind' is invalid; it must be one"),
        (SLACK | {"color": "red"}, r"destination 1 \(ops\): unknown key 'color'"),
        (SLACK | {"key": "0123456789abcdef"}, "remove the key 'key'; it is only for webhooks"),
        (SLACK | {"format": "cloudevents"}, "remove the key 'format'; it is only for webhooks"),
        (
            HOOK | {"format": "xml"},
            r"\(pager\): the key 'format' is invalid; it must be one of slowmatch, cloudevents",
        ),
        (HOOK | {"key": "short"}, r"\(pager\): the key 'key' is invalid; it must be a string of whsec_"),
        (HOOK | {"key": "whsec_" + "A" * 31}, "the key 'key' is invalid"),
        (HOOK | {"key": "whsec_" + "A" * 28}, "the key 'key' is invalid"),
        (HOOK | {"key": "whsec_" + "A" * 88}, "the key 'key' is invalid"),
        (HOOK | {"key": "whsec_" + "-" * 32}, "the key 'key' is invalid"),
        (HOOK | {"old_key": "short"}, "the key 'old_key' is invalid"),
        (
            HOOK | {"old_key": "another of sixteen"},
            "'key' and 'old_key' together need one that is a string of whsec_",
        ),
        (SLACK | {"kind": "webhook"}, r"\(ops\): the key 'key' is missing; it must be"),
        (SLACK | {"events": ["Failed"]}, "the key 'events' is invalid; it must be a list of .* failed"),
        (SLACK | {"events": "failed"}, "the key 'events'"),
        (SLACK | {"jobs": ["nothing"]}, "the key 'jobs' is invalid; it must be a list of .* daily-summary"),
    ],
)
def test_a_wrong_entry_names_the_secret_and_the_key(entry: Any, said: str) -> None:
    with pytest.raises(SecretError, match=f"secret arn:aws:secretsmanager:.*{said}"):
        listed(entry)


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.slack.com/services/T0/B0/abcdef",
        "http://127.0.0.1:8090/x",
        "https://",
        "https://[hooks",
        "https://hooks..example.com/x",
        "https://hooks.example.com:99999/x",
        "https://user:secret@hooks.example.com/x",
        "https://hooks.example.com/a b",
        "https://hooks.example.com/a\r\nX: y",
        "https://hóoks.example.com/",
        "",
        ["https://hooks.example.com"],
    ],
)
def test_an_address_that_is_not_https_is_refused(url: Any) -> None:
    with pytest.raises(SecretError, match="the key 'url' is invalid; it must be an https") as refused:
        listed(SLACK | {"url": url})
    assert not url or str(url) not in str(refused.value)


def test_this_machine_reaches_itself_and_every_port() -> None:
    assert listed(SLACK | {"url": "http://127.0.0.1:8090/x"}, local=True)
    assert listed(SLACK | {"url": "https://hooks.example.com:8443/x"}, local=True)
    with pytest.raises(SecretError, match="the key 'url'"):
        listed(SLACK | {"url": "http://hooks.slack.com/x"}, local=True)


@pytest.mark.parametrize("port", [8443, 80])
def test_a_port_that_the_functions_do_not_reach_is_refused(port: int) -> None:
    with pytest.raises(SecretError, match="must be an https address on port 443 \\(functions cannot"):
        listed(SLACK | {"url": f"https://hooks.example.com:{port}/x"})
    assert listed(SLACK | {"url": "https://prod-00.westeurope.logic.azure.com:443/workflows/x"})


def test_a_name_is_there_once() -> None:
    with pytest.raises(SecretError, match="two destinations have the name 'ops'"):
        listed(SLACK, SLACK)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not valid JSON, line 1 column 2"),
        ('{"name": "ops"}', "is not a JSON list"),
        ("null", "is not a JSON list"),
    ],
)
def test_a_secret_that_is_no_list_says_so(text: str, said: str) -> None:
    with pytest.raises(SecretError, match=f"secret arn:aws:.*{said}"):
        reading(text)


def test_a_webhook_has_two_keys_while_one_replaces_the_other() -> None:
    (pager,) = listed(HOOK | {"key": "whsec_" + "A" * 32, "old_key": HOOK["key"], "format": "cloudevents"})
    assert pager.keys == ["whsec_" + "A" * 32, HOOK["key"]]
    assert pager.format == "cloudevents"
    assert HOOK["key"] not in repr(pager) and "AAAA" not in repr(pager)


def test_neither_address_nor_key_is_in_a_destination_s_repr() -> None:
    (pager,) = listed(HOOK)
    assert "pager.example.com" not in repr(pager) and HOOK["key"] not in repr(pager)
