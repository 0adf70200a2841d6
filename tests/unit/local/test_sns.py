import json

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
