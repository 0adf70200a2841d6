"""The dispatcher is woken, so that a changed schedule need not wait for its next pass."""

from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError  # type: ignore[import-untyped, unused-ignore]

from slowmatch.jobs.schedules import wake
from tests.conftest import SetVariable

REFUSED = ClientError({"Error": {"Code": "TooManyRequestsException", "Message": "No."}}, "Invoke")


@pytest.mark.parametrize("error", [None, REFUSED])
def test_the_dispatcher_is_woken_if_lambda_lets_it(
    set_variable: SetVariable,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: ClientError | None,
) -> None:
    functions = Mock(**{"invoke.side_effect": error})
    monkeypatch.setattr(wake, "_lambda", lambda: functions)
    wake.wake_dispatcher()
    set_variable("DISPATCHER_FUNCTION", "the-dispatcher")
    wake.wake_dispatcher()
    functions.invoke.assert_called_once_with(
        FunctionName="the-dispatcher", InvocationType="Event", Payload='{"duty": "schedules"}'
    )
    assert ("its next pass does the rest: No. (TooManyRequestsException)" in caplog.text) == bool(error)
