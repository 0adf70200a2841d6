"""`sam local start-api`: the HTTP API and the console in Lambda's own container, behind SAM's gateway."""

import gzip
import http.client
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.sam.backing import Backing
from tests.sam.serving import Serving, serving

PATIENCE_SECONDS = 120  # the first request to a function builds its image and starts its container


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    content: bytes

    @property
    def text(self) -> str:
        zipped = self.headers["Content-Encoding"] == "gzip"
        return (gzip.decompress(self.content) if zipped else self.content).decode()

    @property
    def value(self) -> Any:
        return json.loads(self.text)


@dataclass(frozen=True)
class Gateway:
    """Asks as browsers and programs do; nothing is followed and no cookie kept."""

    sam: Serving

    def get(self, path: str, **headers: str) -> Answer:
        return self._send("GET", path, None, headers)

    def send(self, method: str, path: str, body: Any) -> Answer:
        return self._send(method, path, json.dumps(body), {"content_type": "application/json"})

    def post(self, path: str, form: dict[str, str], **headers: str) -> Answer:
        own = {"content_type": "application/x-www-form-urlencoded", "origin": self.sam.address}
        return self._send("POST", path, urlencode(form), own | headers)

    def _send(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.sam.port, timeout=PATIENCE_SECONDS)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()


@pytest.fixture(scope="module")
def gateway(migrated: Backing, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with serving("start-api", migrated, tmp_path_factory.mktemp("start-api") / "log") as sam:
        yield Gateway(sam)


def test_the_api_keeps_records(gateway: Gateway) -> None:
    made = gateway.send(
        "POST", "/api/records", {"title": "Ünïcode 🎇", "expiry_date": "2030-01-01T00:00:00Z"}
    )
    assert made.status == 201
    path = f"/api/records/{made.value['id']}"
    assert gateway.send("PATCH", path, {"title": "other"}).value["title"] == "other"
    assert gateway.get(path).value["title"] == "other"
    assert made.value["id"] in {
        record["id"] for record in gateway.get("/api/records?limit=200").value["items"]
    }
    assert gateway.send("DELETE", path, {}).status == 204
    assert gateway.get(path).status == 404


def test_the_api_starts_a_run_that_waits_in_its_queue(gateway: Gateway) -> None:
    made = gateway.send("POST", "/api/jobs/db-cleanup/runs", {"payload": {"dry_run": True}})
    assert made.status == 202
    assert gateway.get(f"/api/runs/{made.value['id']}").value["state"] == "enqueued"
    assert gateway.get("/api/health").value["queues"]["depths"]["db-cleanup"]["visible"] >= 1


@pytest.mark.parametrize("path", ["/dashboard", "/dashboard/runs", "/jobs", "/jobs/db-cleanup", "/records"])
def test_a_page_of_the_console_comes_zipped_when_asked(gateway: Gateway, path: str) -> None:
    zipped = gateway.get(path, accept_encoding="gzip")
    assert (zipped.status, zipped.headers["Content-Encoding"]) == (200, "gzip")
    assert "you (this machine)" in zipped.text
    plain = gateway.get(path)
    assert plain.headers["Content-Encoding"] is None
    assert plain.text.startswith("<!doctype html>")


def test_the_styles_and_scripts_of_a_page_come(gateway: Gateway) -> None:
    found = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', gateway.get("/jobs").text))
    assert {path.rpartition(".")[2] for path in found} >= {"css", "js"}
    for path in found:
        file = gateway.get(path)
        assert file.status == 200, path
        assert "immutable" in file.headers["Cache-Control"]
        assert file.text


def test_a_form_starts_a_run_and_a_cookie_says_so(gateway: Gateway) -> None:
    answer = gateway.post("/jobs/record-expiry/run", {"back-to": "jobs"})
    assert (answer.status, answer.headers["Location"]) == (303, "/jobs")
    cookie = answer.headers["Set-Cookie"].partition(";")[0]
    assert "of record-expiry was queued" in gateway.get("/jobs", cookie=cookie).text
    assert "of record-expiry was queued" not in gateway.get("/jobs").text


def test_only_this_machine_is_let_in(gateway: Gateway) -> None:
    assert gateway.get("/api/jobs", host="evil.example.com").status == 403
    assert gateway.get("/api/jobs", x_forwarded_for="203.0.113.7").status == 403
    assert gateway.get("/jobs", x_forwarded_for="203.0.113.7").status == 403
    assert gateway.post("/jobs/record-expiry/run", {}, origin="https://evil.example.com").status == 403
