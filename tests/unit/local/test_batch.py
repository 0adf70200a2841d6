import json

import pytest

from local.event_sources import sqs_event

MESSAGE = {
    "MessageId": "m1",
    "ReceiptHandle": "r1",
    "Body": "hello",
    "MD5OfBody": "md5",
    "Attributes": {"ApproximateReceiveCount": "1"},
    "MessageAttributes": {"kind": {"DataType": "String", "StringValue": "x"}},
}


def test_messages_become_records() -> None:
    (record,) = sqs_event.event([MESSAGE], "arn:queue")["Records"]
    assert record == {
        "messageId": "m1",
        "receiptHandle": "r1",
        "body": "hello",
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {
            "kind": {"stringValue": "x", "stringListValues": [], "binaryListValues": [], "dataType": "String"}
        },
        "md5OfBody": "md5",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:queue",
        "awsRegion": "us-east-1",
    }


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"null",
        b"{}",
        b"[]",
        b'{"batchItemFailures": []}',
        b'{"batchItemFailures": null}',
        b'{"other": 1}',
    ],
)
def test_an_answer_without_failures_lets_all_go(answer: bytes) -> None:
    assert sqs_event.failed_items(answer, ["m1"]) == set()


def test_named_items_stay() -> None:
    answer = json.dumps({"batchItemFailures": [{"itemIdentifier": "m2"}]}).encode()
    assert sqs_event.failed_items(answer, ["m1", "m2", "m3"]) == {"m2"}


@pytest.mark.parametrize(
    "payload",
    [
        b"{",
        b'"text"',
        b'{"batchItemFailures": "m1"}',
        b'{"batchItemFailures": ["m1"]}',
        b'{"batchItemFailures": [{"itemIdentifier": ""}]}',
        b'{"batchItemFailures": [{"itemIdentifier": null}]}',
        b'{"batchItemFailures": [{"id": "m1"}]}',
        b'{"batchItemFailures": [{"itemIdentifier": "of another batch"}]}',
    ],
)
def test_a_malformed_answer_fails_the_batch_whole(payload: bytes) -> None:
    with pytest.raises(sqs_event.MalformedAnswer):
        sqs_event.failed_items(payload, ["m1"])
