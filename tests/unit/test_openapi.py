"""The committed OpenAPI document is what the code says, and is valid."""

import json
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate
from pydantic import ValidationError

from jobs_api import models as jobs_models
from records_api import models as records_models
from tests.sam import routes
from tools import openapi

SOON = "2026-12-31T12:00:00Z"
RUN = "0190a7e0-0000-7000-8000-000000000000"


def test_the_committed_document_is_current() -> None:
    assert openapi.DOCUMENT.read_text(encoding="utf-8") == openapi.text(), "run `make openapi`"


def test_the_document_is_valid_openapi() -> None:
    validate(json.loads(openapi.text()))


def test_every_route_of_the_api_is_described() -> None:
    described = {
        (method.upper(), path) for path, methods in openapi.document()["paths"].items() for method in methods
    }
    routes_of_code = {(route.method, route.path) for _, route in routes.all_of_code()}
    assert described == {route for route in routes_of_code if route[1].startswith("/api/")}


def test_every_operation_but_the_health_check_asks_for_a_token() -> None:
    document = openapi.document()
    assert document["security"] == [{"bearer": []}]
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    for path, operations in document["paths"].items():
        for operation in operations.values():
            closed = {"401", "403"} <= operation["responses"].keys()
            assert closed == ("security" not in operation) == (path != "/api/health")
    deleting = document["paths"]["/api/records/{id}"]["delete"]
    assert deleting["responses"]["403"]["description"] == "The role admin is required"


def test_parameters_have_whole_bounds_and_are_never_null() -> None:
    """A client that is made from the document, or a test, would send `null` and a limit of 0."""
    schemas = [
        (parameter["name"], parameter["schema"])
        for operations in openapi.document()["paths"].values()
        for operation in operations.values()
        for parameter in operation.get("parameters", ())
    ]
    assert schemas and all("anyOf" not in schema for _, schema in schemas)
    bounds = {
        (name, schema["minimum"], schema["maximum"])
        for name, schema in schemas
        if schema["type"] == "integer" and isinstance(schema["maximum"], int)
    }
    assert bounds == {
        ("id", 1, 2**63 - 1),
        ("limit", 1, 200),
        ("hours", 1, 744),
        ("first_line", 2, 1_000_000_000),
    }


@pytest.mark.parametrize(
    ("schema", "body", "good"),
    [
        ("RecordChange", {}, False),
        ("RecordChange", {"title": "a"}, True),
        ("NewRecord", {"title": "a\0", "expiry_date": SOON}, False),
        ("NewRecord", {"title": " ", "expiry_date": SOON}, False),
        ("NewRecord", {"title": "a", "expiry_date": "1969-12-31T12:00:00Z"}, False),
        ("NewRun", {"delay_seconds": 1, "due_at": SOON}, False),
        ("NewRun", {"delay_seconds": None, "due_at": SOON}, True),
        ("NewRun", {}, True),
        ("NewRun", {"delay_seconds": 60.0}, True),
        ("NewRun", {"delay_seconds": 60.5}, False),
        ("NewRun", {"delay_seconds": True}, False),
        ("Bulk", {"ids": [RUN], "filter": {}}, False),
        ("Bulk", {"ids": [RUN], "filter": None}, True),
        ("Bulk", {"filter": {"created_from": "1832-04-02T12:07:10Z"}}, False),
        ("Bulk", {}, False),
        ("Pause", {"note": "\0"}, False),
    ],
)
def test_document_and_code_agree_on_what_a_body_may_be(schema: str, body: dict[str, Any], good: bool) -> None:
    document = openapi.document()
    described = {"$ref": f"#/components/schemas/{schema}", "components": document["components"]}
    assert OAS31Validator(described).is_valid(body) is good
    model = getattr(jobs_models, schema, None) or getattr(records_models, schema)
    try:
        model.model_validate(body)
    except ValidationError:
        assert not good
    else:
        assert good
