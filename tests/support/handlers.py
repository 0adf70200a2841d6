"""Handlers of jobs that fail."""

from typing import Any

from slowmatch.jobs import Permanent


def fail(context: Any = None) -> None:
    raise RuntimeError("the disk is full")


def refuse(context: Any = None) -> None:
    raise Permanent("no such mailbox")
