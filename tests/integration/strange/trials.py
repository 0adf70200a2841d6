"""The trials of `make test` and `make chaos`: the same, a few of each or many."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

import console.app
import jobs_api.app
import records_api.app
from console.web import flash, sign_in_attempts
from slowmatch.db import Connection
from slowmatch.http.auth import sessions
from slowmatch.http.auth.roles import Identity, Role
from slowmatch.jobs.catalog import JOBS as JOB_SPECS
from slowmatch.jobs.lifecycle import messages
from slowmatch.notifications import queue as deliveries
from tests.conftest import STACK, request_context
from tests.integration.strange.doors import JOBS, UPKEEP, check_answer, crashes, knock, may_start, runs
from tests.integration.strange.mutations import broken, mutated, samples, some_text
from tests.issuer import Issuer, hs256, key, pem, unsigned

SEED = 20261124
HOST = "localhost"


@dataclass
class Trials:
    """`number` examples of each kind; `counts` says how many there were."""

    con: Connection
    lambda_context: Any
    number: int
    counts: Counter[str] = field(default_factory=Counter)

    def jobs(self) -> None:
        for job, handler in JOBS.items():
            valid = samples(job.replace("-", "_"))

            def trial(event: Any, job: str = job, handler: Any = handler) -> None:
                before = runs(self.con)
                answer = knock(handler, event, self.lambda_context)
                if not may_start(job, event):
                    assert runs(self.con) == before, "what is no order starts nothing"
                assert crashes(self.con) == [], "an order that is let in is one that the job can carry out"
                if isinstance(event, dict) and "Records" in event and answer is not None:
                    assert answer.keys() == {"batchItemFailures"}

            self.every("messages and events of jobs", mutated(valid), trial)

    def upkeep(self) -> None:
        for folder, handler in UPKEEP.items():

            def trial(event: Any, handler: Any = handler) -> None:
                knock(handler, event, self.lambda_context)

            self.every("events of the dispatcher, notifier and migrate", mutated(samples(folder)), trial)

    def requests(self) -> None:
        """Anybody on this machine: valid samples with something wrong anywhere in the event."""
        for folder, handler in (("records_api", records_api.app.handler), ("jobs_api", jobs_api.app.handler)):

            def trial(event: Any, handler: Any = handler) -> None:
                check_answer(knock(handler, event, self.lambda_context), event)

            self.every("requests of the API", mutated(samples(folder)), trial)

    def forms(self) -> None:
        """What a browser sends to the console, with a notice that may have been tampered with."""

        def trial(event: Any) -> None:
            check_answer(knock(console.app.handler, event, self.lambda_context), event)

        self.every("pages, forms and notices", mutated(_pages()), trial)

    def cookies(self) -> None:
        """Under AUTH=oidc: a session's cookie that is not quite ours opens nothing."""
        who = Identity("ann@example.com", "1", Role.ADMIN)
        good, other = sessions.issue(who), sessions.sign(sessions.SIGN_IN, {"name": "ann", "role": 3})

        def trial(value: str) -> None:
            event = _page("GET", "/dashboard", [f"__Host-session={value}", f"session={value}"])
            answer = knock(console.app.handler, event, self.lambda_context)
            check_answer(answer, event)
            assert answer["statusCode"] == 303 and answer["headers"]["Location"].startswith("/sign-in")

        self.every("sessions' cookies", broken(good) | st.just(other), trial)

    def sign_ins(self) -> None:
        """The cookie of a sign-in that is under way, and what the provider's page sends back."""
        good = sessions.sign(sessions.SIGN_IN, {"id": "i" * 22, "nonce": "n", "verifier": "v"})
        state = sessions.sign(sign_in_attempts.STATE, {"id": "i" * 22, "next": "/"})
        names = st.sampled_from(["code", "error", "error_description", "iss", "next"])

        def trial(value: str, state: str, query: dict[str, str]) -> None:
            cookies = [f"sign-in-iiiiiiii={value}", f"__Host-sign-in-iiiiiiii={value}"]
            event = _page("GET", "/sign-in/callback", cookies)
            query = {"state": state, **query}
            event["rawQueryString"] = "&".join(f"{name}={text}" for name, text in query.items())
            event["queryStringParameters"] = query
            answer = knock(console.app.handler, event, self.lambda_context)
            check_answer(answer, event)
            assert not any(
                "session=" in each and "Max-Age=0" not in each for each in answer.get("cookies") or []
            )

        self.every(
            "sign-ins' cookies",
            st.tuples(
                broken(good), broken(state) | st.just(state), st.dictionaries(names, some_text, max_size=4)
            ),
            lambda parts: trial(*parts),
        )

    def tokens(self, issuer: Issuer) -> None:
        """Bearer tokens that were tampered with, signed by others, unsigned, or not of this time."""
        good, stranger = issuer.access_token(), key("a stranger's")
        forged = [
            unsigned(good),
            hs256(good, pem(issuer.key)),
            issuer.access_token(signed_by=stranger),
            issuer.access_token(kid="unknown"),
            issuer.access_token(kid=None),
            issuer.access_token(exp=1),
            issuer.access_token(exp=None),
            issuer.access_token(nbf=2**40),
            issuer.access_token(iss="https://evil.example"),
            issuer.access_token(client_id="somebody else"),
            issuer.access_token(sub=None),
        ]

        def trial(token: str) -> None:
            event = _page("DELETE", "/api/records/1", [])
            event["headers"] = {"host": HOST, "authorization": f"Bearer {token}"}
            answer = knock(records_api.app.handler, event, self.lambda_context)
            check_answer(answer, event)
            assert answer["statusCode"] == 401

        self.every("bearer tokens", broken(good) | st.sampled_from(forged).flatmap(_or_broken), trial)

    def every(self, kind: str, strategy: SearchStrategy[Any], trial: Any) -> None:
        """Try `trial` with that many examples of `strategy`, the same ones every time."""

        @seed(SEED)
        @settings(
            max_examples=self.number, deadline=None, database=None, suppress_health_check=list(HealthCheck)
        )
        @given(strategy)
        def each(example: Any) -> None:
            self.counts[kind] += 1
            trial(example)

        each()


