"""Every five minutes: hands due runs to SQS, rescues lost ones, reports missed ticks, keeps house."""

from typing import Any

from dispatcher.duties import perform
from slowmatch import telemetry
from slowmatch.db import connection
from slowmatch.jobs.worker.events import EventError
from slowmatch.settings import settings


def handler(event: Any, context: Any) -> dict[str, Any]:
    """A scheduled event, `{}`, or `{"payload": {"resend": true}}` to send all waiting messages again.

    Answers what was done, and as `failed` which duties failed and why. Raises EventError for another event, and
    Unavailable without a database.
    """
    resend = _resends(event)
    outcome = perform(connection(), settings(), lambda: context.get_remaining_time_in_millis() / 1000, resend)
    telemetry.count("DispatcherFailures", len(outcome.failed))
    answer = {**outcome.done, "failed": outcome.failed}
    telemetry.logger.info("dispatched", extra=answer)
    return answer


def _resends(event: Any) -> bool:
    if event in ({}, None) or (isinstance(event, dict) and event.get("source") == "aws.events"):
        return False
    payload = event.get("payload") if isinstance(event, dict) and event.keys() == {"payload"} else None
    if payload == {}:
        return False
    if isinstance(payload, dict) and payload.keys() == {"resend"} and isinstance(payload["resend"], bool):
        return payload["resend"]
    raise EventError(
        'this function accepts a scheduled event of EventBridge, {} or {"payload": {"resend": true}}'
    )
