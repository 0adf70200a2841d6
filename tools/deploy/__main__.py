"""`make deploy`, after the build."""

import argparse
import sys
from pathlib import Path

from local import ROOT
from local.errors import StackError
from tools.deploy import deployed_stack, deployment, rds_certificates, stage


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 once everything is deployed, 1 when something failed; the last line says what."""
    parser = argparse.ArgumentParser(prog="python -m tools.deploy", description=__doc__)
    parser.add_argument("--sam", default="sam", help="the SAM CLI")
    parser.add_argument("--stage", default="default", help="section of samconfig.toml")
    parser.add_argument(
        "--certificates",
        default="",
        help="file with the CA certificates of Amazon RDS; downloaded if omitted",
    )
    parser.add_argument("--build", type=Path, default=ROOT / ".aws-sam" / "build", help="output of sam build")
    parser.add_argument("--config", type=Path, default=stage.CONFIG, help="file with the stages")
    parser.add_argument(
        "--check", action="store_true", help="do not deploy: only check the stage and print its Architecture"
    )
    options = parser.parse_args(arguments)
    try:
        plan = deployment.check(options.config, options.stage)
        if options.check:
            deployment.warn(plan)
            print(plan.values["Architecture"])
            return 0
        rds_certificates.put(options.build, options.certificates)
        deployment.deploy(options.sam, plan)
        applied = deployment.migrate(options.sam, options.stage)
        print(f"Migrations applied: {', '.join(applied) or 'none were pending.'}")
        if deployed_stack.protect_database(plan.stage):
            print("Database: deletion protection is now on.")
        if plan.values["NotifySecretArn"]:
            destinations = deployment.check_destinations(options.sam, options.stage)
            print(
                f"Notifications go to: {', '.join(destinations) or 'nobody; the secret has no destinations'}"
            )
    except StackError as error:
        print(f"make deploy: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
