"""What CloudFormation checks of a stack's parameters before it makes anything: patterns, ranges and rules."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from tests.sam import template

# What has no default has to be given.
NEEDED = {"MailSender": "jobs@example.com", "MailRecipients": "team@example.com"}


def secret(name: str) -> str:
    return f"arn:aws:secretsmanager:eu-west-1:123456789012:secret:{name}-AbCdEf"


# What a stack can have of one's own instead of making it.
LONG = "x" * 64
DATABASE = {"DatabaseHost": "db.example.com", "DatabaseSecretArn": secret(f"database-{LONG}")}
NETWORK = {
    "SubnetIds": "subnet-0123456789abcdef0,subnet-0123456789abcdef1",
    "SecurityGroupIds": "sg-0123456789abcdef0",
}
VPC = {"VpcId": "vpc-0123456789abcdef0"}
PROVIDER = {"OidcIssuer": "https://login.example.com", "OidcSecretArn": secret(f"provider-{LONG}")}
SMTP = {
    "MailTransport": "smtp",
    "SmtpHost": "mail.example.com",
    "SmtpSecretArn": secret(f"smtp-{LONG}"),
}
NOTIFY = {"NotifySecretArn": secret(f"notify-{LONG}")}
KEY = "arn:aws:kms:eu-west-1:123456789012:key/0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"
WITH_KEY = {"SecretsKeyArn": KEY}


def refusals(**given: str) -> list[str]:
    """The reasons for which a stack with these parameters, and defaults for the others, would not be made."""
    declared = template.written()["Parameters"]
    values = {name: str(parameter.get("Default", "")) for name, parameter in declared.items()}
    values |= NEEDED | given
    wrong = [name for name, value in values.items() if not _accepted(declared[name], value)]
    return wrong or list(_broken_rules(values))


def _accepted(parameter: dict[str, Any], value: str) -> bool:
    allowed = parameter.get("AllowedValues")
    if allowed is not None and value not in map(str, allowed):
        return False
    if parameter["Type"] != "Number":
        return re.fullmatch(parameter.get("AllowedPattern", ".*"), value) is not None
    number = float(value) if re.fullmatch(r"\d+(\.\d+)?", value) else float("nan")
    return bool(parameter.get("MinValue", number) <= number <= parameter.get("MaxValue", number))


def _broken_rules(values: dict[str, str]) -> Iterator[str]:
    for rule in template.written()["Rules"].values():
        if _holds(rule.get("RuleCondition", {"Fn::Not": [{"Fn::Equals": ["", "x"]}]}), values):
            for assertion in rule["Assertions"]:
                if not _holds(assertion["Assert"], values):
                    yield str(assertion["AssertDescription"])


def _holds(term: Any, values: dict[str, str]) -> Any:
    """Only what CloudFormation allows in rules is known here."""
    if not isinstance(term, dict):
        return term
    ((name, argument),) = term.items()
    if name == "Ref":
        return values[argument]
    terms = [_holds(part, values) for part in argument]
    functions: dict[str, Callable[[list[Any]], bool]] = {
        "Fn::And": all,
        "Fn::Or": any,
        "Fn::Not": lambda parts: not parts[0],
        "Fn::Equals": lambda parts: bool(parts[0] == parts[1]),
        "Fn::Contains": lambda parts: parts[1] in parts[0],
    }
    return functions[name](terms)
