"""The console: records, jobs and the dashboard as pages in the browser."""

from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.utilities.typing import LambdaContext

from console.pages import bulk_actions, dashboard, jobs, records, redirects, runs, sign_in, static_files
from console.web import authorization, errors
from slowmatch.http.request import check_event
from slowmatch.telemetry import logger

app = APIGatewayHttpResolver()
app.use([authorization.guard])
errors.install(app)
for pages in (redirects, static_files, sign_in, records, jobs, dashboard, bulk_actions, runs):
    app.include_router(pages.router)
app.include_router(redirects.nowhere)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    check_event(event)
    return app.resolve(event, context)
