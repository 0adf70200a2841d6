"""Where everything is on this machine, and the environment of the functions that follows from it."""

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
    """Five consecutive ports on loopback, starting with the gateway's; the last one serves AUTH=oidc."""

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
        """The ports of PostgreSQL, AWS and SMTP."""
        return [self.postgres, self.aws, self.smtp]

    @property
    def aws_url(self) -> str:
        return f"http://{HOST}:{self.aws}"

    @property
    def gateway_url(self) -> str:
        return f"http://{HOST}:{self.gateway}"

    def purposes(self, provider: bool) -> dict[int, str]:
        """What listens on each port, with the OpenID provider or without."""
        always = {
            self.gateway: "the console, the HTTP API and the outbox",
            self.postgres: "PostgreSQL",
            self.aws: "AWS (moto)",
            self.smtp: "SMTP",
        }
        return always | ({self.provider: "the OpenID provider"} if provider else {})


@dataclass(frozen=True)
class Folders:
    """The stack's files, all below `data` (usually .slowmatch/)."""

    data: Path

    @property
    def postgres(self) -> Path:
        return self.data / "postgres"

    @property
    def outbox(self) -> Path:
        return self.data / "outbox"

    @property
    def notify(self) -> Path:
        """The destinations of notifications, as in docs/notifications.md. The file may be missing."""
        return self.data / "notify.json"

    @property
    def job_secrets(self) -> Path:
        """The secrets that jobs' settings name, as in docs/jobs.md. The file may be missing."""
        return self.data / "job-secrets.json"

    @property
    def logs(self) -> Path:
        return self.data / "logs"

    def create(self) -> None:
        for folder in (self.data, self.outbox, self.logs):
            folder.mkdir(parents=True, exist_ok=True)


def secret_arn(name: str) -> str:
    """An ARN without Secrets Manager's random suffix: it works, and is known before the secret exists."""
    return f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}"


def local_values(ports: Ports, environ: Mapping[str, str]) -> dict[str, str]:
    """Values that replace the template's in the functions' environment.

    Variables in `environ` override them, except AWS_ENDPOINT_URL: nothing here may reach AWS.
    """
    values = {
        "DB_HOST": HOST,
        "DB_PORT": str(ports.postgres),
        "DB_NAME": DATABASE,
        "DB_SECRET_ARN": secret_arn(DATABASE_SECRET),
        "DB_TLS": "disable",
        "STACK_NAME": STACK_NAME,
        "QUEUE_URL_PREFIX": f"{ports.aws_url}/{ACCOUNT}/{STACK_NAME}-",
        "SCHEDULE_GROUP": STACK_NAME,
        "SCHEDULER_ROLE_ARN": f"arn:aws:iam::{ACCOUNT}:role/{STACK_NAME}-scheduler",
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
    """Whether people sign in at the OpenID provider of this machine."""
    values = local_values(ports, environ)
    return values["AUTH"] == "oidc" and values["OIDC_ISSUER"] == ports.provider_url


def function_environment(
    declared: Mapping[str, str | None], ports: Ports, environ: Mapping[str, str]
) -> dict[str, str]:
    """The variables that the template declares, with local values where there are any, and the addresses of AWS.

    Lambda is this stack itself.

    A declared variable that is `None` (AWS::NoValue) is set only if it has a local value.
    """
    local = local_values(ports, environ)
    resolved = {name: local.get(name, environ.get(name, value)) for name, value in declared.items()}
    resolved["AWS_ENDPOINT_URL"] = local["AWS_ENDPOINT_URL"]
    resolved["AWS_ENDPOINT_URL_LAMBDA"] = ports.gateway_url
    return {name: value for name, value in resolved.items() if value is not None}
