"""The address of the page Schedules, its form filled in, and a schedule that was made at run time."""

from typing import Any

from slowmatch.db import Connection
from slowmatch.jobs.schedules import store
from slowmatch.jobs.schedules.model import Schedule

HOME = "/dashboard/schedules"
GOOD = {
    "schedule-name": "nightly",
    "schedule-job": "db-cleanup",
    "schedule-expression": "cron(0 7 * * ? *)",
    "schedule-time_zone": "Europe/Berlin",
    "schedule-enabled": "true",
    "schedule-version": "0",
    "older_than_days": "30",
}
"""A form that is accepted."""


def make(con: Connection, name: str = "nightly", **given: Any) -> Schedule:
    usual = {
        "job": "db-cleanup",
        "expression": "cron(0 7 * * ? *)",
        "time_zone": "Europe/Berlin",
        "actor": "ada",
    }
    return store.put(con, name, **(usual | given))
