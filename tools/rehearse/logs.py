"""Saves the functions' logs from ministack's CloudWatch."""

from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from tools.rehearse.ministack import Account


def save(account: Account, path: Path) -> None:
    """Write the events of all log groups into one file."""
    client = account.client("logs")
    try:
        with path.open("w", encoding="utf-8") as file:
            for group in client.describe_log_groups()["logGroups"]:
                name = group["logGroupName"]
                for event in client.filter_log_events(logGroupName=name, limit=10_000)["events"]:
                    file.write(f"{name.rpartition('/')[2]}: {event['message'].rstrip()}\n")
    except (BotoCoreError, ClientError) as error:
        path.write_text(f"the functions' logs cannot be read: {error}\n", encoding="utf-8")
