"""What a job's definition may say, and what it makes of a payload."""

from typing import Any

import pytest

from slowmatch.jobs import Boolean, DefinitionError, Integer, Job, PayloadError, Secret, Text
from slowmatch.settings import SettingsError

REPORT = Job(
    name="report",
    description="Counts things.",
    payload={
        "days": Integer("how many", 1, 365, default=7),
        "title": Text("above it", required=True),
        "draft": Boolean("only a draft"),
    },
)

HOOK = Job(
    name="hook",
    description="Posts things.",
    settings={
        "URL": Text("where to post"),
        "TOKEN": Secret("what the receiver asks for"),
        "TRIES": Integer("how often", 1, 5, default=3),
    },
)


def test_the_defaults_are_those_of_the_fields_that_have_one() -> None:
    assert REPORT.defaults == {"days": 7}


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ([], "payload: must be a JSON object"),
        ({"title": "May", "day": 1}, "day: is not a field of report, which takes days, title, draft"),
        ({"title": "May", "days": 0}, "days: must be a whole number from 1 to 365"),
        ({}, "title: is required"),
    ],
)
def test_payload_is_refused_with_the_field(payload: Any, message: str) -> None:
    with pytest.raises(PayloadError) as refused:
        REPORT.check(payload)
    assert str(refused.value) == message


def test_settings_are_what_the_row_says_and_defaults() -> None:
    assert HOOK.read_settings('{"TOKEN": "hook-token", "URL": "https://x"}') == {
        "URL": "https://x",
        "TOKEN": "hook-token",
        "TRIES": 3,
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "",
            "Settings of hook is not JSON (Expecting value at column 1): it must be a JSON object such as {}",
        ),
        ("[]", "Settings of hook is not a JSON object: it must be a JSON object such as {}"),
        ('{"TOKEN": "t"}', "URL of hook (where to post) has no value: add it to Settings in the job's row"),
        ('{"URL": "x", "TOKEN": "t", "TRIES": 9}', "TRIES of hook is 9: must be a whole number from 1 to 5"),
        (
            '{"URL": "x", "TOKEN": "Bearer 12"}',
            "TOKEN of hook is a value that is not shown here: must be the secret's name",
        ),
        ('{"URI": "x"}', "URI is not a setting of hook; its job.py declares URL, TOKEN, TRIES"),
    ],
)
def test_settings_are_refused_with_the_name(text: str, message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        HOOK.read_settings(text)
    assert message in str(refused.value)


def test_text_of_wrong_settings_is_not_repeated() -> None:
    with pytest.raises(SettingsError) as refused:
        HOOK.read_settings('{"TOKEN": "s3cret", }')
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"name": "Report"}, "name is 'Report': must be lower-case words joined by hyphens"),
        ({"name": "r" * 25}, "at most 24 characters"),
        ({"name": "dead-ends"}, "must not contain the word dead, which marks dead-letter queues"),
        ({"description": ""}, "description is '': must be a non-empty string"),
        ({"description": None}, "description is None: must be a non-empty string"),
        ({"max_running": 3}, "max_running is 3: must be 1, or None for no limit"),
        ({"overlap": "queue"}, "overlap is 'queue': must be 'skip' or 'wait'"),
        ({"max_attempts": 0}, "max_attempts is 0: must be a whole number from 1 to 11"),
        ({"max_attempts": "3"}, "max_attempts is '3': must be a whole number from 1 to 11"),
        ({"payload": ["days"]}, "payload is ['days']: must be a dict that maps names to fields"),
        ({"role": "root"}, "role is 'root': must be 'operator' or 'admin'"),
        ({"payload": {"Days": Boolean("x")}}, "payload: 'Days' is not a valid field name"),
        ({"payload": {"days": "boolean"}}, "payload: days is 'boolean': must be a field of one of the kinds"),
        ({"payload": {"days": Integer("x", 1, 2, default=3)}}, "payload: days: its default is 3"),
        ({"payload": {"token": Secret("x")}}, "payload: token is a Secret"),
        ({"settings": {"url": Text("x")}}, "settings: 'url' is not a valid field name"),
    ],
)
def test_definition_is_refused_with_the_field(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(DefinitionError) as refused:
        Job(**{"name": "report", "description": "Counts things.", **changed})
    assert message in str(refused.value)
