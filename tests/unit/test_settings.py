"""What the environment may say about sign-in."""

import pytest

from slowmatch.settings import Settings, SettingsError

NEEDED = {
    "DB_HOST": "db.example.com",
    "DB_SECRET_ARN": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db",
    "STACK_NAME": "slowmatch",
    "QUEUE_URL_PREFIX": "https://sqs.eu-west-1.amazonaws.com/123456789012/slowmatch-",
}


@pytest.mark.parametrize("host", ["db.example.com", "10.0.0.5", "0.0.0.0", "127.0.0.1.example.com"])
def test_auth_local_is_refused_where_the_database_is_elsewhere(host: str) -> None:
    with pytest.raises(SettingsError, match="AUTH: 'local'"):
        Settings.from_env(NEEDED | {"AUTH": "local", "DB_HOST": host})


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_auth_local_is_for_a_database_on_this_machine(host: str) -> None:
    assert Settings.from_env(NEEDED | {"AUTH": "local", "DB_HOST": host}).auth == "local"


def test_people_sign_in_unless_the_environment_says_otherwise() -> None:
    assert Settings.from_env(NEEDED).auth == "oidc"
    with pytest.raises(SettingsError, match="AUTH is 'none'"):
        Settings.from_env(NEEDED | {"AUTH": "none"})


@pytest.mark.parametrize(
    "issuer",
    [
        "http://identity.example.com",
        "identity.example.com",
        "https://",
        "file:///etc/passwd",
        "https://identity.example.com/?x=1",
        "https://identity.example.com/#x",
        "https://[identity",
        "http://127.0.0.1.example.com",
    ],
)
def test_an_issuer_is_an_https_address(issuer: str) -> None:
    with pytest.raises(SettingsError, match="OIDC_ISSUER"):
        Settings.from_env(NEEDED | {"OIDC_ISSUER": issuer})


@pytest.mark.parametrize(
    "issuer", ["https://identity.example.com/realms/x", "https://x.auth0.com/", "http://127.0.0.1:8084"]
)
def test_an_issuer_is_kept_to_the_letter(issuer: str) -> None:
    assert Settings.from_env(NEEDED | {"OIDC_ISSUER": issuer}).oidc_issuer == issuer
