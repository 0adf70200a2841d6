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


@pytest.mark.parametrize("parameters", [SERVER, SERVER | NETWORK, SMTP, {"ApiConcurrency": "0"}])
def test_it_is_made_complete(parameters: dict[str, str]) -> None:
    with moto_stack.stack(**parameters) as made:
        assert made["StackStatus"] == "CREATE_COMPLETE"
        assert set(moto_stack.made()) == moto_stack.wanted(**parameters)
