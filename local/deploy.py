"""`make deploy`, after the build: certificates of Amazon RDS, `sam deploy`, and then the migrations."""

import argparse
import json
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from local import ROOT, quota, rds_certificates, stage
from local.errors import StackError

ATTEMPTS = 4  # a database with a minimum capacity of 0 takes half a minute to wake up
PAUSE_SECONDS = 15.0


def check(config: Path, name: str) -> None:
    """Raises StackError for what would be refused late: a stage that is not complete, an account too small."""
    found = stage.read(config, name)
    default = stage.declared()["ApiConcurrency"]["Default"]
    quota.check(int(found.given.get("ApiConcurrency", default)), found.options)


def deploy(sam: str, name: str) -> None:
    """Raises StackError when the stack is not deployed as samconfig.toml's section `name` has it."""
    status = _run([sam, "deploy", "--config-env", name, "--no-fail-on-empty-changeset"])
    if status:
        raise StackError(f"sam deploy ended with status {status}: nothing was migrated; the reason is above")


def migrate(sam: str, name: str, pause: float = PAUSE_SECONDS) -> list[str]:
    """Invoke the migrate function and name what it applied; raises StackError with the reason it gives."""
    command = [sam, "remote", "invoke", "MigrateFunction", "--config-env", name, "--output", "json"]
    answer = _invoke(command)
    for _ in range(ATTEMPTS - 1):
        if _payload(answer).get("errorType") != "Unavailable":
            break
        print(f"{_reason(answer)}\nTrying again in {pause:.0f} s ...", flush=True)
        time.sleep(pause)
        answer = _invoke(command)
    applied = _payload(answer).get("applied")
    if "FunctionError" not in answer and isinstance(applied, list):
        return [str(name) for name in applied]
    raise StackError(
        f"the stack is deployed, but its database is not migrated: {_reason(answer)}\nOnce that is put right, run"
        f" this command again: what was applied stays applied, a migration that failed left nothing behind"
    )


def _payload(answer: dict[str, Any]) -> dict[str, Any]:
    return _object(answer.get("Payload"))


def _reason(answer: dict[str, Any]) -> str:
    payload = _payload(answer)
    return f"{payload.get('errorType', 'no answer')}: {payload.get('errorMessage') or json.dumps(answer)}"


def _invoke(command: list[str]) -> dict[str, Any]:
    print(shlex.join(command), flush=True)
    result = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    if result.returncode:
        raise StackError(
            f"the stack is deployed, but the migrate function could not be invoked: {shlex.join(command)} ended"
            f" with status {result.returncode}; the reason is above"
        )
    return _object(result.stdout)


def _object(value: Any) -> dict[str, Any]:
    """The JSON object that the SAM CLI printed, or that it shows as text within another."""
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return {"errorMessage": value}
    return found if isinstance(found, dict) else {"errorMessage": json.dumps(found)}


def _run(command: list[str]) -> int:
    print(shlex.join(command), flush=True)
    return subprocess.run(command, check=False).returncode


def main(arguments: list[str] | None = None) -> int:
    """0 once everything is there, 1 when something failed; the last line says what."""
    parser = argparse.ArgumentParser(prog="python -m local.deploy", description=__doc__)
    parser.add_argument("--sam", default="sam", help="the SAM CLI")
    parser.add_argument("--stage", default="default", help="section of samconfig.toml")
    parser.add_argument(
        "--certificates", default="", help="file with the CAs of Amazon RDS; downloaded if not given"
    )
    parser.add_argument("--build", type=Path, default=ROOT / ".aws-sam" / "build", help="what sam build made")
    parser.add_argument("--config", type=Path, default=ROOT / "samconfig.toml", help="where the stages are")
    parser.add_argument("--check", action="store_true", help="only see whether the stage is complete")
    options = parser.parse_args(arguments)
    try:
        check(options.config, options.stage)
        if options.check:
            return 0
        rds_certificates.put(options.build, options.certificates)
        deploy(options.sam, options.stage)
        applied = migrate(options.sam, options.stage)
    except StackError as error:
        print(f"make deploy: {error}", file=sys.stderr)
        return 1
    print(
        "Migrations applied: " + ", ".join(applied) if applied else "Migrations: the database has them all."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
