"""The stack is made with a database, a network or a mail server of one's own as well."""

import pytest

from tests.sam import moto_stack

SERVER = {
    "DatabaseHost": "db.example.com",
    "DatabaseSecretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:db-AbCdEf",
}
NETWORK = {
    "SubnetIds": "subnet-0123456789abcdef0,subnet-0123456789abcdef1",
    "SecurityGroupIds": "sg-0123456789abcdef0",
}
SMTP = {
    "MailTransport": "smtp",
    "SmtpHost": "mail.example.com",
    "SmtpSecretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:smtp-AbCdEf",
}

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.mark.parametrize(
    ("region", "parameters"),
    [
        ("us-east-2", SERVER),
        ("us-west-1", SERVER | NETWORK),
        ("us-west-2", SMTP),
        ("eu-west-1", {"ApiConcurrency": "0"}),
    ],
)
def test_it_is_made_complete(region: str, parameters: dict[str, str]) -> None:
    with moto_stack.stack(region, **parameters) as made:
        assert made["StackStatus"] == "CREATE_COMPLETE"
        assert set(moto_stack.made(region)) == moto_stack.wanted(**parameters)
