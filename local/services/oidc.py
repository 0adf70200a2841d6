"""An OpenID provider for one machine: without passwords, but otherwise as strict as a real one.

Authorization code flow with PKCE (RFC 7636) for one public client. Its key is generated at each start.
"""

import base64
import hashlib
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import urlencode

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa

from local.cross_origin import LOOPBACK_NAMES
from local.environment import API_AUDIENCE, CLIENT_ID, HOST
from local.http_pages import add_assets, html, page, table
from local.http_server import application

CODE_SECONDS = 60
TOKEN_SECONDS = 3600
KID = "local"
CALLBACK = "/sign-in/callback"
SIGNED_OUT = "/signed-out"


@dataclass(frozen=True)
class Person:
    key: str
    name: str
    may: str
    groups: tuple[str, ...]

    def claims(self) -> dict[str, Any]:
        """The claims about this person in a token."""
        email = f"{self.key}@example.com"
        about = {"sub": self.key, "name": self.name, "email": email, "email_verified": True}
        return about | {"groups": list(self.groups)}


PEOPLE = {
    person.key: person
    for person in (
        Person("vera", "Vera Viewer", "view everything", ("viewer",)),
        Person(
            "otto",
            "Otto Operator",
            "also trigger and pause jobs, retry runs and edit records",
            ("operator",),
        ),
        Person("ada", "Ada Admin", "also delete and perform bulk actions", ("admin",)),
        Person("nobody", "Nobody Atall", "nothing (in no group)", ()),
    )
}
"""Who can sign in: one person for each role, and one without any."""


@dataclass(frozen=True)
class Grant:
    """What a code stands for; `expires` on the monotonic clock."""

    person: Person
    redirect_uri: str
    challenge: str
    nonce: str | None
    expires: float


