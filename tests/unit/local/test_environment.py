import pytest

from local.environment import Ports, function_environment

PORTS = Ports(8080)


@pytest.mark.parametrize(
    ("declared", "shell", "expected"),
    [
        ({"DB_HOST": "db.example.com", "LOG": "INFO"}, {}, {"DB_HOST": "127.0.0.1", "LOG": "INFO"}),
        ({"LOG": "INFO"}, {"LOG": "DEBUG"}, {"LOG": "DEBUG"}),
        ({"MAIL_RECIPIENTS": ""}, {"MAIL_RECIPIENTS": "b@example.com"}, {"MAIL_RECIPIENTS": "b@example.com"}),
        ({"SMTP_PORT": None, "ABSENT": None}, {}, {"SMTP_PORT": "8083"}),
        ({}, {"OTHER": "not declared"}, {}),
        ({}, {"AWS_ENDPOINT_URL": "https://sqs.amazonaws.com"}, {}),
    ],
)
def test_local_values_and_the_shells_replace_the_templates(
    declared: dict[str, str | None], shell: dict[str, str], expected: dict[str, str]
) -> None:
    variables = function_environment(declared, PORTS, shell)
    addresses = {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:8082",
        "AWS_ENDPOINT_URL_LAMBDA": "http://127.0.0.1:8080",
    }
    assert variables == expected | addresses
