"""The console: records, jobs and the dashboard as web pages."""

from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.utilities.typing import LambdaContext

from console.pages import (
    analytics,
    audit_log,
    bulk_actions,
    jobs,
    overview,
    records,
    redirects,
    run_list,
    runs,
    sign_in,
    static_files,
)
from console.views.formatting import FILTERS
from console.web import authorization, errors, render
from slowmatch.http.request import check_event
from slowmatch.telemetry import logger

render.templates().filters.update(FILTERS)
app = APIGatewayHttpResolver()
app.use([authorization.authorize])
errors.install(app)
for page in (redirects, static_files, sign_in, records, jobs, overview, analytics, audit_log, run_list, runs):
    app.include_router(page.router)
app.include_router(bulk_actions.router)
app.include_router(redirects.fallback)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    check_event(event)
    return app.resolve(event, context)
