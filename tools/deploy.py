"""`make deploy`, after the build: certificates of Amazon RDS, `sam deploy`, the migrations, a look at who is told."""

import argparse
import shlex
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local import ROOT
from local.errors import StackError
from tools import (
    deployed_stack,
    engine_version,
    parameter_overrides,
    queue_tags,
    quota,
    rds_certificates,
    remote_invoke,
    stack_status,
    stage,
)
from tools.deployed_stack import DeployedStack
from tools.stage import Stage

# A database with a minimum capacity of 0 takes half a minute to wake up; the function has 15 minutes.
ATTEMPTS = {"Unavailable": 4, "MigrationBusy": 20}
PAUSE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What is about to be deployed; `values` has each parameter as the stack will have it."""

    stage: Stage
    stack: DeployedStack | None
    values: dict[str, str]


def check(config: Path, name: str) -> Plan:
    """Read the stage and its stack; raises StackError for whatever would make the deployment fail later."""
    found = stage.read(config, name)
    stack = deployed_stack.find(found)
    stack_status.check(found, stack)
    # The SAM CLI keeps the value that a parameter has in the stack if samconfig.toml does not give one.
    values = stage.defaults() | (stack.parameters if stack else {}) | found.given
    quota.check(found, int(values["ApiConcurrency"]), exists=stack is not None)
    return Plan(found, stack, values)


def warn(plan: Plan) -> None:
    """Print what the person should know, but what does not stop the deployment."""
    warnings = [queue_tags.warning(plan.stage)]
    if not plan.values["DatabaseHost"]:
        warnings.append(engine_version.warning(plan.stage, plan.values["DatabaseEngineVersion"]))
    for warning in filter(None, warnings):
        print(f"make deploy: warning: {warning}", file=sys.stderr)


def deploy(sam: str, plan: Plan) -> None:
    """Deploy with the SAM CLI; raises StackError if it failed, or if its change set was declined."""
    command = [sam, "deploy", "--config-env", plan.stage.name, "--no-fail-on-empty-changeset"]
    if plan.stack is None and not plan.values["DatabaseHost"]:
        # A protected database cannot be removed when the first deployment fails and is undone.
        given = parameter_overrides.texts(plan.stage.options.get("parameter_overrides", []))
        command += ["--parameter-overrides", *given, f"{deployed_stack.PROTECTION}=false"]
    waiting = deployed_stack.waiting_change_sets(plan.stage)
    if status := _run(command):
        way_out = stack_status.way_out(plan.stage, deployed_stack.find(plan.stage))
        raise StackError(
            f"sam deploy ended with status {status}: nothing was migrated; the reason is above"
            + (f"\nNow {way_out}" if way_out else "")
        )
    if deployed_stack.waiting_change_sets(plan.stage) - waiting:
        raise StackError("nothing was deployed: the change set was not executed")


def migrate(sam: str, name: str, pause: float = PAUSE_SECONDS) -> list[str]:
    """Invoke the migrate function and name what it applied; raises StackError with the reason it gives.

    The SAM CLI gives up on a function after a minute, and an index may take longer to build: the function goes
    on by itself, others find it busy, and the one that does not has nothing left to apply.
    """
    met: Counter[str] = Counter()
    while True:
        answer = remote_invoke.invoke(sam, "MigrateFunction", name)
        met[answer.error or ""] += 1
        if answer.error is None or met[answer.error] >= ATTEMPTS.get(answer.error, 1):
            break
        print(f"{answer.reason}\nTrying again in {pause:.0f} s ...", flush=True)
        time.sleep(pause)
    applied = answer.payload.get("applied")
    if not answer.failed and isinstance(applied, list):
        return [str(name) for name in applied]
    raise StackError(
        f"the stack is deployed, but its database is not migrated: {answer.reason}\nOnce that is put right, run"
        f" this command again: what was applied stays applied, and it goes on from there"
    )


def check_destinations(sam: str, name: str) -> list[str]:
    """Let the notifier read its secret, and say whom it tells; raises StackError with what is wrong there."""
    answer = remote_invoke.invoke(sam, "NotifierFunction", name)
    found = answer.payload.get("destinations")
    if answer.failed or not isinstance(found, list):
        raise StackError(
            f"the stack is deployed and migrated, but nobody will be told of anything: {answer.reason}\n"
            f"docs/notifications.md has what NotifySecretArn's secret must be; change it there, no deployment is needed"
        )
    return [_destination(to) for to in found]


def _destination(to: dict[str, Any]) -> str:
    off = f", switched off: {to['switched_off']}" if to.get("switched_off") else ""
    return f"{to['name']} ({to['kind']}{off})"


def _run(command: list[str]) -> int:
    print(shlex.join(command), flush=True)
    return subprocess.run(command, check=False).returncode


def main(arguments: list[str] | None = None) -> int:
    """0 once everything is there, 1 when something failed; the last line says what."""
    parser = argparse.ArgumentParser(prog="python -m tools.deploy", description=__doc__)
    parser.add_argument("--sam", default="sam", help="the SAM CLI")
    parser.add_argument("--stage", default="default", help="section of samconfig.toml")
    parser.add_argument(
        "--certificates", default="", help="file with the CAs of Amazon RDS; downloaded if not given"
    )
    parser.add_argument("--build", type=Path, default=ROOT / ".aws-sam" / "build", help="what sam build made")
    parser.add_argument("--config", type=Path, default=stage.CONFIG, help="where the stages are")
    parser.add_argument(
        "--check", action="store_true", help="deploy nothing: check the stage, print its Architecture"
    )
    options = parser.parse_args(arguments)
    try:
        plan = check(options.config, options.stage)
        if options.check:
            warn(plan)
            print(plan.values["Architecture"])
            return 0
        rds_certificates.put(options.build, options.certificates)
        deploy(options.sam, plan)
        applied = migrate(options.sam, options.stage)
        print(
            "Migrations applied: " + ", ".join(applied)
            if applied
            else "Migrations: the database has them all."
        )
        if deployed_stack.protect_database(plan.stage):
            print("Database: deletion protection is on from now on.")
        if plan.values["NotifySecretArn"]:
            told = check_destinations(options.sam, options.stage)
            print("Notifications go to: " + (", ".join(told) or "nobody, the secret has no destination"))
    except StackError as error:
        print(f"make deploy: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
