"""The environment that the template gives the functions, and what they read of it."""

import re
from dataclasses import fields
from typing import Any

from slowmatch.settings import Settings
from tests.sam import template
from tests.sam.template import ROOT

# Not settings of slowmatch: what Powertools and botocore read by themselves.
OTHERS_VARIABLES = {
    "AWS_ENDPOINT_URL",
    "POWERTOOLS_LOG_LEVEL",
    "POWERTOOLS_METRICS_NAMESPACE",
    "POWERTOOLS_SERVICE_NAME",
}
REQUIRED = {
    "DB_HOST": "db.example.com",
    "DB_SECRET_ARN": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db",
    "STACK_NAME": "slowmatch",
    "QUEUE_URL_PREFIX": "https://sqs.eu-west-1.amazonaws.com/123456789012/slowmatch-",
}


def test_the_template_sets_what_the_settings_read_and_no_more() -> None:
    read = _Recorder(REQUIRED)
    Settings.from_env(read)
    variables = set(template.variables())
    assert variables - OTHERS_VARIABLES == read.names == {field.name.upper() for field in fields(Settings)}
    assert variables >= OTHERS_VARIABLES


def test_the_settings_and_the_template_have_the_same_defaults() -> None:
    parameters = template.written()["Parameters"]
    variables = template.written()["Globals"]["Function"]["Environment"]["Variables"]
    references = {name: value["Ref"] for name, value in variables.items() if "Ref" in value}
    defaults = {
        name: str(parameters[parameter]["Default"])
        for name, parameter in references.items()
        if "Default" in parameters.get(parameter, {})
    }
    assert Settings.from_env(REQUIRED | defaults) == Settings.from_env(REQUIRED)


def test_the_settings_alone_read_the_environment() -> None:
    """Except for what Lambda and Powertools set."""
    files = (*(ROOT / "functions").rglob("*.py"), *(ROOT / "layers/common").rglob("*.py"))
    reading = re.compile(r"""(?:environ\.get\(|environ\[|getenv\()\s*["'](\w+)""")
    found = {name for path in files for name in reading.findall(path.read_text(encoding="utf-8"))}
    assert [name for name in found if not name.startswith(("AWS_LAMBDA_", "LAMBDA_", "POWERTOOLS_"))] == []


class _Recorder(dict[str, str]):
    """An environment that remembers what was asked of it."""

    def __init__(self, variables: dict[str, str]) -> None:
        super().__init__(variables)
        self.names: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return super().get(name, default)
