"""The file with the secrets of jobs: what it may say, and that no refusal shows a secret."""

from pathlib import Path

import pytest

from local.errors import StackError
from local.services.job_secrets import read


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "job-secrets.json"


def test_secrets_are_named_as_their_job_may_read_them(file: Path) -> None:
    file.write_text('{"expiry-webhook/webhook-token": "s3cret", "report/api-key": "ключ"}')
    assert read(file) == {
        "slowmatch/jobs/expiry-webhook/webhook-token": "s3cret",
        "slowmatch/jobs/report/api-key": "ключ",
    }


def test_without_the_file_there_are_none(file: Path) -> None:
    assert read(file) == {}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"report/key": "s3cret", }', "is not JSON ("),
        ('["s3cret"]', "is not a JSON object"),
        ('{"a/b": "x", "s3cret": "key"}', "key 2 must be a job's name, a slash and the name of the secret"),
        ('{"report/S3CRET": "key"}', "key 1 must be a job's name, a slash and the name of the secret"),
        ('{"report/key": {"s3cret": 1}}', "report/key must be a non-empty string"),
        ('{"report/key": ""}', "report/key must be a non-empty string"),
        (b"\xff", "cannot be read"),
    ],
)
def test_wrong_file_is_refused_with_its_name_but_without_secrets(
    file: Path, text: str | bytes, problem: str
) -> None:
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(StackError) as refused:
        read(file)
    message = str(refused.value)
    assert message.startswith(str(file)) and problem in message
    assert "s3cret" not in message.lower()
