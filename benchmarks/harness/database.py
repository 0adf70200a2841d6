"""A database of one measurement, with all that a contestant has to know to reach it."""

from dataclasses import dataclass, field
from typing import Any

from local import ROOT
from local.environment import DATABASE_USER, HOST, Ports, local_values

REGION = "us-east-1"


@dataclass(frozen=True)
class Database:
    """`env` is for Slowmatch: its settings, where it finds a pretended AWS, and a PYTHONPATH; `url` for peers."""

    name: str
    port: int
    password: str = field(repr=False)
    aws_url: str

    @property
    def env(self) -> dict[str, str]:
        return local_values(Ports(self.port - 1), {}) | {
            "DB_NAME": self.name,
            "QUEUE_URL_PREFIX": f"{self.aws_url}/000000000000/slowmatch-",
            "PYTHONPATH": ":".join(str(ROOT / part) for part in ("layers/common", "functions", "")),
            **aws_environment(self.aws_url),
            "POWERTOOLS_SERVICE_NAME": "benchmark",
            "POWERTOOLS_METRICS_NAMESPACE": "Slowmatch",
            "POWERTOOLS_LOG_LEVEL": "INFO",
        }

    @property
    def url(self) -> str:
        return f"postgresql://{DATABASE_USER}:{self.password}@{HOST}:{self.port}/{self.name}"

    def connect(self) -> Any:
        """A pg8000 connection; the caller closes it."""
        import pg8000.native  # here, since what draws the charts does without a driver

        return pg8000.native.Connection(
            DATABASE_USER, password=self.password, host=HOST, port=self.port, database=self.name
        )


def aws_environment(url: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "benchmark",
        "AWS_SECRET_ACCESS_KEY": "benchmark",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
