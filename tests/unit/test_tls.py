"""How the functions verify their database, when nothing else is said."""

import ssl

import pytest

from slowmatch.db import Unavailable
from slowmatch.db.connection import tls_context
from slowmatch.settings import Settings
from tests.unit.test_settings import NEEDED


def test_nothing_said_checks_certificate_and_name() -> None:
    context = tls_context(Settings.from_env(NEEDED))
    assert isinstance(context, ssl.SSLContext)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_certificates_that_were_not_deployed_are_named() -> None:
    settings = Settings.from_env(NEEDED | {"DB_CA_FILE": "/opt/python/rds-ca.pem"})
    with pytest.raises(Unavailable, match=r"DB_CA_FILE is '/opt/python/rds-ca\.pem', .*make deploy puts"):
        tls_context(settings)
