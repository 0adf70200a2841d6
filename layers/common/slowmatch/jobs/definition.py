"""Definitions of jobs: a name, the fields of payload and settings, and how runs behave."""

import json
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from slowmatch.jobs.fields import FIELD_KINDS, Field, Secret, is_text, is_whole
from slowmatch.jobs.retry import MAX_ATTEMPTS
from slowmatch.settings import SettingsError
from slowmatch.text import to_json

MAX_JSON_BYTES = 256 * 1024
"""The largest payload or result that a run may have, as JSON."""
MAX_NAME_CHARACTERS = 24
"""A stack's name has at most 50 characters, a queue's 80, and the longest queue name is `<stack>-<job>-dead`."""


class DefinitionError(ValueError):
    """A job that is defined wrongly; the message names the field, its value and what is allowed."""


class PayloadError(ValueError):
    """A payload that its job does not accept. `field` is the offending field's name."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


@dataclass(frozen=True)
class Job:
    """A job, as the `job.py` in its folder defines it. Raises DefinitionError.

    `max_running` is the number of runs that may process at a time: 1, or None for no limit.
    `overlap` says what happens to a scheduled run while another one is processing: it is skipped, or it waits.
    `max_attempts` includes the first attempt.
    `role` is the lowest role that may start it.
    `form` is the title of its form. A job that has one is started only by its form.
    `notify_by_default` is False for a job whose failures concern only destinations that name it.
    """

    name: str
    description: str
    payload: Mapping[str, Field] = field(default_factory=dict)
    settings: Mapping[str, Field] = field(default_factory=dict)
    max_running: Literal[1] | None = 1
    overlap: Literal["skip", "wait"] = "skip"
    max_attempts: int = MAX_ATTEMPTS
    role: Literal["operator", "admin"] = "operator"
    form: str = ""
    notify_by_default: bool = True

    def __post_init__(self) -> None:
        error = next(self._errors(), None)
        if error:
            raise DefinitionError(error)

    @property
    def exclusive(self) -> bool:
        return self.max_running == 1

    @property
    def required(self) -> list[str]:
        """The fields that every payload must have."""
        return [name for name, each in self.payload.items() if each.required]

    def check(self, payload: Any) -> dict[str, Any]:
        """Return the payload if it is accepted. Raises PayloadError naming the field."""
        if not isinstance(payload, dict):
            raise PayloadError("payload", "must be a JSON object")
        for name, value in payload.items():
            if name not in self.payload:
                allowed = ", ".join(self.payload) or "no fields"
                place, what = (name, "") if name else ("payload", "has a field '', which ")
                raise PayloadError(place, f"{what}is not a field of {self.name}, which takes {allowed}")
            problem = self.payload[name].problem(value)
            if problem:
                raise PayloadError(name, problem)
        for name in self.required:
            if name not in payload:
                raise PayloadError(name, "is required")
        _check_size(payload)
        return payload

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """The defaults of the fields of a payload that have one."""
        return {name: each.default for name, each in self.payload.items() if each.default is not None}

    def read_settings(self, text: str) -> dict[str, Any]:
        """The job's settings, from the JSON in its row of template.yaml. Raises SettingsError.

        Everybody who signs in can read the message, so it does not show a value that may be a secret.
        """
        given = _settings_object(self.name, text)
        for name in given:
            if name not in self.settings:
                allowed = ", ".join(self.settings) or "none"
                raise SettingsError(f"{name} is not a setting of {self.name}; its job.py declares {allowed}")
        values = {name: given.get(name, each.default) for name, each in self.settings.items()}
        for name, each in self.settings.items():
            if values[name] is None:
                raise SettingsError(
                    f"{name} of {self.name} ({each.description}) has no value: add it to Settings in the job's"
                    " row of template.yaml, or give it a default in the job's job.py"
                )
            problem = each.problem(values[name])
            if problem:
                raise SettingsError(f"{name} of {self.name} is {each.shown(values[name])}: {problem}")
        return deepcopy(values)

    def _errors(self) -> Iterator[str]:
        if name_error(self.name):
            yield f"name is {self.name!r}: {name_error(self.name)}"
        for name, fits, rule in self._rules():
            if not fits:
                yield f"{name} is {getattr(self, name)!r}: {rule}"
        yield from _field_errors("payload", self.payload, "[a-z][a-z0-9_]{0,39}", "days_ahead")
        yield from _field_errors("settings", self.settings, "[A-Z][A-Z0-9_]{0,39}", "WEBHOOK_URL")
        for name, each in self.payload.items():
            if isinstance(each, Secret):
                yield f"payload: {name} is a Secret: every viewer can read payloads, so declare it in settings"

    def _rules(self) -> Iterator[tuple[str, bool, str]]:
        """For each attribute with a simple rule: its name, whether it keeps the rule, and the rule."""
        yield "description", is_text(self.description), "must be a non-empty string"
        yield "max_running", self.max_running in (1, None), "must be 1, or None for no limit"
        yield "overlap", self.overlap in ("skip", "wait"), "must be 'skip' or 'wait'"
        attempts = is_whole(self.max_attempts, 1, MAX_ATTEMPTS)
        yield "max_attempts", attempts, f"must be a whole number from 1 to {MAX_ATTEMPTS}"
        yield "role", self.role in ("operator", "admin"), "must be 'operator' or 'admin'"
        yield "form", isinstance(self.form, str), "must be a string"
        yield "notify_by_default", isinstance(self.notify_by_default, bool), "must be True or False"


def name_error(name: Any) -> str | None:
    """Why `name` cannot be a job's name, or None."""
    if (
        not isinstance(name, str)
        or not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name)
        or len(name) > MAX_NAME_CHARACTERS
    ):
        return f"must be lower-case words joined by hyphens, at most {MAX_NAME_CHARACTERS} characters"
    if "dead" in name.split("-"):
        return "must not contain the word dead, which marks dead-letter queues"
    return None


