"""`make run AUTH=oidc`: people sign in on the provider's page, programs send its tokens."""

import urllib.error
import urllib.request
from collections.abc import Iterator
from http.cookiejar import CookieJar
from urllib.parse import urlencode

import pytest

from tests.support.stack_process import Stack, running


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("oidc"), AUTH="oidc") as stack:
        yield stack


class Browser:
    """Follows redirections and keeps cookies."""

    def __init__(self, stack: Stack) -> None:
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        self._stack = stack

    def get(self, path: str) -> tuple[int, str, str]:
        """Status, the address where it ended, the page."""
        return self._open(urllib.request.Request(self._stack.address + path))

    def post(self, path: str, **form: str) -> tuple[int, str, str]:
        headers = {"Origin": self._stack.address}
        data = urlencode(form).encode()
        return self._open(urllib.request.Request(self._stack.address + path, data, headers))

    def choose(self, page: str, person: str) -> tuple[int, str, str]:
        """A person on the provider's page, whose address is `page`."""
        return self._open(urllib.request.Request(f"{page}&person={person}"))

    def _open(self, request: urllib.request.Request) -> tuple[int, str, str]:
        try:
            with self._opener.open(request, timeout=60) as answer:
                return answer.status, answer.url, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.url or "", error.read().decode()


def token(stack: Stack, person: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{stack.port + 4}/token?user={person}") as answer:
        return str(answer.read().decode())


def test_a_person_signs_in_works_and_signs_out(closed: Stack) -> None:
    browser = Browser(closed)
    status, page, text = browser.get("/records?status=active")
    assert status == 200 and f":{closed.port + 4}/authorize" in page and "Vera" in text
    status, address, text = browser.choose(page, "otto")
    assert (status, address) == (200, f"{closed.address}/records?status=active")
    assert "otto@example.com" in text and "operator" in text
    status, address, _ = browser.post("/jobs/record-expiry/run")
    assert status == 200 and address.startswith(closed.address)
    status, address, text = browser.post("/sign-out")
    assert (status, address) == (200, f"{closed.address}/signed-out")
    assert "You are signed out" in text
    assert "/authorize" in browser.get("/records")[1]


def test_a_viewer_sees_and_changes_nothing(closed: Stack) -> None:
    browser = Browser(closed)
    assert browser.choose(browser.get("/jobs")[1], "vera")[0] == 200
    assert browser.post("/jobs/record-expiry/pause", note="x")[0] == 403
    assert "Nothing was done" in browser.post("/jobs/record-expiry/run")[2]
    jobs = closed.call("GET", "/api/jobs", authorization=f"Bearer {token(closed, 'vera')}")[1]["items"]
    assert not any(job["paused"] for job in jobs)


def test_somebody_in_no_group_and_somebody_who_refuses_are_told_so(closed: Stack) -> None:
    browser = Browser(closed)
    status, _, text = browser.choose(browser.get("/")[1], "nobody")
    assert status == 403 and "not in any of the groups viewer, operator, admin" in text
    browser = Browser(closed)
    status, _, text = browser.choose(browser.get("/")[1], "")
    assert status == 400 and "You chose not to sign in" in text


def test_a_program_needs_a_token_and_its_role(closed: Stack) -> None:
    assert closed.call("GET", "/api/jobs")[0] == 401
    otto, ada = (f"Bearer {token(closed, person)}" for person in ("otto", "ada"))
    status, run = closed.call("POST", "/api/jobs/db-cleanup/runs", {"delay_seconds": 600}, authorization=otto)
    assert (status, run["triggered_by"]) == (202, "otto@example.com")
    assert closed.call("POST", f"/api/runs/{run['id']}/delete", authorization=otto)[0] == 403
    assert closed.call("POST", f"/api/runs/{run['id']}/delete", authorization=ada)[0] == 202
    details = closed.call("GET", f"/api/runs/{run['id']}", authorization=ada)[1]
    assert [event["actor"] for event in details["events"]] == ["otto@example.com", "ada@example.com"]
    assert closed.call("GET", "/api/health")[0] in (200, 503)
