import asyncio
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    NoCredentialsError,
    ReadTimeoutError,
)
from moto import mock_aws
from moto.ses.models import ses_backends

from local.testing.listening import listening
from slowmatch.mail.errors import Refused, Undelivered
from slowmatch.mail.ses import Ses
from tests.support.ports import closed_port
from tests.unit.mail.conftest import a_message, send

Answer = Exception | dict[str, Any]
Answering = Callable[..., list[str]]

ACCOUNT, REGION = "123456789012", "eu-west-1"


@pytest.fixture
def verified() -> Any:
    """SES with the sender's address verified; yields what it has accepted."""
    with mock_aws():
        ses_backends[ACCOUNT][REGION].reset()  # within the session's AWS, a mock begins where that is
        boto3.client("sesv2").create_email_identity(EmailIdentity="slowmatch@example.com")
        yield ses_backends[ACCOUNT][REGION].sent_messages


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Answering:
    """Let SES give these answers, one a call; returns the list of the calls made."""

    def answer(*answers: Answer) -> list[str]:
        left, calls = list(answers), []

        def call(client: BaseClient, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
            calls.append(operation)
            given = left.pop(0)
            if isinstance(given, Exception):
                raise given
            return given

        monkeypatch.setattr(BaseClient, "_make_api_call", call)
        return calls

    return answer


def test_a_mail_that_ses_took_counts_even_without_an_id(answering: Answering) -> None:
    answering({})
    assert send(a_message(), Ses()) == ""


def test_ses_is_not_waited_for_when_time_is_nearly_up(answering: Answering) -> None:
    calls = answering(refusal("TooManyRequestsException"), {"MessageId": "1"})
    with Ses().open(lambda: 20.5) as post, pytest.raises(Undelivered):
        post(a_message())
    assert len(calls) == 1


def refusal(code: str, text: str = "No", status: int = 400) -> ClientError:
    answer = {"Error": {"Code": code, "Message": text}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "SendEmail")  # type: ignore[arg-type]


TOO_FAST = refusal("TooManyRequestsException", "Maximum sending rate exceeded.", 429)


def test_a_mail_arrives_whole_and_ses_s_id_is_its_receipt(verified: list[Any]) -> None:
    receipt = send(a_message(), Ses())
    (sent,) = verified
    assert receipt == sent.id
    assert set(sent.destinations) == {"one@example.com"}
    assert "X-Slowmatch-Id: " + a_message().message_id in sent.raw_data
    assert "multipart/alternative" in sent.raw_data


def test_a_sender_that_is_not_verified_is_refused(verified: list[Any]) -> None:
    with pytest.raises(Refused, match=r"MessageRejected .*other@example\.org.*Check MAIL_SENDER"):
        send(a_message(sender="other@example.org"), Ses())
    assert verified == []


@pytest.mark.parametrize(
    ("code", "look_at"),
    [
        ("AccessDeniedException", "ses:SendEmail"),
        ("AccountSuspendedException", "suspended"),
        ("BadRequestException", "MAIL_RECIPIENTS"),
        ("MailFromDomainNotVerifiedException", "MAIL_SENDER"),
        ("MessageRejected", "MAIL_SENDER"),
        ("NotFoundException", "MAIL_SENDER"),
        ("SendingPausedException", "paused"),
        ("SomethingNew", "SES console"),
    ],
)
def test_what_a_person_has_to_change_is_refused(answering: Answering, code: str, look_at: str) -> None:
    calls = answering(refusal(code))
    with pytest.raises(Refused, match=rf"SES responded: {code} No\. Check .*{look_at}"):
        send(a_message(), Ses())
    assert calls == ["SendEmail"]


@pytest.mark.parametrize(
    ("error", "outcome_unknown"),
    [
        (refusal("ThrottlingException", "Daily message quota exceeded"), False),
        (refusal("LimitExceededException"), False),
        (refusal("ExpiredTokenException", status=403), False),
        (refusal("InternalFailure", status=500), True),
        (refusal("ServiceUnavailable", status=503), True),
        (ConnectTimeoutError(endpoint_url="https://ses"), False),
        (ReadTimeoutError(endpoint_url="https://ses"), True),
        (ConnectionClosedError(endpoint_url="https://ses"), True),
    ],
)
def test_what_passes_is_tried_again_once_an_attempt(
    answering: Answering, error: Exception, outcome_unknown: bool
) -> None:
    calls = answering(error)
    with pytest.raises(Undelivered) as caught:
        send(a_message(), Ses())
    assert caught.value.outcome_unknown is outcome_unknown
    assert calls == ["SendEmail"]


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds of each pause, which takes no time."""
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    return pauses


def test_too_many_mails_in_a_second_wait_for_the_next(answering: Answering, pauses: list[float]) -> None:
    answering(TOO_FAST, TOO_FAST, {"MessageId": "0102"})
    assert send(a_message(), Ses()) == "0102"
    assert pauses == [1, 1]


def test_a_provider_that_stays_busy_is_tried_again_later(answering: Answering, pauses: list[float]) -> None:
    answering(*[TOO_FAST] * 5)
    with pytest.raises(Undelivered, match="sending rate"):
        send(a_message(), Ses())
    assert pauses == [1, 1, 2, 4]


def test_a_role_without_credentials_is_refused(answering: Answering) -> None:
    answering(NoCredentialsError())
    with pytest.raises(Refused, match=r"credentials\. Check the function's role"):
        send(a_message(), Ses())


def test_a_process_without_a_region_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    with pytest.raises(Refused, match="region"):
        send(a_message(), Ses())


def test_what_may_have_arrived_is_not_sent_again_by_botocore(monkeypatch: pytest.MonkeyPatch) -> None:
    requests = []

    class HangsUp(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            requests.append(transport)

        def data_received(self, data: bytes) -> None:
            requests[-1].close()

    with listening(HangsUp) as port:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        with pytest.raises(Undelivered) as caught:
            send(a_message(), Ses(timeout_seconds=2))
    assert caught.value.outcome_unknown
    assert len(requests) == 1


def test_a_closed_port_means_that_nothing_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    with closed_port() as port:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        with pytest.raises(Undelivered, match="SES cannot be reached") as caught:
            send(a_message(), Ses(timeout_seconds=2))
    assert not caught.value.outcome_unknown
