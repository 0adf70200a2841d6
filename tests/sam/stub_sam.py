"""A stub of the SAM CLI: records its calls and gives scripted answers."""

import json
import stat
import sys
from pathlib import Path
from typing import Any

_PROGRAM = """#!{python}
import json, pathlib, sys
folder = pathlib.Path({folder!r})
with (folder / "calls").open("a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\\n")
answers = json.loads((folder / "answers").read_text())
status, text = answers.get(sys.argv[1], [[0, ""]]).pop(0) if answers.get(sys.argv[1]) else [0, ""]
(folder / "answers").write_text(json.dumps(answers))
print(text)
sys.exit(status)
"""


class StubSam:
    """`answer` queues what a subcommand prints and its exit status; without one it prints nothing and succeeds."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._answers: dict[str, list[tuple[int, str]]] = {}
        self.path = folder / "sam"
        self.path.write_text(_PROGRAM.format(python=sys.executable, folder=str(folder)), encoding="utf-8")
        self.path.chmod(self.path.stat().st_mode | stat.S_IXUSR)
        self._save()

    def answer(self, command: str, text: str = "", status: int = 0) -> None:
        self._answers.setdefault(command, []).append((status, text))
        self._save()

    def answered(self, payload: Any, failed: bool = False) -> None:
        """As `sam remote invoke --output json` prints the answer of a function."""
        answer = {"StatusCode": 200, "Payload": json.dumps(payload)}
        self.answer("remote", json.dumps(answer | ({"FunctionError": "Unhandled"} if failed else {})))

    def _save(self) -> None:
        (self._folder / "answers").write_text(json.dumps(self._answers), encoding="utf-8")

    @property
    def calls(self) -> list[list[str]]:
        path = self._folder / "calls"
        return (
            [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
            if path.exists()
            else []
        )
