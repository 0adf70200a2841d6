"""The protocol of measured programs: one JSON object a line in, one a line out. Standard library only.

    {"do": "get", "times": 200}  ->  {"seconds": 0.123}

It runs in the virtual environment of each peer, so it imports nothing of this project.
"""

import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any

Answer = Mapping[str, Any] | float | None


def serve(commands: Mapping[str, Callable[..., Answer]]) -> None:
    """Answer until the input ends. A command gets the rest of its line as keyword arguments.

    It returns a dictionary, or a number, which is sent as `seconds`, or nothing.
    """
    answers = _take_stdout()
    for line in sys.stdin:
        words = json.loads(line)
        try:
            answer: object = _as_object(commands[words.pop("do")](**words))
        except Exception as error:  # noqa: BLE001  (the harness reports it, and this process goes on)
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def seconds(action: Callable[[], object], times: int) -> float:
    """How long it takes to do it that many times."""
    began = perf_counter()
    for _ in range(times):
        action()
    return perf_counter() - began


def _take_stdout() -> Any:
    """The stream for answers; whatever else is printed from here on, logs and metrics too, goes to stderr."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


def _as_object(answer: Answer) -> Mapping[str, Any]:
    if isinstance(answer, Mapping):
        return answer
    return {} if answer is None else {"seconds": answer}