class Provider:
    """`console` is the port of the only site that people can sign in to."""

    def __init__(self, port: int, console: int) -> None:
        sites = [f"http://{name}:{console}" for name in LOOPBACK_NAMES]
        self._callbacks = [site + CALLBACK for site in sites]
        self._signed_out = [site + SIGNED_OUT for site in sites]
        self._issuer = f"http://{HOST}:{port}"
        self._port = port
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._grants: dict[str, Grant] = {}
        app = application(links=True)
        app.router.add_routes(self._routes())
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.5)

    async def start(self) -> None:
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, self._port).start()

    async def stop(self) -> None:
        await self._runner.cleanup()

    def id_token(self, person: Person, nonce: str | None) -> str:
        """A token that tells the console who signed in."""
        return self._token(person, aud=CLIENT_ID, nonce=nonce)

    def access_token(self, person: Person) -> str:
        """A token for an API client."""
        return self._token(person, aud=API_AUDIENCE)

    def _token(self, person: Person, **claims: Any) -> str:
        now = int(time.time())
        about = {"iss": self._issuer, "iat": now, "exp": now + TOKEN_SECONDS}
        return jwt.encode(about | person.claims() | claims, self._key, "RS256", {"kid": KID})

    def _routes(self) -> web.RouteTableDef:
        routes = web.RouteTableDef()
        routes.get("/.well-known/openid-configuration")(self._discovery)
        routes.get("/jwks")(self._jwks)
        routes.get("/authorize")(self._authorize)
        routes.post("/token")(self._exchange)
        routes.get("/token")(self._token_for)
        routes.get("/end-session")(self._end_session)
        add_assets(routes)
        return routes

    async def _discovery(self, _: web.Request) -> web.Response:
        return web.json_response(
            {
                "issuer": self._issuer,
                "authorization_endpoint": f"{self._issuer}/authorize",
                "token_endpoint": f"{self._issuer}/token",
                "jwks_uri": f"{self._issuer}/jwks",
                "end_session_endpoint": f"{self._issuer}/end-session",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "code_challenge_methods_supported": ["S256"],
                "authorization_response_iss_parameter_supported": True,
            }
        )

    async def _jwks(self, _: web.Request) -> web.Response:
        key = jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return web.json_response({"keys": [key | {"kid": KID, "use": "sig", "alg": "RS256"}]})

    async def _authorize(self, request: web.Request) -> web.Response:
        """Show the page that asks for a person; once one is chosen, or none, redirect to the console."""
        query = dict(request.query)
        if problem := self._problem(query):
            return web.Response(status=400, text=f"{problem}\n")
        chosen = query.pop("person", None)
        if chosen is None:
            return html(_people_page(query))
        answer = {"state": query["state"], "iss": self._issuer}
        if chosen in PEOPLE:
            answer["code"] = self._code(PEOPLE[chosen], query)
        else:
            answer |= {"error": "access_denied", "error_description": "You chose not to sign in."}
        raise web.HTTPFound(f"{query['redirect_uri']}?{urlencode(answer)}")

    def _problem(self, query: dict[str, str]) -> str | None:
        """The problem of a request to sign in, None if it is valid."""
        wanted = {"client_id": CLIENT_ID, "response_type": "code", "code_challenge_method": "S256"}
        for name, value in wanted.items():
            if query.get(name) != value:
                return f"{name} is {query.get(name)!r}; it must be {value!r}"
        if "openid" not in query.get("scope", "").split():
            return "scope does not include openid"
        uri = query.get("redirect_uri", "")
        if uri not in self._callbacks:
            return f"redirect_uri is {uri!r}: use one of {', '.join(self._callbacks)}"
        return next(
            (f"{name} is missing" for name in ("state", "code_challenge") if not query.get(name)), None
        )

    def _code(self, person: Person, query: dict[str, str]) -> str:
        code = secrets.token_urlsafe(24)
        expires = time.monotonic() + CODE_SECONDS
        self._grants[code] = Grant(
            person=person,
            redirect_uri=query["redirect_uri"],
            challenge=query["code_challenge"],
            nonce=query.get("nonce"),
            expires=expires,
        )
        return code

    async def _exchange(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        grant = self._grants.pop(form.get("code", ""), None)  # a code is valid once
        if grant is None or not _matches(grant, form):
            said = {
                "error": "invalid_grant",
                "error_description": "The code is invalid or has expired.",
            }
            return web.json_response(said, status=400)
        return web.json_response(
            {
                "access_token": self.access_token(grant.person),
                "id_token": self.id_token(grant.person, grant.nonce),
                "token_type": "Bearer",
                "expires_in": TOKEN_SECONDS,
            }
        )

    async def _token_for(self, request: web.Request) -> web.Response:
        """Give an API client at the terminal a token, as no real provider would."""
        person = PEOPLE.get(request.query.get("user", ""))
        if person is None:
            return web.Response(status=400, text=f"?user= must be one of {', '.join(PEOPLE)}\n")
        return web.Response(text=self.access_token(person))

    async def _end_session(self, request: web.Request) -> web.Response:
        back = request.query.get("post_logout_redirect_uri", "")
        if back in self._signed_out:
            raise web.HTTPFound(back)
        return html(page("Signed out", "<p>You are signed out.</p>", links=False))


def _people_page(query: Mapping[str, str]) -> str:
    """Ask who wants to sign in. `query`, the console's request, is sent along with the answer."""
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in query.items()
    )
    rows = (
        [f'<button name="person" value="{person.key}">{escape(person.name)}</button>', escape(person.may)]
        for person in PEOPLE.values()
    )
    return page(
        "Sign in",
        f'<form action="/authorize">{hidden}{table(("Person", "May"), rows, "")}'
        '<p><button name="person" value="">Do not sign in</button></p></form>'
        '<p class="muted">This provider exists only on this machine and does not ask for a password.</p>',
        links=False,
    )


def _matches(grant: Grant, form: dict[str, str]) -> bool:
    digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    return (
        form.get("grant_type") == "authorization_code"
        and form.get("client_id") == CLIENT_ID
        and form.get("redirect_uri") == grant.redirect_uri
        and secrets.compare_digest(challenge.encode(), grant.challenge.encode())
        and time.monotonic() < grant.expires
    )
