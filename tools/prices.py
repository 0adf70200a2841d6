"""What AWS asks, in US dollars, in the region us-east-1, without discounts: the list that tools/costs.py uses.

Look at a price's page before you rely on it, and change it here; `make costs` writes the tables anew.
"""

from dataclasses import dataclass

REGION = "us-east-1"
AS_OF = "June 2026"

AWS = "https://aws.amazon.com"


@dataclass(frozen=True, slots=True)
class Price:
    """`usd` for `per` units. `free` units a month cost nothing, for all of an account together, for ever."""

    usd: float
    per: float
    unit: str
    page: str
    free: float = 0

    def cost(self, units: float) -> float:
        return units * self.usd / self.per

    def allowance(self, units: float) -> float:
        """What the free units take off the cost of `units`, when nothing else in the account uses them."""
        return self.cost(min(units, self.free))


MILLION = 1_000_000

LAMBDA_REQUESTS = Price(0.20, MILLION, "requests", f"{AWS}/lambda/pricing/", MILLION)
LAMBDA_COMPUTE = Price(0.0000133334, 1, "GB-second on arm64", f"{AWS}/lambda/pricing/", 400_000)
SQS = Price(0.40, MILLION, "requests", f"{AWS}/sqs/pricing/", MILLION)
API = Price(1.00, MILLION, "requests to an HTTP API", f"{AWS}/api-gateway/pricing/")
EVENTBRIDGE = Price(0.00, MILLION, "ticks of a schedule", f"{AWS}/eventbridge/pricing/")
ACU = Price(0.12, 1, "ACU-hour, Aurora Standard", f"{AWS}/rds/aurora/pricing/")
STORAGE = Price(0.10, 1, "GB-month, Aurora Standard", f"{AWS}/rds/aurora/pricing/")
IO = Price(0.20, MILLION, "I/Os, Aurora Standard", f"{AWS}/rds/aurora/pricing/")
BACKUP = Price(0.021, 1, "GB-month of backup", f"{AWS}/rds/aurora/pricing/")
NAT_HOURS = Price(0.045, 1, "hour of a NAT gateway", f"{AWS}/vpc/pricing/")
NAT_DATA = Price(0.045, 1, "GB through it", f"{AWS}/vpc/pricing/")
ADDRESS = Price(0.005, 1, "hour of a public IPv4 address", f"{AWS}/vpc/pricing/")
ZONES = Price(0.02, 1, "GB between zones, 0.01 each way", f"{AWS}/ec2/pricing/on-demand/")
INTERNET = Price(0.09, 1, "GB to the internet", f"{AWS}/ec2/pricing/on-demand/", 100)
LOGS = Price(0.50, 1, "GB of logs taken in", f"{AWS}/cloudwatch/pricing/", 5)
METRICS = Price(0.30, 1, "custom metric", f"{AWS}/cloudwatch/pricing/", 10)
ALARMS = Price(0.10, 1, "metric in an alarm", f"{AWS}/cloudwatch/pricing/", 10)
DASHBOARDS = Price(3.00, 1, "dashboard with more than 50 metrics", f"{AWS}/cloudwatch/pricing/")
QUERIES = Price(0.005, 1, "GB that a query of Logs Insights reads", f"{AWS}/cloudwatch/pricing/")
TRACES = Price(5.00, MILLION, "traces recorded by X-Ray", f"{AWS}/xray/pricing/", 100_000)
SECRETS = Price(0.40, 1, "secret", f"{AWS}/secrets-manager/pricing/")
SECRET_CALLS = Price(0.05, 10_000, "reads of a secret", f"{AWS}/secrets-manager/pricing/")
KEYS = Price(1.00, 1, "KMS key of one's own", f"{AWS}/kms/pricing/")
MAILS = Price(0.10, 1000, "mails by SES", f"{AWS}/ses/pricing/")
PUBLISHES = Price(0.50, MILLION, "messages to an SNS topic", f"{AWS}/sns/pricing/", MILLION)
PEOPLE = Price(0.015, 1, "person who signs in, Cognito Essentials", f"{AWS}/cognito/pricing/", 10_000)

PRICES = [value for value in list(globals().values()) if isinstance(value, Price)]
