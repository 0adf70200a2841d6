"""The one place that says where things are on this machine, and so what the functions' environment is."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

REGION = "us-east-1"
ACCOUNT = "000000000000"
STACK_NAME = "slowmatch"
HOST = "127.0.0.1"
DATABASE = "slowmatch"
DATABASE_USER = "slowmatch"
DATABASE_SECRET = f"{STACK_NAME}/database"
SIGN_IN_SECRET = f"{STACK_NAME}/sign-in"
SESSION_SECRET = f"{STACK_NAME}/session"
NOTIFY_SECRET = f"{STACK_NAME}/notify"
CLIENT_ID = STACK_NAME
API_AUDIENCE = f"{STACK_NAME}-api"


@dataclass(frozen=True)
class Ports:
    """Five neighbouring ports on loopback, counted from the gateway's; the last one serves AUTH=oidc."""

    gateway: int

    @property
    def postgres(self) -> int:
        return self.gateway + 1

    @property
    def aws(self) -> int:
        return self.gateway + 2

    @property
    def smtp(self) -> int:
        return self.gateway + 3

    @property
    def provider(self) -> int:
        return self.gateway + 4

    @property
    def provider_url(self) -> str:
        return f"http://{HOST}:{self.provider}"

    @property
    def services(self) -> list[int]:
        """The ports of what the functions need."""
        return [self.postgres, self.aws, self.smtp]

    @property
    def aws_url(self) -> str:
        return f"http://{HOST}:{self.aws}"

    @property
    def gateway_url(self) -> str:
        return f"http://{HOST}:{self.gateway}"

    def purposes(self, provider: bool) -> dict[int, str]:
        """What listens where; `provider` counts in the OpenID provider."""
        always = {
            self.gateway: "the console, the HTTP API and the outbox",
            self.postgres: "PostgreSQL",
            self.aws: "AWS (moto)",
            self.smtp: "SMTP",
        }
        return always | ({self.provider: "the OpenID provider"} if provider else {})


@dataclass(frozen=True)
class Folders:
    """What the stack keeps, all below `data` (usually .slowmatch/)."""

    data: Path

    @property
    def postgres(self) -> Path:
        return self.data / "postgres"

    @property
    def outbox(self) -> Path:
        return self.data / "outbox"

    @property
    def notify(self) -> Path:
        """Who is told of failures, as docs/notifications.md has it; nobody without the file."""
        return self.data / "notify.json"

    @property
    def job_secrets(self) -> Path:
        """The secrets that the settings of jobs name, as docs/jobs.md has it."""
        return self.data / "job-secrets.json"

    @property
    def logs(self) -> Path:
        return self.data / "logs"

    def create(self) -> None:
        for folder in (self.data, self.outbox, self.logs):
            folder.mkdir(parents=True, exist_ok=True)


def secret_arn(name: str) -> str:
    """An ARN without Secrets Manager's random suffix: known before the secret exists, and accepted all the same."""
    return f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}"


def local_values(ports: Ports, environ: Mapping[str, str]) -> dict[str, str]:
    """Values that replace what the template gives the functions.

    A variable of the same name in `environ` wins, except AWS_ENDPOINT_URL: nothing here may reach AWS.
    """
    values = {
        "DB_HOST": HOST,
        "DB_PORT": str(ports.postgres),
        "DB_NAME": DATABASE,
        "DB_SECRET_ARN": secret_arn(DATABASE_SECRET),
        "DB_TLS": "disable",
        "STACK_NAME": STACK_NAME,
        "QUEUE_URL_PREFIX": f"{ports.aws_url}/{ACCOUNT}/{STACK_NAME}-",
        "MAIL_TRANSPORT": "smtp",
        "MAIL_SENDER": "slowmatch@example.com",
        "MAIL_RECIPIENTS": "you@example.com",
        "SMTP_PRESET": "",
        "SMTP_HOST": HOST,
        "SMTP_PORT": str(ports.smtp),
        "SMTP_SECURITY": "none",
        "SMTP_SECRET_ARN": "",
        "AUTH": "local",
        "OIDC_ISSUER": ports.provider_url,
        "OIDC_SECRET_ARN": secret_arn(SIGN_IN_SECRET),
        "OIDC_AUDIENCE": "" if "OIDC_ISSUER" in environ else API_AUDIENCE,
        "OIDC_GROUPS_CLAIM": "groups",
        "SESSION_SECRET_ARN": secret_arn(SESSION_SECRET),
        "NOTIFY_TOPIC_ARN": f"arn:aws:sns:{REGION}:{ACCOUNT}:{STACK_NAME}-notify",
        "NOTIFY_SECRET_ARN": secret_arn(NOTIFY_SECRET),
        "CONSOLE_URL": ports.gateway_url,
    }
    chosen = {name: environ.get(name, value) for name, value in values.items()}
    return chosen | {"AWS_ENDPOINT_URL": ports.aws_url}


def has_provider(ports: Ports, environ: Mapping[str, str]) -> bool:
    """Whether the people who sign in are asked who they are by a provider of this machine."""
    values = local_values(ports, environ)
    return values["AUTH"] == "oidc" and values["OIDC_ISSUER"] == ports.provider_url


def function_environment(
    declared: Mapping[str, str | None], ports: Ports, environ: Mapping[str, str]
) -> dict[str, str]:
    """What the template declares, with the local values in place of the cloud's.

    As on Lambda, a variable that the template does not declare is not there; AWS_ENDPOINT_URL is the
    exception, because on Lambda it must not be. A declared variable without a value (`None`, from
    AWS::NoValue) is there only if it has a local one.
    """
    local = local_values(ports, environ)
    resolved = {name: local.get(name, environ.get(name, value)) for name, value in declared.items()}
    resolved["AWS_ENDPOINT_URL"] = local["AWS_ENDPOINT_URL"]
    return {name: value for name, value in resolved.items() if value is not None}
