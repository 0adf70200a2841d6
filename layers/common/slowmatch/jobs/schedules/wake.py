"""Has the dispatcher bring changed schedules into force now."""

import json
from functools import cache
from typing import Any

from slowmatch.aws.clients import client, refusal
from slowmatch.settings import settings
from slowmatch.telemetry import logger

EVENT = {"duty": "schedules"}


@cache
def _lambda() -> Any:
    return client("lambda")


def wake_dispatcher() -> None:
    """Invoke the dispatcher without waiting for it, after the commit. If that fails, its next pass does the same."""
    from botocore.exceptions import BotoCoreError, ClientError

    function = settings().dispatcher_function
    if function is None:
        return
    try:
        _lambda().invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps(EVENT))
    except (BotoCoreError, ClientError) as error:
        logger.warning(f"the dispatcher could not be woken; its next pass does the rest: {refusal(error)}")
