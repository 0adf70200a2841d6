"""Runs in a new interpreter: imports one module, calls its handler if there is an event, and prints the times.

    python -I -S imports_probe.py MODULE EVENT FOLDER ...

EVENT is a file of JSON, or empty. Without site no .pth file of a virtual environment is read, as in Lambda;
FOLDERs come first in sys.path. It imports as little of the standard library as possible.
"""

from time import perf_counter

began = perf_counter()

import os  # noqa: E402
import sys  # noqa: E402
from importlib import import_module  # noqa: E402


class LambdaContext:
    """The context that the Lambda runtime passes to a handler."""

    function_name = "benchmark"
    memory_limit_in_mb = 1024
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:benchmark"
    aws_request_id = "00000000-0000-0000-0000-000000000000"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 60_000


def main(module: str, event: str, *folders: str) -> None:
    sys.path[:0] = folders
    answers = os.dup(1)
    os.dup2(2, 1)  # output of the handler is not an answer
    imported = import_module(module)
    os.write(answers, f"{perf_counter() - began}\n".encode())
    if event:
        import json

        with open(event, encoding="utf-8") as file:  # noqa: PTH123  (pathlib would be one more import)
            answer = imported.handler(json.load(file), LambdaContext())
        os.write(answers, json.dumps(answer).encode() + b"\n")
    os._exit(0)  # the time to exit does not count


main(*sys.argv[1:])
