"""The committed OpenAPI document is what the code says, and is valid."""

import json

from openapi_spec_validator import validate

from local import openapi


def test_the_committed_document_is_current() -> None:
    assert openapi.DOCUMENT.read_text(encoding="utf-8") == openapi.text(), "run `make openapi`"


def test_the_document_is_valid_openapi() -> None:
    validate(json.loads(openapi.text()))


def test_every_route_of_the_template_is_described() -> None:
    described = {
        (method.upper(), path) for path, methods in openapi.document()["paths"].items() for method in methods
    }
    assert ("POST", "/api/jobs/{job}/runs") in described
    assert len(described) == 21


def test_every_operation_but_the_health_check_asks_for_a_token_and_says_which_role() -> None:
    document = openapi.document()
    assert document["security"] == [{"bearer": []}]
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    for path, operations in document["paths"].items():
        for operation in operations.values():
            closed = {"401", "403"} <= operation["responses"].keys()
            assert closed == ("security" not in operation) == (path != "/api/health")
    deleting = document["paths"]["/api/records/{id}"]["delete"]
    assert deleting["responses"]["403"]["description"] == "The role admin is needed"


def test_parameters_have_whole_bounds_and_are_never_null() -> None:
    """A client that is made from the document, or a test, would send `null` and a limit of 0."""
    schemas = [
        (parameter["name"], parameter["schema"])
        for operations in openapi.document()["paths"].values()
        for operation in operations.values()
        for parameter in operation.get("parameters", ())
    ]
    assert len(schemas) == 26 and all("anyOf" not in schema for _, schema in schemas)
    bounds = {
        (name, schema["minimum"], schema["maximum"])
        for name, schema in schemas
        if schema["type"] == "integer" and isinstance(schema["maximum"], int)
    }
    assert bounds == {("id", 1, 2**63 - 1), ("limit", 1, 200), ("hours", 1, 744)}
