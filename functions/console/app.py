"""The console: records, jobs and the dashboard as web pages."""

from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.utilities.typing import LambdaContext

from console.pages import (  # noqa: F401 - each adds its routes to the router
    analytics,
    audit_log,
    bulk_actions,
    csv_download,
    failing,
    jobs,
    overview,
    record,
    record_bulk,
    record_export,
    record_import,
    records,
    rerun,
    run,
    run_lists,
    schedules,
    search,
    sign_in,
    static_files,
    upcoming,
)
from console.web import authorization, errors
from console.web.request import router
from slowmatch.http.request import check_event
from slowmatch.telemetry import logger

app = APIGatewayHttpResolver()
app.use([authorization.authorize])
errors.install(app)
app.include_router(router)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    check_event(event)
    return app.resolve(event, context)
