"""The provider of `make run AUTH=oidc`: as strict as a real one, but for the password."""

import base64
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import jwt
import pytest

from local.environment import API_AUDIENCE, CLIENT_ID
from local.services.oidc import PEOPLE, Provider
from tests.support.ports import free_ports

VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
BACK = "http://127.0.0.1:8080/sign-in/callback"
ASKED = {
    "response_type": "code",
    "client_id": CLIENT_ID,
    "redirect_uri": BACK,
    "scope": "openid email",
    "state": "s",
    "nonce": "n",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


class Client:
    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self.url = url

    async def get(self, path: str, **query: str) -> tuple[int, str, str]:
        """Status, text, and where it leads."""
        async with self._session.get(f"{self.url}{path}", params=query, allow_redirects=False) as answer:
            return answer.status, await answer.text(), answer.headers.get("Location", "")

    async def status(self, path: str, headers: dict[str, str]) -> int:
        async with self._session.get(f"{self.url}{path}", headers=headers) as answer:
            return answer.status

    async def code(self, person: str = "ada") -> str:
        _, _, location = await self.get("/authorize", **ASKED, person=person)
        return dict(parse_qsl(urlsplit(location).query))["code"]

    async def exchange(self, given: str, **changes: str) -> tuple[int, dict[str, str]]:
        form = {
            "grant_type": "authorization_code",
            "code": given,
            "client_id": CLIENT_ID,
            "redirect_uri": BACK,
            "code_verifier": VERIFIER,
        }
        async with self._session.post(f"{self.url}/token", data=form | changes) as answer:
            return answer.status, await answer.json()

    async def claims(self, token: str, audience: str) -> dict[str, object]:
        async with self._session.get(f"{self.url}/jwks") as answer:
            (key,) = (await answer.json())["keys"]
        assert jwt.get_unverified_header(token)["kid"] == key["kid"]
        found: dict[str, object] = jwt.decode(
            token, jwt.PyJWK(key).key, algorithms=["RS256"], audience=audience, issuer=self.url
        )
        return found


@asynccontextmanager
async def provider() -> AsyncIterator[Client]:
    port = free_ports()
    made = Provider(port, console=8080)
    await made.start()
    try:
        async with aiohttp.ClientSession() as session:
            yield Client(session, f"http://127.0.0.1:{port}")
    finally:
        await made.stop()


async def test_a_person_is_chosen_and_a_code_becomes_tokens_once() -> None:
    async with provider() as client:
        status, page, _ = await client.get("/authorize", **ASKED)
        assert status == 200 and all(person.name in page for person in PEOPLE.values())
        code = await client.code()
        status, tokens = await client.exchange(code)
        claims = await client.claims(tokens["id_token"], CLIENT_ID)
        assert status == 200
        assert (claims["email"], claims["groups"], claims["nonce"]) == ("ada@example.com", ["admin"], "n")
        access = await client.claims(tokens["access_token"], API_AUDIENCE)
        assert access["groups"] == ["admin"] and "nonce" not in access
        assert (await client.exchange(code))[0] == 400


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": "other"},
        {"response_type": "token"},
        {"code_challenge_method": "plain"},
        {"redirect_uri": "https://evil.example.com/sign-in/callback"},
        {"redirect_uri": "http://127.0.0.1:8080/elsewhere"},
        {"redirect_uri": "http://127.0.0.1:3000/sign-in/callback"},
        {"redirect_uri": "http://127.0.0.1:8080@evil.example.com/sign-in/callback"},
        {"scope": "email"},
        {"state": ""},
        {"code_challenge": ""},
    ],
    ids=str,
)
async def test_a_request_that_a_provider_would_refuse_is_refused(change: dict[str, str]) -> None:
    async with provider() as client:
        status, _, location = await client.get("/authorize", **(ASKED | change), person="ada")
        assert (status, location) == (400, "")


@pytest.mark.parametrize(
    "change",
    [
        {"code_verifier": "w" * 43},
        {"code_verifier": ""},
        {"client_id": "other"},
        {"redirect_uri": "http://localhost:8080/sign-in/callback"},
        {"grant_type": "password"},
        {"code": "guessed"},
    ],
    ids=str,
)
async def test_a_code_is_good_for_whom_it_was_given_to(change: dict[str, str]) -> None:
    async with provider() as client:
        status, answer = await client.exchange(await client.code(), **change)
        assert (status, answer["error"]) == (400, "invalid_grant")


async def test_a_program_gets_a_token_without_a_browser() -> None:
    async with provider() as client:
        _, token, _ = await client.get("/token", user="otto")
        assert (await client.claims(token, API_AUDIENCE))["groups"] == ["operator"]
        assert (await client.get("/token", user="eve"))[0] == 400


async def test_signing_out_leads_back_to_the_console_only() -> None:
    async with provider() as client:
        back = "http://127.0.0.1:8080/signed-out"
        assert (await client.get("/end-session", post_logout_redirect_uri=back))[2] == back
        for other in ("https://evil.example.com/", "http://127.0.0.1:3000/signed-out"):
            assert (await client.get("/end-session", post_logout_redirect_uri=other))[2] == ""
