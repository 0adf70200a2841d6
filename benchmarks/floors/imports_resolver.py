"""The minimum that an API function with Powertools imports: the resolver."""

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

app = APIGatewayHttpResolver()
