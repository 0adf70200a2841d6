"""What a job's row in template.yaml gives to its runs."""

from functools import cache
from typing import Any

from local import ROOT
from local.template import yaml_tags
from slowmatch.jobs import JOBS, Secret


def of_row(name: str) -> dict[str, Any]:
    """What JobTester.perform takes: the settings of the job's row, and a text for each secret that they name."""
    job, settings = JOBS[name], JOBS[name].read_settings(_rows()[name].get("Settings", "{}"))
    secrets = {
        settings[each]: f"text of {each}" for each, field in job.settings.items() if isinstance(field, Secret)
    }
    return {"settings": settings, "secrets": secrets}


@cache
def _rows() -> dict[str, dict[str, Any]]:
    return {row["Name"]: row for row in yaml_tags.load(ROOT / "template.yaml")["Mappings"]["Job"].values()}
