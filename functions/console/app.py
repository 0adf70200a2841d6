"""The console: records, jobs and the dashboard as pages in the browser."""

from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.utilities.typing import LambdaContext

from console import access, bulk, dashboard, errors, home, jobs, records, runs, sign_in, static_files
from slowmatch.http import envelope
from slowmatch.telemetry import logger

app = APIGatewayHttpResolver()
app.use([access.guard])
errors.install(app)
for pages in (home, static_files, sign_in, records, jobs, dashboard, bulk, runs):
    app.include_router(pages.router)
app.include_router(home.nowhere)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    envelope.check(event)
    return app.resolve(event, context)
