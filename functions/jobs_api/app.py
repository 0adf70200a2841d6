"""Jobs, runs and schedules over HTTP: trigger, list, requeue, delete, pause; statistics and health."""

from typing import Any

from jobs_api import health, jobs, runs, schedules
from slowmatch.http.api import Api
from slowmatch.jobs import KeyReused, UnknownJob
from slowmatch.jobs.lifecycle.pause import NoSchedule
from slowmatch.jobs.schedules.model import NoSuchSchedule, ScheduleConflict
from slowmatch.telemetry import logger

app = Api({UnknownJob: 404, NoSuchSchedule: 404, KeyReused: 409, NoSchedule: 409, ScheduleConflict: 412})
for routes in (jobs, runs, schedules, health):
    app.include_router(routes.router)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
