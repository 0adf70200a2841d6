"""No port that the stack listens on answers the page of another site, or does what it asks."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from local.environment import HOST, Folders
from local.services.docker_bridge import bridge_address
from tests.support.stack_process import DEADLINE_SECONDS, Stack, start, until
from tests.unit.local.listening import listening
from tests.unit.local.support import TEMPLATE

FORM, TEXT = "application/x-www-form-urlencoded", "text/plain"  # sent by a page without asking first
LINK = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
# Each reason for a refusal once; tests/unit/local/test_cross_origin.py has what else is refused for it.
FOREIGN: dict[str, dict[str, str]] = {
    "a page of another site": {"Origin": "https://example.com"},
    "a name that leads here": {"Host": "rebound.example.com"},
    "an image of another site": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
}
MAIL = "EHLO page\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\nHello\r\n.\r\nQUIT\r\n"
LOOK = ("GET", "/", "", "")

Request = tuple[str, str, str, str]


@pytest.fixture(scope="module", params=["up", "services"])
def command(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def stack(command: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole stack with its OpenID provider, and `make services`."""
    folder = tmp_path_factory.mktemp("ports")
    auth = "oidc" if command == "up" else "local"
    started = start(folder / "data", command, template=TEMPLATE, AUTH=auth)
    try:
        started.ready()
        if command == "up":  # a function's process, and with it a port of the Runtime API
            until(lambda: started.get("/local/state")["functions"][0]["processes"])
        yield started
    finally:
        started.stop()


def harmful(port: int, written: Path) -> list[Request]:
    """Method, path, content type and body; what is harmful on any port is sent to all. `written`: what to write."""
    message = json.dumps({"file": str(written)})
    queue = f"http://127.0.0.1:{port}/000000000000/slowmatch-work"
    send = urlencode({"Action": "SendMessage", "QueueUrl": queue, "MessageBody": message})
    records = json.dumps({"Records": [{"body": message}]})
    notification = json.dumps({"Type": "Notification", "Message": message})
    return [
        ("GET", "/", "", ""),
        ("GET", "/moto-api/data.json", "", ""),
        ("POST", "/moto-api/reset", TEXT, ""),
        ("GET", f"/?{send}", "", ""),
        ("POST", "/", FORM, send),
        ("POST", "/", TEXT, MAIL),
        ("OPTIONS", "/moto-api/data.json", "", ""),
        ("GET", "/things/7", "", ""),
        ("POST", "/open", TEXT, "x"),
        ("GET", "/local/state", "", ""),
        ("GET", "/outbox.json", "", ""),
        ("DELETE", "/outbox", "", ""),
        ("POST", "/2015-03-31/functions/TinyFunction/invocations", TEXT, records),
        ("POST", "/local/sns/TinyFunction", TEXT, notification),
        ("GET", "/2018-06-01/runtime/invocation/next", "", ""),
        ("POST", "/2018-06-01/runtime/init/error", TEXT, "{}"),
        ("GET", "/.well-known/openid-configuration", "", ""),
        ("GET", "/token?user=ada", "", ""),
        ("POST", "/token", FORM, "grant_type=authorization_code"),
        ("GET", f"/authorize?redirect_uri={quote('http://127.0.0.1:3000/sign-in/callback')}", "", ""),
    ]


def answer(port: int, request: Request, headers: dict[str, str]) -> bytes:
    """Everything that a port says to a request until it closes the connection."""
    method, path, kind, body = request
    sent = {"Host": f"127.0.0.1:{port}"} | headers | {"Connection": "close"}
    sent |= {"Content-Type": kind, "Content-Length": str(len(body))} if kind else {}
    head = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    said = b""
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_SECONDS) as connection:
        connection.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n{body}".encode())
        try:
            while part := connection.recv(65536):
                said += part
        except ConnectionResetError:  # it did not want the rest
            pass
    return said


def status(said: bytes) -> int | None:
    """None if it is no HTTP."""
    return int(said.split(maxsplit=2)[1]) if said.startswith(b"HTTP/") else None


def numbered(stack: Stack, *offsets: int) -> set[int]:
    return {stack.port + offset for offset in offsets}


def http_ports(stack: Stack) -> set[int]:
    return {port for port in listening(stack.process.pid) if status(answer(port, LOOK, {}))}


def test_every_port_is_on_loopback(stack: Stack, command: str) -> None:
    # Where Docker runs, containers reach the services by its bridge, which is of this machine alone.
    bridge = {bridge_address()} if command == "services" else set()
    for addresses in listening(stack.process.pid).values():
        assert addresses - bridge == {HOST}


def test_all_servers_but_postgresql_and_smtp_speak_http(stack: Stack, command: str) -> None:
    speak = http_ports(stack)
    assert listening(stack.process.pid).keys() - speak == numbered(stack, 1, 3)
    runtime_api = speak - numbered(stack, 0, 2, 4)
    assert (speak - runtime_api, bool(runtime_api)) == (
        (numbered(stack, 0, 2, 4), True) if command == "up" else (numbered(stack, 2), False)
    )


@pytest.mark.parametrize("page", FOREIGN)
def test_no_port_answers_or_obeys_a_page_of_another_site(stack: Stack, page: str, tmp_path: Path) -> None:
    written = tmp_path / "written"
    before, speak = secret(stack), http_ports(stack)
    for port in listening(stack.process.pid):
        for request in harmful(port, written):
            said = answer(port, request, FOREIGN[page])
            assert status(said) == (403 if port in speak else None), (request, said)
            assert b"access-control-" not in said.lower()
    assert secret(stack) == before
    assert not list(Folders(stack.data).outbox.iterdir())
    assert not written.exists()


def secret(stack: Stack) -> str:
    found = stack.aws("secretsmanager").get_secret_value(SecretId="slowmatch/session")
    return str(found["SecretString"])


def test_a_link_leads_to_the_console_and_the_sign_in_only(stack: Stack, command: str) -> None:
    let_in = {port for port in http_ports(stack) if status(answer(port, LOOK, LINK)) != 403}
    assert let_in == (numbered(stack, 0, 4) if command == "up" else set())


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_every_port_answers_programs_and_its_own_pages(stack: Stack, name: str) -> None:
    for port in http_ports(stack):
        here = f"{name}:{port}"
        assert status(answer(port, LOOK, {"Host": here})) != 403
        own = {"Host": here, "Origin": f"http://{here}", "Sec-Fetch-Site": "same-origin"}
        assert status(answer(port, LOOK, own)) != 403