@contextmanager
def trying(con: Connection, lambda_context: Any, number: int) -> Iterator[Trials]:
    """All that the functions need to be invoked is there; nobody listens for mail."""
    for name in (*JOB_SPECS, *(f"{job}-dead" for job in JOB_SPECS), "notify"):
        boto3.client("sqs").create_queue(QueueName=f"{STACK}-{name}")
    for remembered in (messages.sqs, deliveries.sqs):
        remembered.cache_clear()
    yield Trials(con, lambda_context, number)
    for remembered in (messages.sqs, deliveries.sqs):
        remembered.cache_clear()


def _or_broken(token: str) -> SearchStrategy[str]:
    return st.just(token) | broken(token)


def _page(method: str, path: str, cookies: list[str]) -> dict[str, Any]:
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "cookies": cookies,
        "headers": {"host": HOST, "origin": f"http://{HOST}"},
        "requestContext": request_context(method, path),
        "body": None,
        "isBase64Encoded": False,
    }


def _pages() -> list[dict[str, Any]]:
    """Addresses and forms of the console, each with a notice."""
    notice = [flash.cookie("done", "/records", "look").partition(";")[0]]
    looks = [
        "/records",
        "/jobs",
        "/jobs/db-cleanup",
        "/dashboard",
        "/dashboard/failed",
        "/dashboard/analytics",
    ]
    forms = {
        "/records": "title=a&expiry_date=2026-12-31T12%3A00&expiry_date_offset=%2B01%3A00",
        "/records/1": "title=a&expiry_date=2026-12-31T12%3A00&title_was=a",
        "/runs": "list=failed&action=requeue&all=on&sure=yes",
        "/jobs/db-cleanup/pause": "pause-note=why&back-to=recurring",
    }
    events = [_page("GET", path, notice) | {"rawQueryString": "q=a&after=b&state=failed"} for path in looks]
    return events + [_page("POST", path, notice) | {"body": body} for path, body in forms.items()]
