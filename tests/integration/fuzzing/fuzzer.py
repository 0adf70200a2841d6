"""Feeds mutated input to every entry point: a few examples in `make test`, many in `make chaos`."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

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
from slowmatch.jobs.catalog import JOBS
from tests.conftest import STACK, request_context
from tests.integration.fuzzing.entry_points import (
    JOB_HANDLERS,
    SYSTEM_HANDLERS,
    check_answer,
    crashes,
    invoke,
    may_start,
    runs,
)
from tests.integration.fuzzing.mutations import broken, mutated, samples, some_text
from tests.support import queues
from tests.support.issuer import Issuer, hs256, key, pem, unsigned

SEED = 20261124
HOST = "localhost"


@dataclass
class Fuzzer:
    """Tries `number` examples of each kind of input; `counts` has how many were tried."""

    con: Connection
    lambda_context: Any
    number: int
    counts: Counter[str] = field(default_factory=Counter)

    def jobs(self) -> None:
        for job, handler in JOB_HANDLERS.items():
            valid = samples(job.replace("-", "_"))

            def check(event: Any, job: str = job, handler: Any = handler) -> None:
                before = runs(self.con)
                answer = invoke(handler, event, self.lambda_context)
                if not may_start(job, event):
                    assert runs(self.con) == before, "an invalid event starts nothing"
                assert crashes(self.con) == [], "the job can handle every event that it accepts"
                if isinstance(event, dict) and "Records" in event and answer is not None:
                    assert answer.keys() == {"batchItemFailures"}

            self.every("messages and events of jobs", mutated(valid), check)

    def system_functions(self) -> None:
        for folder, handler in SYSTEM_HANDLERS.items():

            def check(event: Any, handler: Any = handler) -> None:
                invoke(handler, event, self.lambda_context)

            self.every("events of the dispatcher, notifier and migrate", mutated(samples(folder)), check)

    def requests(self) -> None:
        """API requests from this machine: valid samples, mutated anywhere in the event."""
        for folder, handler in (("records_api", records_api.app.handler), ("jobs_api", jobs_api.app.handler)):

            def check(event: Any, handler: Any = handler) -> None:
                check_answer(invoke(handler, event, self.lambda_context), event)

            self.every("requests of the API", mutated(samples(folder)), check)

    def forms(self) -> None:
        """Requests of a browser to the console, with a flash message that may have been tampered with."""

        def check(event: Any) -> None:
            check_answer(invoke(console.app.handler, event, self.lambda_context), event)

        self.every("pages, forms and flash messages", mutated(_pages()), check)

    def cookies(self) -> None:
        """A tampered session cookie under AUTH=oidc."""
        who = Identity("ann@example.com", "1", Role.ADMIN)
        good, other = sessions.issue(who), sessions.sign(sessions.SIGN_IN, {"name": "ann", "role": 3})

        def check(value: str) -> None:
            event = _page("GET", "/dashboard", [f"__Host-session={value}", f"session={value}"])
            answer = invoke(console.app.handler, event, self.lambda_context)
            check_answer(answer, event)
            assert answer["statusCode"] == 303 and answer["headers"]["Location"].startswith("/sign-in")

        self.every("sessions' cookies", broken(good) | st.just(other), check)

    def sign_ins(self) -> None:
        """The cookie of a pending sign-in, and what the provider sends back."""
        good = sessions.sign(sessions.SIGN_IN, {"id": "i" * 22, "nonce": "n", "verifier": "v"})
        state = sessions.sign(sign_in_attempts.STATE, {"id": "i" * 22, "next": "/"})
        names = st.sampled_from(["code", "error", "error_description", "iss", "next"])

        def check(value: str, state: str, query: dict[str, str]) -> None:
            cookies = [f"sign-in-iiiiiiii={value}", f"__Host-sign-in-iiiiiiii={value}"]
            event = _page("GET", "/sign-in/callback", cookies)
            query = {"state": state, **query}
            event["rawQueryString"] = "&".join(f"{name}={text}" for name, text in query.items())
            event["queryStringParameters"] = query
            answer = invoke(console.app.handler, event, self.lambda_context)
            check_answer(answer, event)
            assert not any(
                "session=" in each and "Max-Age=0" not in each for each in answer.get("cookies") or []
            )

        self.every(
            "sign-ins' cookies",
            st.tuples(
                broken(good), broken(state) | st.just(state), st.dictionaries(names, some_text, max_size=4)
            ),
            lambda parts: check(*parts),
        )

    def tokens(self, issuer: Issuer) -> None:
        """Bearer tokens that were tampered with, signed by others, unsigned, expired or not valid yet."""
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

        def check(token: str) -> None:
            event = _page("DELETE", "/api/records/1", [])
            event["headers"] = {"host": HOST, "authorization": f"Bearer {token}"}
            answer = invoke(records_api.app.handler, event, self.lambda_context)
            check_answer(answer, event)
            assert answer["statusCode"] == 401

        self.every("bearer tokens", broken(good) | st.sampled_from(forged).flatmap(_or_broken), check)

    def every(self, kind: str, strategy: SearchStrategy[Any], check: Any) -> None:
        """Run `check` on `number` examples of `strategy`, the same ones every time."""

        @seed(SEED)
        @settings(
            max_examples=self.number, deadline=None, database=None, suppress_health_check=list(HealthCheck)
        )
        @given(strategy)
        def each(example: Any) -> None:
            self.counts[kind] += 1
            check(example)

        each()


def make_fuzzer(con: Connection, lambda_context: Any, number: int) -> Fuzzer:
    """A fuzzer with all queues that the functions need, and no mail server."""
    queues.create(f"{STACK}-{name}" for name in (*JOBS, *(f"{job}-dead" for job in JOBS), "notify"))
    return Fuzzer(con, lambda_context, number)


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
    """Requests for pages and forms of the console, each with a flash message."""
    message = flash.FlashMessage("done", "/records", "look")
    cookie = [f"{flash.KIND}-00000000={sessions.sign(flash.KIND, message._asdict())}"]
    paths = [
        "/records",
        "/jobs",
        "/jobs/db-cleanup",
        "/dashboard",
        "/dashboard/failed",
        "/dashboard/analytics",
        "/dashboard/upcoming",
        "/dashboard/schedules",
    ]
    forms = {
        "/records": "title=a&expiry_date=2026-12-31T12%3A00&expiry_date_offset=%2B01%3A00",
        "/records/1": "title=a&expiry_date=2026-12-31T12%3A00&title_was=a",
        "/runs": "list=failed&action=requeue&all=on&sure=yes",
        "/dashboard/schedules": "schedule-name=a&schedule-job=db-cleanup&schedule-expression=rate(1+day)"
        "&schedule-time_zone=UTC&schedule-starts_at=2050-12-31T12%3A00&schedule-was=%7B%7D",
        "/jobs/db-cleanup/pause": "pause-note=why&back-to=schedules",
    }
    events = [_page("GET", path, cookie) | {"rawQueryString": "q=a&after=b&state=failed"} for path in paths]
    return events + [_page("POST", path, cookie) | {"body": body} for path, body in forms.items()]
