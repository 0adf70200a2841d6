"""Jobs and runs over HTTP: trigger, list, requeue, delete, pause; statistics and health."""

from typing import Any

from jobs_api import health, jobs, runs
from jobs_api.answers import STATUSES
from slowmatch.http.api import Api
from slowmatch.telemetry import logger

app = Api(STATUSES)
for routes in (jobs, runs, health):
    app.include_router(routes.router)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
