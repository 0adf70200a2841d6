"""What the provider may answer without anybody learning more than that it cannot be reached."""

import socket
import threading

import pytest

from slowmatch.http.auth.oidc import Provider, ProviderError, signing_keys
from slowmatch.http.errors import Problem
from slowmatch.telemetry import logger
from tests.support.issuer import key, public


def answering(answer: bytes) -> tuple[int, threading.Thread]:
    """The port of a server that says this to one request, and hangs up."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with server, server.accept()[0] as peer:
            peer.recv(65536)
            peer.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    return server.getsockname()[1], thread


CUT_SHORT = b"HTTP/1.1 %s\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{"


@pytest.mark.parametrize(
    "answer", [b"SSH-2.0-x\r\n\r\n", CUT_SHORT % b"200 OK", b"HTTP/1.1 200 OK\r\n\r\n[]", b""]
)
def test_an_answer_that_is_none_is_tried_again_later(answer: bytes) -> None:
    port, thread = answering(answer)
    with pytest.raises(Problem) as caught:
        Provider(f"http://127.0.0.1:{port}", "console", None).endpoint("jwks_uri")
    thread.join()
    assert (caught.value.status, caught.value.headers) == (503, {"Retry-After": "5"})


def test_a_refusal_that_is_cut_short_is_one_all_the_same() -> None:
    port, thread = answering(CUT_SHORT % b"400 Bad Request")
    issuer = f"http://127.0.0.1:{port}"
    metadata = {"issuer": issuer, "token_endpoint": f"{issuer}/token"}
    with pytest.raises(ProviderError, match=r"^status 400$"):
        Provider(issuer, "console", None, metadata).exchange("code", "verifier", f"{issuer}/callback")
    thread.join()


def test_other_keys_are_skipped(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logger, "propagate", True)
    good = public("a", key("first"))
    others = [
        good | {"kid": "b", "use": "enc"},
        good | {"kid": ""},
        {"kty": "EC", "kid": "c", "crv": "P-256"},
        "x",
    ]
    assert signing_keys({"keys": [good, *others]}).keys() == {"a"}
    assert caplog.records == []
    assert signing_keys({"keys": [good, {"kty": "RSA", "kid": "bad", "n": "", "e": ""}]}).keys() == {"a"}
    assert len(caplog.records) == 1
