"""Every five minutes: sends messages of due runs, rescues lost ones, reports missed ones, deletes old ones."""

from typing import Any

from dispatcher.duties import SCHEDULES, perform
from slowmatch import telemetry
from slowmatch.db import connection
from slowmatch.jobs.schedules import wake
from slowmatch.jobs.worker.events import EventError
from slowmatch.settings import settings


def handler(event: Any, context: Any) -> dict[str, Any]:
    """Handle a scheduled event, `{}`, or `{"payload": {"resend": true}}` to send all waiting messages again.

    `{"duty": "schedules"}` brings changed schedules into force and does nothing else.

    The answer says what was done and, as `failed`, which duties failed and why. Raises EventError for another event,
    and Unavailable without a database.
    """
    is_woken = event == wake.EVENT
    resend = not is_woken and _parse(event)
    outcome = perform(
        connection(),
        settings(),
        lambda: context.get_remaining_time_in_millis() / 1000,
        resend=resend,
        only=SCHEDULES if is_woken else None,
    )
    telemetry.count("DispatcherFailures", len(outcome.failed))
    answer = {**outcome.done, "failed": outcome.failed}
    telemetry.logger.info("dispatched", extra=answer)
    return answer


def _parse(event: Any) -> bool:
    """Whether to send messages again that were sent before."""
    match event:
        case None | {"source": "aws.events"}:
            return False
        case dict() if event in ({}, {"payload": {}}):
            return False
        case {"payload": {"resend": bool(resend), **more}, **others} if not more and not others:
            return resend
    raise EventError(
        'this function accepts a scheduled EventBridge event, {}, {"payload": {"resend": true}} or'
        ' {"duty": "schedules"}'
    )
