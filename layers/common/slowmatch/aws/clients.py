"""AWS clients that give up after seconds, so that one service that does not answer holds up nothing else."""

from typing import Any, Literal


def client(service: Literal["events", "sns", "sqs"]) -> Any:
    """A boto3 client that gives up after seven seconds at most, two tries included."""
    import boto3
    from botocore.config import Config

    limits = Config(connect_timeout=2, read_timeout=3, retries={"total_max_attempts": 2, "mode": "standard"})
    return boto3.client(service, config=limits)


def refusal(error: Exception) -> str:
    """Why AWS refused: its message and error code, without the name of the call."""
    answer = getattr(error, "response", {}).get("Error", {})
    message, code = answer.get("Message"), answer.get("Code")
    return f"{message} ({code})" if message and code else code or str(error)
