"""What a route's function is called with: the parts of the request that it names, each checked by pydantic."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aws_lambda_powertools.event_handler.api_gateway import Route

from slowmatch.http import guard
from slowmatch.http.auth import NOWHERE
from slowmatch.http.origin import Event
from slowmatch.http.problem import FieldError, Problem
from slowmatch.http.words import field_error

Errors = list[Mapping[str, Any]]


def arguments(route: Route, path: Mapping[str, str], event: Event) -> dict[str, Any]:
    """Parameters of path and query, and one body. Raises Problem 422 with all that is wrong; 400, 413 and 415."""
    body = guard.content(event)
    if route.rule.pattern == NOWHERE:
        return {}
    wanted = route.dependant
    query = guard.query(event, wanted.query_params)
    values: dict[str, Any] = {}
    errors: Errors = []
    for field in wanted.path_params:
        _read(field, ("path", field.alias), path.get(field.alias), values, errors)
    for field in wanted.query_params:
        given = query if guard.as_model(field) else query.get(field.alias)
        _read(field, ("query", field.alias), given, values, errors)
    for field in wanted.body_params:
        _read(field, ("body",), guard.json_object(event, body), values, errors)
    if errors:
        raise Problem.invalid(_unique(map(field_error, errors)))
    return values


def _read(field: Any, place: tuple[str, ...], given: Any, values: dict[str, Any], errors: Errors) -> None:
    if given is not None:
        values[field.name], wrong = field.validate(given, loc=place)
        errors.extend(wrong or ())
    elif field.required:
        errors.append({"type": "missing", "loc": place})
    else:
        values[field.name] = field.get_default()


def _unique(errors: Iterable[FieldError]) -> Sequence[FieldError]:
    """A union's members may each say the same."""
    found: list[FieldError] = []
    for error in errors:
        if error not in found:
            found.append(error)
    return found
