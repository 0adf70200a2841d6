"""The least that an API function on Powertools imports: its resolver."""

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

app = APIGatewayHttpResolver()
