"""Which requests an HTTP port of the stack answers."""

import pytest

from local.cross_origin import refusal

HERE = "127.0.0.1:8080"
LINK = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


def refused(method: str, headers: dict[str, str], links: bool = False) -> str:
    return refusal(method, {"Host": HERE} | headers, links=links) or ""


@pytest.mark.parametrize("host", [HERE, "localhost:8080", "LOCALHOST", "127.0.0.1", "[::1]:8080"])
def test_a_program_is_let_in_by_every_name_of_this_machine(host: str) -> None:
    assert not refused("POST", {"Host": host})


@pytest.mark.parametrize(
    "host",
    [
        "rebound.example.com:8080",
        "127.0.0.1.example.com:8080",
        "localhost.example.com",
        "example.com@127.0.0.1",
        "127.0.0.1:8080,example.com",
        "127.0.0.1:",
        "172.17.0.1:8080",
        "0.0.0.0:8080",
        "",
    ],
)
def test_a_foreign_host_is_refused_by_name(host: str) -> None:
    assert refused("GET", {"Host": host}) == f"Host is {host!r}: use one of localhost, 127.0.0.1, [::1]"


def test_a_request_without_a_host_is_refused() -> None:
    assert refusal("GET", {}, links=True)


@pytest.mark.parametrize("site", ["same-origin", "none"])
@pytest.mark.parametrize("host", [HERE, "localhost:8080", "[::1]:8080"])
def test_the_ports_own_pages_are_let_in(host: str, site: str) -> None:
    assert not refused("POST", {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": site})


@pytest.mark.parametrize(
    "origin",
    [
        "https://example.com",
        "null",
        "",
        "http://127.0.0.1:3000",
        "http://localhost:8080",
        "https://127.0.0.1:8080",
        "http://127.0.0.1",
        "http://127.0.0.1:8080/",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_a_page_of_any_other_origin_is_refused_by_name(method: str, origin: str) -> None:
    for links in (False, True):
        assert refused(method, {"Origin": origin} | LINK, links).startswith(f"Origin is {origin!r}: only")


@pytest.mark.parametrize("site", ["cross-site", "same-site", "unknown"])
def test_what_another_sites_page_embeds_is_refused(site: str) -> None:
    image = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
    frame = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}
    assert refused("GET", image, links=True) and refused("GET", frame, links=True)


def test_a_link_from_another_site_leads_only_to_ports_with_pages() -> None:
    assert not refused("GET", LINK, links=True)
    assert refused("GET", LINK, links=False)


def test_a_form_of_another_site_is_no_link() -> None:
    assert refused("POST", LINK, links=True)
