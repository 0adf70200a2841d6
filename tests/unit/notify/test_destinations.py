"""The list of destinations, and the errors about an invalid one."""

import json
import re
import uuid
from typing import Any

import boto3
import pytest

from slowmatch.aws.secrets import SecretError
from slowmatch.notifications.destinations import EVENTS, Destination, DestinationList, read

pytestmark = pytest.mark.usefixtures("aws")
JOBS = {"daily-summary": True, "db-cleanup": True, "send-test-mail": False}
SLACK = {"name": "ops", "kind": "slack", "url": "https://hooks.slack.com/services/T0/B0/abcdef"}
HOOK = {"name": "pager", "kind": "webhook", "url": "https://pager.example.com/x", "key": "0123456789abcdef"}


def reading(text: str, **options: Any) -> DestinationList:
    secrets = boto3.client("secretsmanager")
    arn = secrets.create_secret(Name=f"notify-{uuid.uuid4()}", SecretString=text)["ARN"]
    return read(arn, JOBS, **options)


def listed(*entries: Any, **options: Any) -> tuple[Destination, ...]:
    """The destinations of a list without flaws."""
    found = reading(json.dumps(list(entries)), **options)
    assert found.flaws == {}
    return tuple(found.destinations.values())


def flaws(*entries: Any, **options: Any) -> dict[str, str]:
    return reading(json.dumps(list(entries)), **options).flaws


def test_without_a_secret_there_are_no_destinations() -> None:
    assert read(None, JOBS) == DestinationList()
    assert listed() == ()


def test_each_destination_has_what_it_wants() -> None:
    ops, pager = listed(SLACK, HOOK | {"events": ["failed", "alarm"], "jobs": ["db-cleanup"]})
    assert ops.wants("missed", "daily-summary") and ops.wants("alarm", None)
    assert pager.wants("failed", "db-cleanup") and pager.wants("alarm", None)
    assert not pager.wants("failed", "daily-summary") and not pager.wants("missed", "db-cleanup")


@pytest.mark.parametrize("event", EVENTS)
def test_only_who_names_the_test_mail_hears_of_it(event: str) -> None:
    ops, named = listed(SLACK, HOOK | {"jobs": ["send-test-mail"]})
    assert named.wants(event, "send-test-mail") and not ops.wants(event, "send-test-mail")
    assert ops.wants(event, "a job that is no more")


@pytest.mark.parametrize(
    ("entry", "name", "said"),
    [
        ("text", "destination #2", "it is not a JSON object"),
        (SLACK | {"name": ""}, "destination #2", "the key 'name' is invalid"),
        ({"kind": "slack"}, "destination #2", "the key 'name' is missing; it must be"),
        (SLACK | {"name": "a\nb"}, "destination #2", "the key 'name'"),
        (SLACK | {"name": ["ops"]}, "destination #2", "the key 'name'"),
        (SLACK | {"kind": "discord"}, "ops", "the key 'kind' is invalid; it must be one"),
        (SLACK | {"color": "red"}, "ops", "unknown key 'color'"),
        (
            SLACK | {"key": "0123456789abcdef"},
            "ops",
            "remove the key 'key'; it is only for webhooks",
        ),
        (SLACK | {"format": "cloudevents"}, "ops", "remove the key 'format'; it is only for webhooks"),
        (
            HOOK | {"format": "xml"},
            "pager",
            "the key 'format' is invalid; it must be one of slowmatch, cloudevents",
        ),
        (HOOK | {"key": "short"}, "pager", "the key 'key' is invalid; it must be a string of whsec_"),
        (HOOK | {"key": "whsec_" + "A" * 31}, "pager", "the key 'key' is invalid"),
        (HOOK | {"key": "whsec_" + "A" * 28}, "pager", "the key 'key' is invalid"),
        (HOOK | {"key": "whsec_" + "A" * 88}, "pager", "the key 'key' is invalid"),
        (HOOK | {"key": "whsec_" + "-" * 32}, "pager", "the key 'key' is invalid"),
        (HOOK | {"key": "whsek_" + "A" * 32}, "pager", "the key 'key' is invalid"),
        (HOOK | {"key": "WHSEC_" + "A" * 32}, "pager", "the key 'key' is invalid"),
        (HOOK | {"key": "whsec" + "A" * 32}, "pager", "the key 'key' is invalid"),
        (HOOK | {"key": " whsec_" + "A" * 32}, "pager", "the key 'key' is invalid"),
        (HOOK | {"old_key": "short"}, "pager", "the key 'old_key' is invalid"),
        (
            HOOK | {"old_key": "another of sixteen"},
            "pager",
            "'key' and 'old_key' together need one that is a string of",
        ),
        (SLACK | {"kind": "webhook"}, "ops", "the key 'key' is missing; it must be"),
        (
            SLACK | {"events": ["Failed"]},
            "ops",
            "the key 'events' is invalid; it must be a list of .* failed",
        ),
        (SLACK | {"events": "failed"}, "ops", "the key 'events'"),
        (SLACK | {"events": []}, "ops", "the key 'events' is invalid; it must be a list of one or more"),
        (SLACK | {"events": None}, "ops", "the key 'events' is invalid"),
        (SLACK | {"jobs": []}, "ops", "the key 'jobs' is invalid; it must be a list of one or more"),
        (SLACK | {"events": [["failed"]]}, "ops", "the key 'events'"),
        (
            SLACK | {"jobs": ["nothing"]},
            "ops",
            "the key 'jobs' is invalid; it must be a list of .* daily-summary",
        ),
    ],
)
def test_a_wrong_entry_is_named_and_affects_no_other(entry: Any, name: str, said: str) -> None:
    found = reading(json.dumps([HOOK | {"name": "other"}, entry]))
    assert list(found.flaws) == [name] and re.match(said, found.flaws[name])
    assert "AAAA" not in found.flaws[name]
    assert found.destinations["other"].flaw is None


