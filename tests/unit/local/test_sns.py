import json

import pytest

from local.event_sources import sns


def test_a_notification_becomes_lambdas_event() -> None:
    posted = {
        "Type": "Notification",
        "MessageId": "m1",
        "TopicArn": "arn:topic",
        "Subject": "Hello",
        "Message": "text",
        "Timestamp": "2026-01-01T00:00:00.000Z",
        "SigningCertURL": "https://cert",
        "UnsubscribeURL": "https://unsubscribe",
        "MessageAttributes": {"kind": {"Type": "String", "Value": "x"}},
    }
    event = sns.event(json.dumps(posted).encode())
    assert event is not None
    (record,) = event["Records"]
    assert record["EventSource"] == "aws:sns"
    assert record["Sns"]["Message"] == "text"
    assert record["Sns"]["SigningCertUrl"] == "https://cert"
    assert record["Sns"]["MessageAttributes"]["kind"]["Value"] == "x"


def test_a_confirmation_starts_nothing() -> None:
    assert sns.event(b'{"Type": "SubscriptionConfirmation", "Token": "t"}') is None


@pytest.mark.parametrize(
    ("posted", "said"), [(b"", "Expecting value"), (b"[]", "not an SNS"), (b'{"Message": "x"}', "not an SNS")]
)
def test_other_posts_are_refused(posted: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        sns.event(posted)
