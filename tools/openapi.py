"""Writes docs/openapi.json: what the API functions' resolvers say of themselves, as one document.

The functions find the database and AWS only when they are called, so this needs neither.
"""

import importlib
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
DOCUMENT = ROOT / "docs" / "openapi.json"
FUNCTIONS = ("records_api", "jobs_api")
BIGINT_MAX = 2**63 - 1
SECURITY = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A token from the sign-in provider, signed with RS256 and issued for this API",
    }
}
IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "The ETag as it was read. If something was changed after that, the answer is 412 and"
    " nothing is done. Without this header, the change is made in any case",
    "schema": {"type": "string", "title": "If-Match"},
}
IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "With *, the schedule is made only if there is none of that name; otherwise the answer is 412",
    "schema": {"type": "string", "const": "*", "title": "If-None-Match"},
}
HEADERS = {
    ("put", "/api/schedules/{name}"): [IF_MATCH, IF_NONE_MATCH],
    ("delete", "/api/schedules/{name}"): [IF_MATCH],
    ("post", "/api/schedules/{name}/pause"): [IF_MATCH],
    ("post", "/api/schedules/{name}/resume"): [IF_MATCH],
    **{(method, "/api/records/{id}"): [IF_MATCH] for method in ("put", "patch", "delete")},
    ("post", "/api/records/import"): [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "description": "Repeating a request with the same key within a day creates nothing and gives the same"
            " answer; another body with that key gets 409",
            "schema": {"type": "string", "minLength": 1, "maxLength": 200, "title": "Idempotency-Key"},
        }
    ],
    ("post", "/api/jobs/{job}/runs"): [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "description": "Repeating a request with the same key returns the run that the first one created;"
            " a different request with that key gets 409",
            "schema": {"type": "string", "minLength": 1, "maxLength": 200, "title": "Idempotency-Key"},
        }
    ],
}
BODIES = {
    ("post", "/api/records/import"): {
        "required": True,
        "description": "At most 1 MB in UTF-8. The first line names the columns `title` and `expiry_date`; `id`,"
        " `created_at`, `is_expired` and `error` are ignored. A date without an offset is in UTC",
        "content": {"text/csv": {"schema": {"type": "string"}}},
    }
}
"""What a function reads itself, past Powertools."""


def document() -> dict[str, Any]:
    """The OpenAPI 3.1 document of all API functions."""
    os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "openapi")
    os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "Slowmatch")
    sys.path[:0] = [
        path for path in (str(ROOT / "layers/common"), str(ROOT / "functions")) if path not in sys.path
    ]
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {"Problem": _problem_schema()}
    for name in FUNCTIONS:
        app = importlib.import_module(f"{name}.app").app
        part = json.loads(
            app.get_openapi_json_schema(title="Slowmatch", version="1.0.0", openapi_version="3.1.0")
        )
        roles = {(_path(route), route.method.lower()): _role(route) for route in _routes(app)}
        for path, operations in part["paths"].items():
            for method, operation in operations.items():
                _answer_errors(operation, roles[path, method])
                operation["responses"].get("204", {}).pop("content", None)
                if (method, path) in HEADERS:
                    operation["parameters"] += HEADERS[method, path]
                if (method, path) in BODIES:
                    operation["requestBody"] = BODIES[method, path]
                for parameter in operation.get("parameters", ()):
                    parameter["schema"] = _in_an_address(parameter["schema"])
        paths |= part["paths"]
        schemas |= part.get("components", {}).get("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError", "ResponseValidationError"):
        schemas.pop(unused, None)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Slowmatch",
            "version": "1.0.0",
            "description": "Background jobs and records that expire.",
        },
        "paths": dict(sorted(paths.items())),
        "security": [{"bearer": []}],
        "components": {"securitySchemes": SECURITY, "schemas": _whole(dict(sorted(schemas.items())))},
    }


def _answer_errors(operation: dict[str, Any], role: str | None) -> None:
    """Every error is a problem, not what Powertools says by default."""
    errors = {"4XX": _problem("What was wrong with the request"), "5XX": _problem("What failed here")}
    if role is None:
        operation["security"] = []
    else:
        errors |= {
            "401": _problem("There is no token, or it is not valid"),
            "403": _problem(f"The role {role} is required"),
        }
    operation["responses"] = {
        status: answer for status, answer in operation["responses"].items() if status not in ("422", "500")
    } | dict(sorted(errors.items()))


def _in_an_address(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter's schema: an address has no null, and the bounds of a whole number are whole."""
    plain = [kind for kind in schema.pop("anyOf", ()) if kind != {"type": "null"}]
    schema = (plain[0] if plain else {}) | schema
    if schema["type"] == "integer":
        schema |= {name: int(schema[name]) for name in ("minimum", "maximum") if name in schema}
        if schema.get("maximum") == BIGINT_MAX + 1:  # as near as a float comes
            schema["maximum"] = BIGINT_MAX
    return schema


def _whole(schema: Any) -> Any:
    """The bounds of numbers in bodies are whole too, where they are."""
    if isinstance(schema, dict):
        return {name: _whole(value) for name, value in schema.items()}
    if isinstance(schema, list):
        return [_whole(value) for value in schema]
    return int(schema) if isinstance(schema, float) and schema.is_integer() else schema


def _problem(description: str) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": description, "content": content}


def _routes(app: Any) -> list[Any]:
    return [*app._static_routes, *app._dynamic_routes]  # noqa: SLF001 - Powertools lists them nowhere else


def _path(route: Any) -> str:
    return re.sub(r"<(\w+)>", r"{\1}", route.path)


def _role(route: Any) -> str | None:
    from slowmatch.http.auth.authentication import required_role

    role = required_role(route)
    return None if role is None else role.name.lower()


def _problem_schema() -> dict[str, Any]:
    text = {"type": "string"}
    error = {
        "type": "object",
        "properties": {"field": text, "message": text},
        "required": ["field", "message"],
    }
    return {
        "title": "Problem",
        "type": "object",
        "properties": {
            "type": text,
            "title": text,
            "status": {"type": "integer"},
            "detail": text,
            "errors": {"type": "array", "items": error},
        },
        "required": ["type", "title", "status", "detail"],
    }


def text() -> str:
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    DOCUMENT.parent.mkdir(exist_ok=True)
    DOCUMENT.write_text(text(), encoding="utf-8")
    print(f"wrote {DOCUMENT.relative_to(ROOT)}")