def json_bytes(payload: Mapping[str, Any]) -> int:
    return len(to_json(payload).encode())


def _check_size(payload: Mapping[str, Any]) -> None:
    """Raises PayloadError for the largest field of a payload that is too large."""
    if json_bytes(payload) > MAX_JSON_BYTES:
        sizes = {name: json_bytes({name: value}) for name, value in payload.items()}
        largest = max(sizes, key=lambda name: sizes[name])
        message = f"is {sizes[largest]:,} bytes; a payload may be at most {MAX_JSON_BYTES:,} bytes as JSON"
        raise PayloadError(largest, message)


def _settings_object(job: str, text: str) -> dict[str, Any]:
    """Raises SettingsError, which says where the text is wrong, but does not repeat it."""
    needed = "it must be a JSON object such as {}"
    try:
        found = json.loads(text)
    except ValueError as error:
        where = f"{error.msg} at column {error.colno}" if isinstance(error, json.JSONDecodeError) else error
        raise SettingsError(f"Settings of {job} is not JSON ({where}): {needed}") from None
    if not isinstance(found, dict):
        raise SettingsError(f"Settings of {job} is not a JSON object: {needed}")
    return found


def _field_errors(of: str, fields: Any, names: str, example: str) -> Iterator[str]:
    if not isinstance(fields, Mapping):
        yield f"{of} is {fields!r}: must be a dict that maps names to fields"
        return
    for name, each in fields.items():
        if not isinstance(name, str) or not re.fullmatch(names, name):
            yield f"{of}: {name!r} is not a valid field name: it must look like {example}"
        elif not isinstance(each, Field):
            yield f"{of}: {name} is {each!r}: must be a field of one of the kinds {FIELD_KINDS}"
        elif error := each.config_error():
            yield f"{of}: {name}: {error}"
