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
