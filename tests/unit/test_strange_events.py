"""What is no event of ours is refused in words, and one strange message does not stop its neighbours."""

from typing import Any

import pytest

import dispatcher.app
import migrate.app
from slowmatch.http import request
from slowmatch.jobs.worker import events as messages


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_time_that_utc_does_not_have_is_no_occurrence(time: str) -> None:
    with pytest.raises(messages.MessageError, match="out of range"):
        messages.parse({"source": "aws.events", "time": time})


@pytest.mark.parametrize("records", [None, 0, False, [], "text", {"body": 1}, [1], [None], [{}, []]])
def test_records_of_another_shape_are_no_batch(records: Any) -> None:
    with pytest.raises(messages.EventError, match="list of objects"):
        messages.parse_records({"Records": records})


@pytest.mark.parametrize(
    "event", [[], "text", {"payload": {"dryrun": True}}, {"payload": {"dry_run": "yes"}}, {"dry_run": True}]
)
def test_a_mistyped_dry_run_migrates_nothing(event: Any) -> None:
    with pytest.raises(migrate.app.EventError, match="accepts"):
        migrate.app.handler(event, None)


@pytest.mark.parametrize("event", [[], "text", {"payload": {"resend": 1}}, {"resend": True}, {"Records": []}])
def test_what_is_no_order_is_not_dispatched(event: Any) -> None:
    with pytest.raises(messages.EventError, match="accepts"):
        dispatcher.app.handler(event, None)


REQUEST = {"rawPath": "/", "requestContext": {"http": {"method": "GET"}, "stage": "$default"}}


@pytest.mark.parametrize(
    "event",
    [
        None,
        {"requestContext": None},
        REQUEST | {"rawPath": None},
        REQUEST | {"headers": "text"},
        REQUEST | {"headers": {"host": ["a"]}},
        REQUEST | {"queryStringParameters": {"a": {}}},
        REQUEST | {"body": 5},
    ],
)
def test_what_is_no_request_is_said_to_be_none(event: Any) -> None:
    request.check_event(REQUEST)
    with pytest.raises(request.EventError, match="payload format"):
        request.check_event(event)
