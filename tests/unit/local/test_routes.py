import pytest

from local.event_sources.routes import Routes
from local.template.model import Template


@pytest.mark.parametrize(
    ("method", "path", "key", "parameters"),
    [
        ("GET", "/things/7", "GET /things/{id}", {"id": "7"}),
        ("GET", "/things/special", "GET /things/special", {}),
        ("GET", "/things/a%2Fb%20c", "GET /things/{id}", {"id": "a/b c"}),
        ("DELETE", "/files/a/b.txt", "ANY /files/{path+}", {"path": "a/b.txt"}),
        ("POST", "/open", "POST /open", {}),
    ],
)
def test_the_most_specific_route_is_taken(
    tiny: Template, method: str, path: str, key: str, parameters: dict[str, str]
) -> None:
    match = Routes(tiny.functions).match(method, path)
    assert match is not None
    assert (match.route.key, match.parameters) == (key, parameters)


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/things/7"), ("GET", "/things"), ("GET", "/things/7/8"), ("GET", "/files/")],
)
def test_other_requests_have_no_route(tiny: Template, method: str, path: str) -> None:
    assert Routes(tiny.functions).match(method, path) is None
