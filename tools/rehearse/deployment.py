"""Deploys the rehearsed stack by the command that `make deploy` runs after the build."""

import asyncio
import json
import signal
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local import ROOT, processes
from tools.rehearse import template_copy
from tools.rehearse.internet import REGION
from tools.rehearse.ministack import Account, base_environment
from tools.rehearse.steps import RehearsalFailed, until

STAGE = "rehearsal"
STACK = "slowmatch-rehearsal"
DEPLOY_SECONDS = 240.0
DELETE_SECONDS = 120.0
SHOWN_LINES = 15


class Deployment:
    """`home` contains the copied build and a samconfig.toml, where the SAM CLI looks for them."""

    def __init__(self, account: Account, sam: Path, home: Path, *, authority: Path, log: Path) -> None:
        self._account = account
        self._sam = sam
        self._home = home
        self._build = home / ".aws-sam" / "build"
        self._authority = authority
        self._log = log
        self._cloudformation = account.client("cloudformation")

    async def deploy(self, parameters: Mapping[str, str]) -> None:
        """Create or update the stack, and migrate its database. Raises RehearsalFailed."""
        config = self._home / "samconfig.toml"
        config.write_text(samconfig(parameters), encoding="utf-8")
        command = [
            *(sys.executable, "-m", "tools.deploy"),
            *("--sam", str(self._sam), "--stage", STAGE, "--config", str(config)),
            *("--build", str(self._build), "--certificates", str(self._authority)),
        ]
        environment = base_environment(self._home) | self._account.environment
        with self._log.open("ab") as log:
            process = await processes.spawn(
                *command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._home,
                env=environment | {"PYTHONPATH": str(ROOT), "SAM_CLI_TELEMETRY": "0"},
            )
        try:
            status = await asyncio.wait_for(process.wait(), DEPLOY_SECONDS)
        except TimeoutError:
            raise RehearsalFailed(f"make deploy takes longer than {DEPLOY_SECONDS:.0f} s") from None
        finally:
            if process.returncode is None:
                processes.kill_group(process, signal.SIGKILL)
        if status:
            raise RehearsalFailed(f"make deploy ended with status {status}; its last lines:\n{self._tail()}")

    def reschedule(self, job: str, expression: str) -> None:
        """Change a job's schedule in the copy, for the next deployment."""
        template_copy.reschedule(self._build / "template.yaml", job, expression)

    async def delete(self) -> None:
        """Delete the stack by CloudFormation: `sam delete` fails against ministack."""
        self._cloudformation.delete_stack(StackName=STACK)
        await until("the stack is deleted", lambda: not self._exists(), DELETE_SECONDS)

    def resources(self) -> list[dict[str, Any]]:
        """The resources of the stack and its nested stacks."""
        found: list[dict[str, Any]] = []
        stacks = [STACK]
        while stacks:
            answer = self._cloudformation.describe_stack_resources(StackName=stacks.pop())
            found += answer["StackResources"]
            stacks += [
                resource["PhysicalResourceId"]
                for resource in answer["StackResources"]
                if resource["ResourceType"] == "AWS::CloudFormation::Stack"
            ]
        return found

    def physical_id(self, logical_id: str) -> str:
        """The physical id of a resource. Raises RehearsalFailed if the stack does not have it."""
        for resource in self.resources():
            if resource["LogicalResourceId"] == logical_id:
                return str(resource["PhysicalResourceId"])
        raise RehearsalFailed(f"the stack has no {logical_id}")

    def processed_template(self) -> dict[str, Any]:
        """The stack's template after SAM's transform."""
        answer = self._cloudformation.get_template(StackName=STACK, TemplateStage="Processed")
        return dict(answer["TemplateBody"])

    def _exists(self) -> bool:
        stacks = self._cloudformation.list_stacks()["StackSummaries"]
        mine = [stack for stack in stacks if stack["StackName"] == STACK]
        for stack in mine:
            if stack["StackStatus"] == "DELETE_FAILED":
                raise RehearsalFailed(f"deleting failed: {stack.get('StackStatusReason')}")
        return any(stack["StackStatus"] != "DELETE_COMPLETE" for stack in mine)

    def _tail(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join([f"    {line.rstrip()}" for line in lines if line.strip()][-SHOWN_LINES:])


def samconfig(parameters: Mapping[str, str]) -> str:
    """The project's samconfig.toml with one stage, without confirmation, and with these parameters."""
    project = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))["default"]
    shared = project["global"]["parameters"] | {"stack_name": STACK, "region": REGION}
    # The SAM CLI splits unquoted values at spaces.
    overrides = [
        f'{name}="{value}"' if " " in value else f"{name}={value}" for name, value in parameters.items()
    ]
    deploy = project["deploy"]["parameters"] | {
        "confirm_changeset": False,
        "parameter_overrides": overrides,
    }
    lines = ["version = 0.1"]
    for section, values in (("global", shared), ("deploy", deploy)):
        lines.append(f"[{STAGE}.{section}.parameters]")
        # Strings, booleans and lists of strings look the same in TOML and JSON.
        lines += [f"{name} = {json.dumps(value)}" for name, value in values.items()]
    return "\n".join(lines) + "\n"
