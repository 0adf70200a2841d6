"""Whether Amazon RDS still supports the version of Aurora PostgreSQL that a stage asks for."""

from botocore.exceptions import BotoCoreError, ClientError

from tools.stage import Stage

ENGINE = "aurora-postgresql"


def warning(stage: Stage, version: str) -> str | None:
    """What is wrong with the version, None if nothing is or RDS cannot be asked."""
    try:
        statuses = _statuses(stage, version)
    except (BotoCoreError, ClientError):
        return None
    major_only = "." not in version  # RDS chooses the minor version
    if "available" in statuses or (major_only and not statuses):
        return None
    wrong = "is deprecated by Amazon RDS" if statuses else "is not offered by Amazon RDS in this region"
    return (
        f"DatabaseEngineVersion={version} {wrong}: a new database cannot be made with it, and one that has it is"
        f" upgraded at a time that AWS chooses. `aws rds describe-db-engine-versions --engine {ENGINE}"
        f' --query "DBEngineVersions[].EngineVersion"` lists the versions to choose from'
    )


def _statuses(stage: Stage, version: str) -> set[str]:
    versions = stage.client("rds").describe_db_engine_versions(
        Engine=ENGINE, EngineVersion=version, IncludeAll=True
    )
    return {str(each["Status"]) for each in versions["DBEngineVersions"]}
