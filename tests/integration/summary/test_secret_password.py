"""A password appears nowhere: not in the log, the run, a notification or the caller's answer."""

import json
import traceback
import uuid
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from daily_summary.app import handler as send_summary
from send_test_mail.app import handler as send_test_mail
from slowmatch.db import Connection
from slowmatch.jobs.worker.invocation import AttemptFailed
from tests.conftest import LambdaContext, SetVariable
from tests.unit.mail.server import scripted

PASSWORD = "pässwörd-SECRET"
FORMS = ("-SECRET", "pässw", "ä", r"\xe4", r"\u00e4", b64encode(PASSWORD.encode()).decode())
PLAIN = b64encode(f"\0jobs\0{PASSWORD}".encode()).decode()


@pytest.fixture
def smtp(con: Connection, set_variable: SetVariable) -> Callable[[int], None]:
    """Makes the jobs use a mail server on a port, with the password."""
    text = json.dumps({"username": "jobs", "password": PASSWORD})
    arn = boto3.client("secretsmanager").create_secret(Name=uuid.uuid4().hex, SecretString=text)["ARN"]
    set_variable("SMTP_SECRET_ARN", arn)
    return lambda port: set_variable("SMTP_PORT", str(port))


@pytest.mark.parametrize("job", [send_summary, send_test_mail], ids=["daily-summary", "send-test-mail"])
@pytest.mark.parametrize(
    "replies",
    [
        ["250-here\r\n250 AUTH PLAIN", f"535 5.7.8 {PLAIN}, that is {PASSWORD}, is wrong"],
        ["250-here\r\n250 AUTH LOGIN", "334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", f"535 wrong: {PASSWORD}"],
        ["250-here\r\n250 AUTH CRAM-MD5", "334 ä"],
        ["250 here"],
    ],
    ids=["PLAIN", "LOGIN", "CRAM-MD5", "no AUTH"],
)
def test_a_password_that_fails_is_quoted_nowhere(
    job: Any,
    replies: list[str],
    smtp: Callable[[int], None],
    con: Connection,
    lambda_context: LambdaContext,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with scripted(*replies) as (port, _):
        smtp(port)
        with pytest.raises(AttemptFailed) as failed:
            job({"payload": {}}, lambda_context)
    tables = ("job_run", "job_attempt", "job_event", "job_log", "notification")
    stored = [str(con.query(f"SELECT each::text FROM {table} AS each")) for table in tables]
    written = capsys.readouterr()
    told = "".join([*stored, *traceback.format_exception(failed.value), written.out, written.err])
    assert "127.0.0.1" in told
    assert [form for form in FORMS if form in told] == []
