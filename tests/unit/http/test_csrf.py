"""Where a request comes from."""

from typing import Any

import pytest

from slowmatch.http.auth.csrf import cross_site_reason, site_origin
from slowmatch.http.request import header, host_name
from tests.support.http_events import http_event


def event(domain: str = "console.example.com", method: str = "POST", **headers: str) -> dict[str, Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return http_event(method, "/", headers={"host": domain} | named, host=domain)


@pytest.mark.parametrize(
    ("domain", "address"),
    [
        ("console.example.com", "https://console.example.com"),
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("localhost", "http://localhost"),
        ("[::1]:8080", "http://[::1]:8080"),
        ("localhost.example.com", "https://localhost.example.com"),
    ],
)
def test_a_site_has_https_but_on_loopback(domain: str, address: str) -> None:
    assert site_origin(event(domain)) == address


def test_a_forged_host_header_changes_no_address_of_the_cloud() -> None:
    assert site_origin(event(host="evil.example.com")) == "https://console.example.com"


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://console.example.com"},
        {"origin": "https://Console.example.com", "sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "none"},
    ],
    ids=str,
)
@pytest.mark.parametrize("require_origin", [True, False])
def test_a_page_of_this_site_may_send_forms(headers: dict[str, str], require_origin: bool) -> None:
    assert cross_site_reason(event(**headers), require_origin) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example.com"},
        {"origin": "https://console.example.com.evil.example.com"},
        {"origin": "http://console.example.com"},
        {"origin": "https://console.example.com:444"},
        {"origin": "https://console.example.com/"},
        {"origin": "https://console.example.com,https://evil.example.com"},
        {"origin": "null", "sec_fetch_site": "same-origin"},
        {"origin": "https://console.example.com", "sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "nonsense"},
    ],
    ids=str,
)
def test_another_page_may_not(headers: dict[str, str]) -> None:
    assert cross_site_reason(event(**headers), require_origin=False) is not None
    assert cross_site_reason(event(method="GET", **headers), require_origin=True) is None


def test_a_program_that_is_no_browser_says_nothing() -> None:
    assert cross_site_reason(event(), require_origin=False) is None
    assert cross_site_reason(event(), require_origin=True) is not None


def test_headers_are_found_in_any_capitals_and_none_hides_another() -> None:
    assert header({"headers": {"X-A": "1", "x-a": "2"}}, "x-a") == "1,2"
    assert header({"headers": None}, "x-a") == ""


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("a:80", "a"),
        ("a", "a"),
        ("[::1]:80", "::1"),
        ("[::1]", "::1"),
        ("", ""),
        ("localhost:80@evil.example", "localhost:80@evil.example"),
        ("127.0.0.1:80, evil.example", "127.0.0.1:80, evil.example"),
    ],
)
def test_a_host_s_name_has_no_port(host: str, name: str) -> None:
    assert host_name(host) == name