def test_an_entry_without_a_name_is_not_taken_for_another() -> None:
    found = reading(json.dumps([SLACK | {"name": "destination 2"}, SLACK | {"name": ""}]))
    assert (
        found.destinations.keys() == {"destination 2"} and not found.destinations.keys() & found.flaws.keys()
    )


@pytest.mark.parametrize("key", ["0123456789abcdef", "webhook_secret_of_old", "a key of sixteen or more"])
def test_a_key_of_the_old_form_may_have_any_words(key: str) -> None:
    assert listed(HOOK | {"key": key})


@pytest.mark.parametrize("host", ["hooks.slack.com.", "8.8.8.8", "[2606:4700::1111]"])
def test_an_address_that_is_public_is_accepted(host: str) -> None:
    assert listed(SLACK | {"url": f"https://{host}/x"})


def test_every_mistake_of_an_entry_is_named() -> None:
    wrong = {"name": "ops", "kind": "carrier pigeon", "url": "ftp://x", "jobs": 7, "colour": 1}
    keys = re.findall("key '(\\w+)'", flaws(wrong)["ops"])
    assert sorted(keys) == ["colour", "jobs", "kind", "url"]


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
        "https://127.0.0.1/x",
        "https://10.0.0.7/x",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/x",
        "https://2130706433/x",
        "https://localhost/x",
        "https://localhost./x",
        "https://hooks.localhost./x",
        "https://10.0.0.7./x",
        "https://224.0.0.1/x",
        "https://[ff0e::1]/x",
        "https://[64:ff9b::a00:7]/x",
        "https://[::10.0.0.7]/x",
        "https://[::ffff:10.0.0.7]/x",
        "",
        ["https://hooks.example.com"],
    ],
)
def test_an_address_that_is_not_https_or_private_is_refused(url: Any) -> None:
    said = flaws(SLACK | {"url": url})["ops"]
    assert said.startswith("the key 'url' is invalid; it must be an https address on port 443")
    assert not url or str(url) not in said


def test_this_machine_reaches_itself_and_every_port() -> None:
    assert listed(SLACK | {"url": "http://127.0.0.1:8090/x"}, local=True)
    assert listed(SLACK | {"url": "https://hooks.example.com:8443/x"}, local=True)
    assert "the key 'url'" in flaws(SLACK | {"url": "http://hooks.slack.com/x"}, local=True)["ops"]


@pytest.mark.parametrize("port", [8443, 80])
def test_a_port_that_the_functions_do_not_reach_is_refused(port: int) -> None:
    said = flaws(SLACK | {"url": f"https://hooks.example.com:{port}/x"})["ops"]
    assert "must be an https address on port 443 (functions cannot" in said
    assert listed(SLACK | {"url": "https://prod-00.westeurope.logic.azure.com:443/workflows/x"})


def test_of_two_with_the_same_name_the_first_is_used() -> None:
    found = reading(json.dumps([SLACK, HOOK | {"name": "ops"}]))
    assert found.flaws == {"destination #2": "an earlier destination has the name 'ops' too"}
    assert found.destinations["ops"].kind == "slack" and found.destinations["ops"].flaw is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not valid JSON, line 1 column 2"),
        ('{"name": "ops"}', "is not a JSON list"),
        ("null", "is not a JSON list"),
        ("[" * 100_000, "is not valid JSON"),
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
