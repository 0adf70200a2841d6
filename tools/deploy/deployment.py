"""The steps of `make deploy` after the build: `sam deploy`, the migrations, the destinations of notifications."""

import shlex
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.errors import StackError
from tools.deploy import checks, deployed_stack, parameter_overrides, remote_invoke, stage
from tools.deploy.deployed_stack import DeployedStack
from tools.deploy.stage import Stage

MAX_ATTEMPTS = {"Unavailable": 4, "MigrationBusy": 20}
"""By error type: a database with a minimum capacity of 0 takes half a minute to wake up; a migration has 15 minutes."""
PAUSE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What is about to be deployed; `values` are the parameters that the stack will have."""

    stage: Stage
    stack: DeployedStack | None
    values: dict[str, str]


def check(config: Path, name: str) -> Plan:
    """Read the stage and its stack. Raises StackError for what would make the deployment fail later."""
    found = stage.read(config, name)
    stack = deployed_stack.find(found)
    deployed_stack.require_deployable(found, stack)
    # The SAM CLI keeps the value that a parameter has in the stack if samconfig.toml does not give one.
    values = stage.defaults() | (stack.parameters if stack else {}) | found.given
    checks.check_quota(found, int(values["ApiConcurrency"]), exists=stack is not None)
    return Plan(found, stack, values)


def warn(plan: Plan) -> None:
    """Print problems that do not stop the deployment."""
    warnings = [checks.queue_tags_warning(plan.stage)]
    if not plan.values["DatabaseHost"]:
        warnings.append(checks.engine_version_warning(plan.stage, plan.values["DatabaseEngineVersion"]))
    for warning in filter(None, warnings):
        print(f"make deploy: warning: {warning}", file=sys.stderr)


def deploy(sam: str, plan: Plan) -> None:
    """Deploy with the SAM CLI. Raises StackError if it failed, or if its change set was declined."""
    command = [sam, "deploy", "--config-env", plan.stage.name, "--no-fail-on-empty-changeset"]
    if plan.stack is None and not plan.values["DatabaseHost"]:
        # If the first deployment fails, the database must be removable.
        given = parameter_overrides.texts(plan.stage.options.get("parameter_overrides", []))
        command += ["--parameter-overrides", *given, f"{deployed_stack.PROTECTION}=false"]
    waiting = deployed_stack.waiting_change_sets(plan.stage)
    if status := _run(command):
        way_out = deployed_stack.way_out(plan.stage, deployed_stack.find(plan.stage))
        raise StackError(
            f"sam deploy exited with status {status}: nothing was migrated; the reason is above"
            + (f"\nNow {way_out}" if way_out else "")
        )
    if deployed_stack.waiting_change_sets(plan.stage) - waiting:
        raise StackError("nothing was deployed: the change set was not executed")


def migrate(sam: str, name: str, pause: float = PAUSE_SECONDS) -> list[str]:
    """Invoke the migrate function. Returns the names of the applied migrations; raises StackError with its reason.

    The SAM CLI stops waiting after a minute, and an index may take longer to build. The function continues; later
    invocations report that it is busy until it has finished.
    """
    errors: Counter[str] = Counter()
    while True:
        answer = remote_invoke.invoke(sam, "MigrateFunction", name)
        errors[answer.error or ""] += 1
        if answer.error is None or errors[answer.error] >= MAX_ATTEMPTS.get(answer.error, 1):
            break
        print(f"{answer.reason}\nTrying again in {pause:.0f} s ...", flush=True)
        time.sleep(pause)
    applied = answer.payload.get("applied")
    if not answer.failed and isinstance(applied, list):
        return [str(name) for name in applied]
    raise StackError(
        f"the stack is deployed, but its database is not migrated: {answer.reason}\nOnce that is fixed, run"
        f" this command again: applied migrations stay applied, and it continues with the next one"
    )


def check_destinations(sam: str, name: str) -> list[str]:
    """Let the notifier read its secret. Returns its destinations, and prints what is wrong with some of them.

    Raises StackError if nobody can be notified.
    """
    answer = remote_invoke.invoke(sam, "NotifierFunction", name)
    found = answer.payload.get("destinations")
    if answer.failed or not isinstance(found, list):
        raise StackError(
            f"the stack is deployed and migrated, but nobody will be notified: {answer.reason}\n"
            "Correct the secret that NotifySecretArn names (see docs/notifications.md); you do not need to deploy again"
        )
    for problem in answer.payload.get("problems", []):
        print(f"make deploy: warning: nothing is sent to {problem}", file=sys.stderr)
    return [_describe(destination) for destination in found if not destination.get("problem")]


def _describe(destination: dict[str, Any]) -> str:
    off = f", switched off: {destination['switched_off']}" if destination.get("switched_off") else ""
    return f"{destination['name']} ({destination['kind']}{off})"


def _run(command: list[str]) -> int:
    print(shlex.join(command), flush=True)
    return subprocess.run(command, check=False).returncode
