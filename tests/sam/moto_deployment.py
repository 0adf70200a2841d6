"""What `sam deploy` does to CloudFormation, done to moto's: the stub of the SAM CLI only records its calls."""

import json
import time
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.sam.stub_sam import StubSam
from tools.deploy import __main__ as deploy
from tools.deploy import parameter_overrides, stage

STACK = "slowmatch-prod"
ACCOUNT = "123456789012"
REGION = "eu-west-1"
MIGRATE = ["remote", "invoke", "MigrateFunction", "--config-env", "prod", "--output", "json"]
DEPLOY = ["deploy", "--config-env", "prod", "--no-fail-on-empty-changeset"]
CREATE = [
    *DEPLOY,
    "--parameter-overrides",
    "MailSender=a@b.org",
    "MailRecipients=c@b.org",
    "DatabaseDeletionProtection=false",
]


class MotoDeployment:
    """Deploys a template with the real one's parameters; `confirmed` is the answer to "Deploy this changeset?"."""

    def __init__(self, config: Path) -> None:
        self._config = config
        self._client: Any = boto3.client("cloudformation")
        self.confirmed = True

    def run(self, command: list[str]) -> None:
        """A deployment that samconfig.toml's stage and the command line describe."""
        if "--parameter-overrides" in command:
            given: dict[str, str] = {}
            for text in command[command.index("--parameter-overrides") + 1 :]:
                given |= parameter_overrides.parse(text)  # the last one wins
        else:
            given = stage.read(self._config, "prod").given
        self.deploy(**given)

    def deploy(self, **given: str) -> None:
        before = self.parameters()
        # moto forgets defaults, and then finds no previous value of them.
        values = (before or stage.defaults()) | given
        if values == before:
            return  # an empty change set
        name = f"change-{time.monotonic_ns()}"
        self._client.create_change_set(
            StackName=STACK,
            ChangeSetName=name,
            ChangeSetType="UPDATE" if before else "CREATE",
            TemplateBody=json.dumps(_template(values)),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()],
        )
        if self.confirmed:
            self._client.execute_change_set(StackName=STACK, ChangeSetName=name)

    def parameters(self) -> dict[str, str]:
        """The stack's, none if there is no stack."""
        try:
            stack = self._client.describe_stacks(StackName=STACK)["Stacks"][0]
        except ClientError:
            return {}
        return {each["ParameterKey"]: each["ParameterValue"] for each in stack["Parameters"]}

    def remove(self) -> None:
        self._client.delete_stack(StackName=STACK)

    def put_into(self, status: str) -> None:
        from moto.cloudformation.models import cloudformation_backends  # importing it takes seconds

        backend = cloudformation_backends[ACCOUNT][REGION]
        backend.get_stack(STACK).status = status


class MakeDeploy:
    """`make deploy` without its build; `out` and `err` are what it printed last."""

    def __init__(
        self,
        sam: StubSam,
        cloudformation: MotoDeployment,
        config: Path,
        options: list[str],
        printed: pytest.CaptureFixture[str],
    ) -> None:
        self.sam, self.cloudformation = sam, cloudformation
        self.out = self.err = ""
        self._config, self._options, self._printed = config, options, printed

    def __call__(self, *more: str) -> int:
        """The exit status."""
        status = deploy.main([f"--sam={self.sam.path}", *self._options, *more])
        self.out, self.err = self._printed.readouterr()
        return status

    def gives(self, override: str) -> None:
        """Add an override to the stage's."""
        self._config.write_text(self._config.read_text().replace("c@b.org", f'c@b.org", "{override}'))


def _template(parameters: dict[str, str]) -> dict[str, Any]:
    seen = {"Fn::Join": [" ", [{"Ref": name} for name in parameters]]}
    return {
        "Parameters": {name: {"Type": "String"} for name in parameters},
        "Resources": {
            "Seen": {
                "Type": "AWS::SSM::Parameter",
                "Properties": {"Name": STACK, "Type": "String", "Value": seen},
            }
        },
    }
