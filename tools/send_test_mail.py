"""`make send-test-mail`: sends a test mail through the stack on this machine or through a deployed stage.

Exit status: 0 if the provider accepted every mail, 1 if it refused one, 2 if it was not asked.
"""

import argparse
import http.client
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from local import ROOT
from local.cli import port_number
from local.errors import StackError
from tools.deploy.stage import CONFIG, require_stage

JOB, FUNCTION = "send-test-mail", "SendTestMailFunction"
ENDS = ("succeeded", "failed", "deleted")
WAIT_SECONDS = 150
"""More than the function's time-out."""


class NotAsked(Exception):
    """The mail provider was not asked; the message says why."""


def here(port: int, data: Path, to: list[str]) -> dict[str, Any]:
    """Send through the stack with this data folder. Returns the finished run as in the HTTP API; raises NotAsked."""
    found = _call(port, "GET", "/local/state").get("data")
    if found != str(data):
        raise NotAsked(
            f"the stack on port {port} belongs to {found}, not to {data}: specify the port"
            " of the stack you mean, such as PORT=9000, or start it with make run"
        )
    run = _call(port, "POST", f"/api/jobs/{JOB}/runs", {"payload": {"to": to}})
    deadline = time.monotonic() + WAIT_SECONDS
    while run["state"] not in ENDS:
        if time.monotonic() > deadline:
            raise NotAsked(f"run {run['id']} is still {run['state']} after {WAIT_SECONDS} s")
        time.sleep(0.2)
        run = _call(port, "GET", f"/api/runs/{run['id']}")
    return run


def in_cloud(sam: str, stage: str, to: list[str]) -> dict[str, Any]:
    """Send through a deployed stage. Returns the run; raises NotAsked, or StackError for an unknown stage."""
    stage = require_stage(CONFIG, stage)
    event = json.dumps({"payload": {"to": to}})
    command = [sam, "remote", "invoke", FUNCTION, "--config-env", stage, "--event", event]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        said = done.stdout.strip() or "the reason is above"
        raise NotAsked(f"the stage {stage} could not be invoked: {said}") from None
    return {"state": "failed", "error": answer["errorMessage"]} if "errorMessage" in answer else answer


def report(run: dict[str, Any]) -> int:
    """Print the provider's answers. Returns the exit status."""
    if run["state"] != "succeeded":
        print(f"The test mail was not sent: {run['error'] or run['state']}", file=sys.stderr)
        return 1
    for address, answer in run["result"]["answers"].items():
        print(f"{address}: {answer}")
    print(
        f"Accepted by {run['result']['through']}. The email should arrive within a minute; check the spam folder too."
    )
    return 0


def _call(port: int, method: str, path: str, body: Any = None) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        headers = {"Content-Type": "application/json"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        answer = json.loads(response.read())
        if not isinstance(answer, dict):
            raise ValueError(f"it answers {answer!r}")
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise NotAsked(
            f"no stack answers on port {port} ({error}): start it with make run, or name a stage in the cloud:"
            " make send-test-mail TO=... STAGE=prod"
        ) from error
    finally:
        connection.close()
    if response.status >= 400:
        details = [f"{each['field']} {each['message']}" for each in answer.get("errors", [])]
        said = "; ".join(details) or answer.get("detail") or str(answer)
        raise NotAsked(f"{said}. The request was {json.dumps(body)}" if body else said)
    return answer


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.send_test_mail", description=__doc__)
    parser.add_argument("--to", required=True, help="addresses, separated by commas")
    parser.add_argument("--port", type=port_number, default=8080, help="of the stack on this machine")
    parser.add_argument(
        "--data", type=Path, default=ROOT / ".slowmatch", help="that stack's folder for data and logs"
    )
    parser.add_argument("--stage", help="section of samconfig.toml: send from the cloud instead")
    parser.add_argument("--sam", default="sam", help="the SAM CLI")
    options = parser.parse_args(arguments)
    to = [address.strip() for address in options.to.split(",") if address.strip()]
    try:
        if not to:
            raise NotAsked("the recipient is missing: make send-test-mail TO=you@example.com")
        if options.stage:
            return report(in_cloud(options.sam, options.stage, to))
        return report(here(options.port, options.data.resolve(), to))
    except (NotAsked, StackError) as error:
        print(f"slowmatch: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
