"""Parameters that cannot work, alone or together, are refused before anything is made."""

import pytest

from tests.sam import template
from tests.sam.parameters import DATABASE, NEEDED, NETWORK, PROVIDER, VPC, WITH_KEY, refusals, secret


@pytest.mark.parametrize(
    "given",
    [
        {},
        DATABASE,
        NETWORK | VPC,
        NETWORK | DATABASE,
        {"DatabaseMinCapacity": "0", "DatabaseMaxCapacity": "1"},
        {"ApiConcurrency": "200", "DatabaseMaxCapacity": "4"},
        DATABASE | {"ApiConcurrency": "400"},
        {"AvailabilityZones": "us-gov-west-1a,us-gov-west-1b"},
        {"DatabaseEngineVersion": "17.7"},
        PROVIDER | {"OidcIssuer": "https://login.example.com:443/realms/jobs"},
        {"ConsoleUrl": "https://jobs.example.com/console"},
        WITH_KEY,
        {"MailTransport": "smtp", "SmtpHost": "mail.example.com", "SmtpPort": "65535"},
    ],
)
def test_what_can_work_is_made(given: dict[str, str]) -> None:
    assert refusals(**given) == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"DatabaseHost": "db.example.com"}, "DatabaseHost and DatabaseSecretArn"),
        ({"DatabaseSecretArn": secret("database")}, "DatabaseHost and DatabaseSecretArn"),
        ({"SubnetIds": NETWORK["SubnetIds"]} | DATABASE, "SubnetIds and SecurityGroupIds"),
        ({"SecurityGroupIds": "sg-0123456789abcdef0"}, "SubnetIds and SecurityGroupIds"),
        (VPC, "VpcId needs SubnetIds"),
        (
            NETWORK | DATABASE | {"AvailabilityZones": "eu-west-1a,eu-west-1b"},
            "AvailabilityZones cannot be combined",
        ),
        (NETWORK, "needs their VpcId"),
        ({"ApiConcurrency": "40"}, "DatabaseMaxCapacity of 4"),
        ({"ApiConcurrency": "400", "DatabaseMaxCapacity": "4"}, "DatabaseMaxCapacity of 8"),
        ({"MailTransport": "smtp"}, "SmtpHost or SmtpPreset"),
        ({"MailTransport": "smtp", "SmtpPreset": "gmail"}, "SmtpSecretArn"),
        ({"OidcIssuer": "https://login.example.com"}, "OidcIssuer and OidcSecretArn"),
    ],
)
def test_what_cannot_work_together_is_refused_with_the_reason(given: dict[str, str], words: str) -> None:
    (reason,) = refusals(**given)
    assert words in reason


def test_a_least_capacity_above_the_most_is_refused() -> None:
    parameters = template.written()["Parameters"]
    for least in parameters["DatabaseMinCapacity"]["AllowedValues"]:
        for most in parameters["DatabaseMaxCapacity"]["AllowedValues"]:
            reasons = refusals(DatabaseMinCapacity=str(least), DatabaseMaxCapacity=str(most))
            assert bool(reasons) == (float(least) > float(most)), (least, most)
            assert not reasons or reasons == ["DatabaseMinCapacity is greater than DatabaseMaxCapacity"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SubnetIds", "subnet-0123456789abcdef0"),
        ("SubnetIds", "subnet-1, subnet-2"),
        ("SecurityGroupIds", "default"),
        ("VpcId", "my-vpc"),
        ("VpcCidr", "10.300.0.0/16"),
        ("VpcCidr", "192.168.0.0/24"),
        ("DatabaseHost", "https://db.example.com"),
        ("DatabaseSecretArn", "my-secret"),
        ("DatabaseName", "my-database"),
        ("DatabasePort", "0"),
        ("DatabaseEngineVersion", "16.4"),
        ("AvailabilityZones", "eu-west-1a"),
        ("AvailabilityZones", "eu-west-1a,eu-west-1a"),
        ("AvailabilityZones", "eu-west-1a, eu-west-1b"),
        ("MailSender", "nobody"),
        ("MailRecipients", "a@example.com b@example.com"),
        ("SmtpPort", "65536"),
        ("OidcIssuer", "http://login.example.com"),
        ("OidcIssuer", "https://login.example.com:8443/realms/jobs"),
        ("ConsoleUrl", "http://example.com"),
        ("ConsoleUrl", "https://example.com/"),
        ("SecretsKeyArn", "alias/jobs"),
        ("SecretsKeyArn", "arn:aws:kms:eu-west-1:123456789012:alias/jobs"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_its_own_parameter(name: str, value: str) -> None:
    assert refusals(**{name: value}) == [name]


def test_only_who_mails_to_whom_has_to_be_given() -> None:
    declared = template.written()["Parameters"]
    assert {name for name, parameter in declared.items() if "Default" not in parameter} == set(NEEDED)
