"""`make test-events`: makes the samples in events/ shareable test events of the Lambda console.

It leaves out requests, which the HTTP functions refuse without a token, and messages, which SQS delivers. The SAM CLI
stores the events, because all stacks of an account share their registry, `lambda-testevent-schemas`.
"""

import argparse
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from local import ROOT
from local.errors import StackError
from local.template import files
from tools.deploy.stage import CONFIG, require_stage


def commands(sam: str, stage: str, template: dict[str, Any]) -> Iterator[list[str]]:
    """The SAM CLI's command line for each event; `stage` is a section of samconfig.toml."""
    for name, resource in template["Resources"].items():
        if resource["Type"] != "AWS::Serverless::Function" or _behind_http(resource):
            continue
        for event in _events(resource):
            options = ["--config-env", stage, "--name", event.stem, "--file", str(event), "--force"]
            yield [sam, "remote", "test-event", "put", name, *options]


def _behind_http(function: dict[str, Any]) -> bool:
    events = function["Properties"].get("Events") or {}
    return any(event["Type"] == "HttpApi" for event in events.values())


def _events(function: dict[str, Any]) -> list[Path]:
    folder = ROOT / "events" / function["Properties"]["Handler"].split(".", 1)[0]
    return sorted(event for event in folder.glob("*.json") if not event.name.startswith("sqs-"))


def main(arguments: list[str] | None = None) -> int:
    """The status of the first command that fails, or 0."""
    parser = argparse.ArgumentParser(prog="python -m tools.shared_events", description=__doc__)
    parser.add_argument("--sam", default="sam", help="the SAM CLI")
    parser.add_argument("--stage", default="default", help="section of samconfig.toml")
    options = parser.parse_args(arguments)
    try:
        stage = require_stage(CONFIG, options.stage)
    except StackError as error:
        print(f"make test-events: {error}", file=sys.stderr)
        return 1
    for command in commands(options.sam, stage, files.load(ROOT / "template.yaml")):
        print(shlex.join(command), flush=True)
        status = subprocess.run(command, check=False).returncode
        if status:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main())
