"""What a route's function is called with: the parts of the request that it names, each checked by pydantic."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from aws_lambda_powertools.event_handler.api_gateway import Route
from pydantic import BaseModel

from slowmatch.http import guard
from slowmatch.http.auth.authentication import NOWHERE
from slowmatch.http.auth.csrf import Event
from slowmatch.http.problem import FieldError, Problem
from slowmatch.http.validation import field_error

Errors = list[Mapping[str, Any]]


def arguments(route: Route, path: Mapping[str, str], event: Event) -> dict[str, Any]:
    """Parameters of path and query, and one body. Raises Problem 422 with all that is wrong; 400, 413 and 415."""
    body = guard.content(event)
    if route.rule.pattern == NOWHERE:
        return {}
    wanted = signature(route)
    query = guard.query(event, wanted.names)
    values: dict[str, Any] = {}
    errors: Errors = []
    for each in wanted.path:
        each.read(path.get(each.alias), values, errors)
    for each in wanted.query:
        each.read(query if each.is_model else query.get(each.alias), values, errors)
    for each in wanted.body:
        each.read(guard.json_object(event, body), values, errors)
    if errors:
        raise Problem.invalid(_unique(map(field_error, errors)))
    return values


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument of the function: where it stands in a request, and how it is checked."""

    name: str
    alias: str
    place: tuple[str, ...]
    check: Callable[..., tuple[Any, Errors | None]]
    is_model: bool
    required: bool
    default: Any

    def read(self, given: Any, values: dict[str, Any], errors: Errors) -> None:
        if given is not None:
            values[self.name], wrong = self.check(given, loc=self.place)
            errors.extend(wrong or ())
        elif self.required:
            errors.append({"type": "missing", "loc": self.place})
        else:
            values[self.name] = self.default


@dataclass(frozen=True, slots=True)
class Signature:
    """`names` are all that the query may have."""

    path: Sequence[Parameter]
    query: Sequence[Parameter]
    body: Sequence[Parameter]
    names: frozenset[str]


@cache
def signature(route: Route) -> Signature:
    """What Powertools found out about the route's function, in a form that is quick to follow."""
    found = route.dependant
    return Signature(
        [_parameter(field, "path", field.alias) for field in found.path_params],
        [_parameter(field, "query", field.alias) for field in found.query_params],
        [_parameter(field, "body") for field in found.body_params],
        frozenset(name for field in found.query_params for name in _names(field)),
    )


def _parameter(field: Any, *place: str) -> Parameter:
    is_model = _model(field) is not None
    default = None if field.required else field.get_default()
    return Parameter(field.name, field.alias, place, field.validate, is_model, field.required, default)


def _names(field: Any) -> list[str]:
    model = _model(field)
    if model is None:
        return [field.alias]
    return [each.alias or name for name, each in model.model_fields.items()]


def _model(field: Any) -> type[BaseModel] | None:
    """For a query that is taken as one."""
    kind = field.field_info.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _unique(errors: Iterable[FieldError]) -> Sequence[FieldError]:
    """A union's members may each say the same."""
    found: list[FieldError] = []
    for error in errors:
        if error not in found:
            found.append(error)
    return found
