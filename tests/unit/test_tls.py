"""Whom the functions take for their database: by the authorities of DB_CA_FILE, and by the name."""

import ssl
from pathlib import Path

import pytest

from slowmatch.db import Unavailable
from slowmatch.db.connection import tls_context
from slowmatch.settings import Settings
from tools.tls_certificates import make

ENVIRONMENT = {
    "DB_HOST": "db.example.com",
    "DB_SECRET_ARN": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db",
    "STACK_NAME": "slowmatch",
    "QUEUE_URL_PREFIX": "https://sqs.eu-west-1.amazonaws.com/123456789012/slowmatch-",
}


def context(**variables: str) -> ssl.SSLContext:
    made = tls_context(Settings.from_env(ENVIRONMENT | variables))
    assert isinstance(made, ssl.SSLContext)
    return made


def test_nothing_said_checks_certificate_and_name() -> None:
    assert (context().verify_mode, context().check_hostname) == (ssl.CERT_REQUIRED, True)


def test_the_authorities_of_the_file_are_trusted_and_no_others(tmp_path: Path) -> None:
    trusting = context(DB_CA_FILE=str(make(tmp_path).authority))
    assert trusting.verify_mode is ssl.CERT_REQUIRED
    assert len(trusting.get_ca_certs()) == 1


def test_certificates_that_were_not_deployed_are_named_with_what_puts_them_there() -> None:
    with pytest.raises(Unavailable, match=r"DB_CA_FILE is '/opt/python/rds-ca\.pem', .*make deploy puts"):
        context(DB_CA_FILE="/opt/python/rds-ca.pem")


def test_require_encrypts_and_checks_nothing() -> None:
    assert context(DB_TLS="require").verify_mode is ssl.CERT_NONE
