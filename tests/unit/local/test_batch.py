"""Which messages a function's answer lets go."""

import pytest

from local import batch

IDS = ["a", "b"]
MESSAGE = {
    "MessageId": "a",
    "ReceiptHandle": "handle",
    "Body": "{}",
    "MD5OfBody": "99914b932bd37a50b983c5e7c90ae93b",
    "Attributes": {"ApproximateReceiveCount": "1"},
    "MessageAttributes": {"kind": {"DataType": "String", "StringValue": "x"}},
}


def test_the_event_is_lambdas() -> None:
    (record,) = batch.event([MESSAGE], "arn:queue")["Records"]
    assert record["messageId"] == "a" and record["body"] == "{}"
    assert record["eventSource"] == "aws:sqs" and record["eventSourceARN"] == "arn:queue"
    assert record["messageAttributes"]["kind"]["stringValue"] == "x"


@pytest.mark.parametrize(
    "answer", [b"", b"null", b"{}", b"[]", b'{"batchItemFailures": []}', b'{"other": 1}']
)
def test_everything_succeeded(answer: bytes) -> None:
    assert batch.failed_items(answer, IDS) == set()


def test_what_failed_stays() -> None:
    assert batch.failed_items(b'{"batchItemFailures": [{"itemIdentifier": "b"}]}', IDS) == {"b"}


@pytest.mark.parametrize(
    "answer",
    [
        b"rubbish",
        b'"text"',
        b'{"batchItemFailures": 3}',
        b'{"batchItemFailures": ["b"]}',
        b'{"batchItemFailures": [{"itemIdentifier": ""}]}',
        b'{"batchItemFailures": [{"itemIdentifier": "unknown"}]}',
    ],
)
def test_a_malformed_answer_keeps_the_whole_batch(answer: bytes) -> None:
    with pytest.raises(batch.MalformedAnswer):
        batch.failed_items(answer, IDS)
