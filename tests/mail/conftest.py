"""Programs of others that judge what Slowmatch sends. `make check-mail` installs them."""

import json
import os
import subprocess
from typing import Any

from tests.sam.template import ROOT

HERE = ROOT / "tests" / "mail"
TOOLS = ROOT / ".venv-mail"


def ask(program: str, questions: list[Any]) -> list[Any]:
    """What a program of this folder answers, one answer for each question."""
    command = [TOOLS / "bin" / "python", HERE / program]
    if program.endswith(".cjs"):
        command = [ROOT / ".venv" / "bin" / "node", HERE / program]
    env = os.environ | {"NODE_PATH": str(TOOLS / "npm" / "node_modules")}
    done = subprocess.run(command, input=json.dumps(questions), env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    answers: list[Any] = json.loads(done.stdout)
    return answers
