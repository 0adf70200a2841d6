"""Uses the deployed stack through HTTP and AWS calls only, and checks what must work."""

import json
import secrets
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from local.environment import DATABASE_USER
from tools.rehearse import inventory
from tools.rehearse.deployment import STACK, Deployment
from tools.rehearse.http_api import HttpApi
from tools.rehearse.internet import WEBHOOK, Internet
from tools.rehearse.ministack import HOST, Account
from tools.rehearse.steps import RehearsalFailed, expect, step, until

SENDER, RECIPIENT, PERSON = "jobs@slowmatch.test", "you@slowmatch.test", "ann@slowmatch.test"
SECRETS = "rehearsal"
SCHEDULE = "every-minute"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
"""The occurrence in the message on the queue; the rule's occurrences are minutes of today."""
FINAL_STATES = ("succeeded", "failed", "deleted")
FAILURES_BEFORE_WEBHOOK = 3
"""The default of NotifyAfterFailures."""
RUN_SECONDS = 60.0
RETRY_SECONDS = 90.0
"""The first retry comes 15 to 44 seconds after the failure."""
MINUTE_SECONDS = 150.0
"""A rule's minute, and the time to notice it and to run."""


@dataclass(frozen=True)
class Database:
    port: int
    password: str


class Scenario:
    """The steps in order; each relies on the ones before."""

    def __init__(
        self, account: Account, deployment: Deployment, internet: Internet, database: Database
    ) -> None:
        self._account = account
        self._deployment = deployment
        self._internet = internet
        self._database = database
        self._api = HttpApi(account, deployment)
        self._before: set[str] = set()
        self._failing = ""

    async def run(self) -> Counter[str]:
        """Run all steps. Returns the number of created resources by type; raises RehearsalFailed with the step."""
        with step("prepare the account: secrets, and addresses that may receive mail"):
            parameters = self._prepare()
        with step("deploy the stack and migrate its database with make deploy"):
            await self._deployment.deploy(parameters)
            created = Counter(resource["ResourceType"] for resource in self._deployment.resources())
        with step("sign in to its user pool and use the token with the HTTP API"):
            self._api.create_routes()
            expect("status without a token", self._api.answer("GET", "/api/records")[0], 401)
            self._api.token = self._sign_in()
            expect("records in a new database", self._api.call("GET", "/api/records")["items"], [])
        with step("start a job that cannot reach its mail server"):
            await self._start_failing_job()
        with step("create records, list them, expire one with a message on the queue"):
            await self._expire_by_message()
        with step("the failed run is retried automatically and fails again"):
            await until("a second attempt", lambda: self._failing_run()["attempt"] >= 2, RETRY_SECONDS)
        with step("it is retried until it fails for good, and a webhook reports it"):
            await self._fail_for_good()
        with step("deploy a changed parameter and a changed row: mail by SES, expiry every minute"):
            self._deployment.reschedule("RecordExpiry", "cron(* * * * ? *)")
            await self._deployment.deploy(parameters | {"MailTransport": "ses"})
        with step(
            "requeue the failed run: it sends mail through SES, and a webhook reports that the job recovered"
        ):
            await self._recover()
        with step("expire a record when the rule fires, every minute"):
            await self._expire_by_rule()
        with step("make a schedule at run time, which Scheduler fires every minute, and delete it"):
            await self._start_by_schedule()
        with step("delete the stack and check that nothing is left of it"):
            await self._delete()
        return created

    def _prepare(self) -> dict[str, str]:
        """The parameters of the first deployment."""
        mail = self._account.client("sesv2")
        for address in (SENDER, RECIPIENT):
            mail.create_email_identity(EmailIdentity=address)
        destination = {
            "name": "rehearsal",
            "kind": "webhook",
            "url": f"https://{WEBHOOK}/",
            "key": self._internet.key,
        }
        database = {"username": DATABASE_USER, "password": self._database.password}
        manager = self._account.client("secretsmanager")
        arns = {
            name: manager.create_secret(Name=f"{SECRETS}/{name}", SecretString=json.dumps(content))["ARN"]
            for name, content in (("database", database), ("notify", [destination]))
        }
        self._before = inventory.existing(self._account)
        return {
            "DatabaseHost": HOST,
            "DatabasePort": str(self._database.port),
            "DatabaseSecretArn": arns["database"],
            "DatabaseTls": "disable",
            "NotifySecretArn": arns["notify"],
            "MailSender": SENDER,
            "MailRecipients": RECIPIENT,
            "MailTransport": "smtp",
            "SmtpHost": "smtp.slowmatch.test",  # no such host
        }

    def _sign_in(self) -> str:
        """An access token of an admin of the user pool."""
        cognito = self._account.client("cognito-idp")
        pool = self._deployment.physical_id("UserPool")
        password = secrets.token_urlsafe(16) + "aA1-"
        cognito.admin_create_user(
            UserPoolId=pool,
            Username=PERSON,
            UserAttributes=[{"Name": "email", "Value": PERSON}, {"Name": "email_verified", "Value": "true"}],
            MessageAction="SUPPRESS",
        )
        cognito.admin_set_user_password(UserPoolId=pool, Username=PERSON, Password=password, Permanent=True)
        group = self._deployment.physical_id("AdminsGroup")
        cognito.admin_add_user_to_group(UserPoolId=pool, Username=PERSON, GroupName=group)
        answer = cognito.admin_initiate_auth(
            UserPoolId=pool,
            ClientId=self._deployment.physical_id("UserPoolClient"),
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": PERSON, "PASSWORD": password},
        )
        return str(answer["AuthenticationResult"]["AccessToken"])

    async def _delete(self) -> None:
        if not inventory.existing(self._account) - self._before:
            raise RehearsalFailed(
                "the inventory does not list the stack, so it could not list what is left of it"
            )
        await self._deployment.delete()
        left = inventory.existing(self._account) - self._before
        if left:
            raise RehearsalFailed(f"these are left: {', '.join(sorted(left))}")

    # records

    def _add_record(self, title: str, expires_in: timedelta) -> int:
        body = {"title": title, "expiry_date": (datetime.now(UTC) + expires_in).isoformat()}
        return int(self._api.call("POST", "/api/records", body)["id"])

    def _is_expired(self, record: int) -> bool:
        return bool(self._api.call("GET", f"/api/records/{record}")["is_expired"])

    async def _expire_by_message(self) -> None:
        due = self._add_record("due", timedelta(seconds=-1))
        later = self._add_record("later", timedelta(days=1))
        listed = {record["id"]: record["title"] for record in self._api.call("GET", "/api/records")["items"]}
        expect("records listed", listed, {due: "due", later: "later"})
        message = {"job": "record-expiry", "occurrence": LONG_AGO.isoformat()}
        queue = self._deployment.physical_id("RecordExpiryQueue")
        self._account.client("sqs").send_message(QueueUrl=queue, MessageBody=json.dumps(message))
        await until("the record is expired", lambda: self._is_expired(due), RUN_SECONDS)
        expect("the other record is expired", self._is_expired(later), False)

    async def _expire_by_rule(self) -> None:
        due = self._add_record("due by the rule", timedelta(seconds=-1))
        await until("the record is expired", lambda: self._is_expired(due), MINUTE_SECONDS)
        runs = self._api.call("GET", "/api/runs?job=record-expiry&trigger=schedule")["items"]
        if {datetime.fromisoformat(run["occurrence"]) for run in runs} <= {LONG_AGO}:
            raise RehearsalFailed("the record is expired, but no run matches a firing of the rule")

    async def _start_by_schedule(self) -> None:
        """ministack does not fill in the scheduled time: the worker takes the minute when the message was sent."""
        schedule = {"job": "db-cleanup", "expression": "cron(* * * * ? *)", "time_zone": "Europe/Berlin"}
        self._api.call("PUT", f"/api/schedules/{SCHEDULE}", schedule)
        await until("the schedule is in force", lambda: self._schedules() == [SCHEDULE], RUN_SECONDS)
        found = "/api/runs?job=db-cleanup&trigger=schedule&state=succeeded"
        (run, *_) = await until("it has run", lambda: self._api.call("GET", found)["items"], MINUTE_SECONDS)
        expect("schedule of the run", run["schedule"], SCHEDULE)
        # The status is not looked at: ministack answers 500 for a 204, which has no body.
        self._api.answer("DELETE", f"/api/schedules/{SCHEDULE}")
        await until("the schedule is deleted", lambda: not self._schedules(), RUN_SECONDS)

    def _schedules(self) -> list[str]:
        found = self._account.client("scheduler").list_schedules(GroupName=STACK)["Schedules"]
        return [schedule["Name"] for schedule in found]

    # a job that fails

    def _failing_run(self) -> Any:
        return self._api.call("GET", f"/api/runs/{self._failing}")

    async def _in_state(self, state: str, after: int = 0) -> Any:
        """The failing run once it is in this state, with more than `after` attempts."""

        def look() -> Any:
            run = self._failing_run()
            if run["state"] in FINAL_STATES and run["state"] != state:
                raise RehearsalFailed(f"run {run['id']} is {run['state']}: {run['error']}")
            return run if run["state"] == state and run["attempt"] > after else None

        return await until(f"run {self._failing} is {state}", look, RUN_SECONDS)

    async def _start_failing_job(self) -> None:
        self._failing = self._api.call("POST", "/api/jobs/daily-summary/runs", {})["id"]
        run = await self._in_state("scheduled")
        expect("attempts", run["attempt"], 1)
        if "smtp.slowmatch.test" not in run["error"]:
            raise RehearsalFailed(f"its error does not name the mail server: {run['error']}")

    async def _fail_for_good(self) -> None:
        """Use "run now", because the later retries wait minutes and hours."""
        run = await self._in_state("scheduled")
        while run["attempt"] < run["max_attempts"]:
            self._api.call("POST", f"/api/runs/{self._failing}/run-now")
            last = run["attempt"] + 1 == run["max_attempts"]
            run = await self._in_state("failed" if last else "scheduled", after=run["attempt"])
            if run["attempt"] == FAILURES_BEFORE_WEBHOOK:
                await self._hear_of_failures()

    async def _hear_of_failures(self) -> None:
        """Wait for the webhook before the next failure, because one that comes later tells of that failure too."""
        (webhook, *_) = await until("a webhook", lambda: self._internet.webhooks("failed"), RUN_SECONDS)
        reported = webhook["run_id"], webhook["detail"].get("failures")
        expect("run and failures in a row in the webhook", reported, (self._failing, FAILURES_BEFORE_WEBHOOK))

    async def _recover(self) -> None:
        self._api.call("POST", f"/api/runs/{self._failing}/requeue")
        run = await self._in_state("succeeded")
        expect("recipients of the email", run["result"]["sent"], [RECIPIENT])
        (point,) = self._account.client("ses").get_send_statistics()["SendDataPoints"]
        expect("messages that SES accepted", point["DeliveryAttempts"], 1)
        # A destination hears of a job at most once a minute.
        (webhook,) = await until("a webhook", lambda: self._internet.webhooks("recovered"), 60 + RUN_SECONDS)
        expect("job in the webhook", webhook["job"], "daily-summary")
